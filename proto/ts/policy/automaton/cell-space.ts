/** So many misses, and states of several cells are not tried there any more. */
const MAX_MISSES = 32;

/** Free cells, first fit: states of several cells first, those of one fill the holes. */
export class CellSpace {
  #used = new Uint8Array(1024);
  #taken = new Uint8Array(1024);
  /** By cell: a cell from which on to look for the next free one. */
  #next = new Int32Array(0);
  /** Before it hardly a state of several cells fits. */
  #from = 1;
  highestBase = 0;

  constructor() {
    this.#grow(1024);
  }

  /** The base, from 1, at which all of base + offset are free now and taken then. No base is given twice. */
  place(offsets: readonly number[]): number {
    const base = this.#find(offsets);
    this.#grow(base + 257);
    this.#taken[base] = 1;
    for (const offset of offsets) {
      this.#used[base + offset] = 1;
      this.#next[base + offset] = base + offset + 1;
    }
    this.highestBase = Math.max(this.highestBase, base);
    return base;
  }

  #find(offsets: readonly number[]): number {
    const first = offsets[0] ?? 0;
    const several = offsets.length > 1;
    let misses = 0;
    for (let cell = this.#free((several ? this.#from : 1) + first); ; cell = this.#free(cell + 1)) {
      const base = cell - first;
      if (this.#taken[base] !== 1 && this.#fits(base, offsets)) return base;
      misses += 1;
      if (several && misses % MAX_MISSES === 0) this.#from = base;
    }
  }

  #fits(base: number, offsets: readonly number[]): boolean {
    for (const offset of offsets) if (this.#used[base + offset] === 1) return false;
    return true;
  }

  /** The first free cell from there on; paths are halved on the way. */
  #free(from: number): number {
    this.#grow(from + 1);
    let cell = from;
    for (;;) {
      const next = this.#next[cell] ?? cell;
      if (next === cell) return cell;
      const after = this.#next[next] ?? next;
      this.#next[cell] = after;
      cell = after;
      this.#grow(cell + 1);
    }
  }

  #grow(size: number): void {
    const former = this.#next.length;
    if (size <= former) return;
    const length = Math.max(size, 2 * former);
    const next = new Int32Array(length);
    next.set(this.#next);
    for (let cell = former; cell < length; cell += 1) next[cell] = cell;
    this.#next = next;
    const used = new Uint8Array(length);
    used.set(this.#used.subarray(0, length));
    this.#used = used;
    const taken = new Uint8Array(length);
    taken.set(this.#taken.subarray(0, length));
    this.#taken = taken;
  }
}
