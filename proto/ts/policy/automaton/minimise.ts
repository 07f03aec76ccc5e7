import type { Machine } from './determinise.js';

/**
 * The machine with the fewest states that says the same at every step (Moore's partition refinement,
 * states compared by hash first and then exactly). Hopcroft's algorithm lost: it wants every row written out
 * class by class, and most rows here are one target and a rest.
 */
export function minimise(machine: Machine): Machine {
  const states = machine.output.length;
  let blocks = Int32Array.from(machine.output);
  // The dead state says nothing, as many others do, but nothing comes after it.
  let count = 0;
  for (;;) {
    const refined = new Refinement(machine, blocks).run();
    if (refined.count === count) break;
    ({ blocks, count } = refined);
  }
  return merge(machine, blocks, count, states);
}

/** One round: states of one block stay together if their rows lead to the same blocks. */
class Refinement {
  readonly #machine: Machine;
  readonly #blocks: Int32Array;
  readonly #next: Int32Array;
  /** Open addressing: one more than a state that stands for its new block; 0: free. */
  readonly #table: Int32Array;
  readonly #hashes: Int32Array;

  constructor(machine: Machine, blocks: Int32Array) {
    this.#machine = machine;
    this.#blocks = blocks;
    this.#next = new Int32Array(blocks.length);
    let size = 16;
    while (size < 2 * blocks.length) size *= 2;
    this.#table = new Int32Array(size);
    this.#hashes = new Int32Array(size);
  }

  run(): { blocks: Int32Array<ArrayBuffer>; count: number } {
    const next = new Int32Array(this.#next);
    const mask = this.#table.length - 1;
    let count = 0;
    for (let state = 0; state < next.length; state += 1) {
      const hash = this.#hash(state);
      let slot = hash & mask;
      for (;;) {
        const found = this.#table[slot] ?? 0;
        if (found === 0) {
          this.#table[slot] = state + 1;
          this.#hashes[slot] = hash;
          next[state] = count;
          count += 1;
          break;
        }
        if (this.#hashes[slot] === hash && this.#same(found - 1, state)) {
          next[state] = next[found - 1] ?? 0;
          break;
        }
        slot = (slot + 1) & mask;
      }
    }
    return { blocks: next, count };
  }

  #hash(state: number): number {
    const { rest, slash, rows } = this.#machine;
    const blocks = this.#blocks;
    const other = blocks[rest[state] ?? 0] ?? 0;
    let hash = mix(blocks[state] ?? 0, other);
    hash = mix(hash, blocks[slash[state] ?? 0] ?? 0);
    const row = rows[state] ?? [];
    for (let at = 0; at < row.length; at += 2) {
      const block = blocks[row[at + 1] ?? 0] ?? 0;
      if (block !== other) hash = mix(mix(hash, row[at] ?? 0), block);
    }
    return hash;
  }

  #same(a: number, b: number): boolean {
    const { rest, slash, rows } = this.#machine;
    const blocks = this.#blocks;
    const other = blocks[rest[a] ?? 0];
    if (blocks[a] !== blocks[b] || other !== blocks[rest[b] ?? 0]) return false;
    if (blocks[slash[a] ?? 0] !== blocks[slash[b] ?? 0]) return false;
    const [left = [], right = []] = [rows[a], rows[b]];
    let i = 0;
    let j = 0;
    for (;;) {
      while (i < left.length && blocks[left[i + 1] ?? 0] === other) i += 2;
      while (j < right.length && blocks[right[j + 1] ?? 0] === other) j += 2;
      if (i >= left.length || j >= right.length) return i >= left.length && j >= right.length;
      if (left[i] !== right[j]) return false;
      if (blocks[left[i + 1] ?? 0] !== blocks[right[j + 1] ?? 0]) return false;
      i += 2;
      j += 2;
    }
  }
}

function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}

/** One state a block; the dead state stays state 0. */
function merge(machine: Machine, blocks: Int32Array, count: number, states: number): Machine {
  const { starts, output, rest, slash, rows } = machine;
  const blockOf = (state: number | undefined): number => blocks[state ?? 0] ?? 0;
  const merged = {
    starts: starts.map(blockOf),
    output: new Array<number>(count).fill(0),
    rest: new Array<number>(count).fill(0),
    slash: new Array<number>(count).fill(0),
    rows: new Array<readonly number[]>(count).fill([]),
    outputs: machine.outputs,
  };
  const seen = new Uint8Array(count);
  for (let state = 0; state < states; state += 1) {
    const block = blockOf(state);
    if (seen[block] === 1) continue;
    seen[block] = 1;
    merged.output[block] = output[state] ?? 0;
    merged.rest[block] = blockOf(rest[state]);
    merged.slash[block] = blockOf(slash[state]);
    const row: number[] = [];
    const from = rows[state] ?? [];
    for (let at = 0; at < from.length; at += 2) {
      const target = blockOf(from[at + 1]);
      if (target !== merged.rest[block]) row.push(from[at] ?? 0, target);
    }
    merged.rows[block] = row;
  }
  return merged;
}
