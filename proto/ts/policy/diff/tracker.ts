import { BitSets } from '../automaton/bit-sets.js';
import type { Automaton } from '../automaton/build.js';
import { CELL } from '../automaton/layout.js';
import { SLASH } from '../automaton/pattern-code.js';

/**
 * Follows an automaton byte by byte, as automaton/walk.ts does a whole text, so that a search can go on
 * from a state in many ways. A state is a run of numbers: where each head stands (0: it is dead),
 * then the sets that hold for good and for this component.
 */
export class Tracker {
  /** Numbers that a state has. */
  readonly width: number;
  readonly sets: BitSets;
  readonly #table: Automaton;
  readonly #restarts: boolean;
  readonly #heads: number;
  /** By number of an output: latched, component, final. */
  readonly #outputs: (readonly [number, number, number])[] = [];
  readonly #start: Int32Array;

  readonly #at: number;

  /** `restarts`: the automaton is about the last component alone. `at`: where its state begins in a longer one. */
  constructor(table: Automaton, lists: number, restarts: boolean, at: number) {
    this.#table = table;
    this.#restarts = restarts;
    this.#heads = table.starts.length;
    this.#at = at;
    this.width = this.#heads + 2;
    this.sets = new BitSets(lists);
    const start = new Int32Array(at + this.width);
    start.set(table.starts, at);
    for (const to of table.starts) this.#hear(start, to);
    this.#start = start.subarray(at);
  }

  begin(into: Int32Array): void {
    into.set(this.#start, this.#at);
  }

  /** Whether a head at this state tells the byte from the rest of them. */
  isSpecial(state: Int32Array, byte: number): boolean {
    const { cells, classes } = this.#table;
    const one = classes[byte] as number;
    for (let head = this.#at; head < this.#at + this.#heads; head += 1) {
      const to = state[head] as number;
      if (to !== 0 && (cells[(to & CELL.target) + one] as number) >>> CELL.classShift === one) {
        return true;
      }
    }
    return false;
  }

  step(from: Int32Array, into: Int32Array, byte: number): void {
    if (this.#restarts && byte === SLASH) {
      this.begin(into);
      return;
    }
    const { cells, classes, slashClass } = this.#table;
    const one = classes[byte] as number;
    const sets = this.#at + this.#heads;
    into[sets] = from[sets] as number;
    into[sets + 1] = one === slashClass ? 0 : (from[sets + 1] as number);
    for (let head = this.#at; head < sets; head += 1) {
      const state = (from[head] as number) & CELL.target;
      let to = 0;
      if (state !== 0) {
        to = cells[state + one] as number;
        if (to >>> CELL.classShift !== one) {
          to = cells[state] as number;
          if (one === slashClass || to >>> CELL.classShift !== CELL.rest) to = 0;
        }
      }
      const target = to & (CELL.target | CELL.speaks);
      into[head] = target;
      if ((target & CELL.speaks) !== 0) this.#hear(into, target);
    }
  }

  /** Id of the set of lists that match a text which ends here. */
  finish(state: Int32Array): number {
    const sets = this.#at + this.#heads;
    let matched = this.sets.union(state[sets] ?? 0, state[sets + 1] ?? 0);
    for (let head = this.#at; head < sets; head += 1) {
      matched = this.sets.union(matched, this.#said(state[head] ?? 0)[2]);
    }
    return matched;
  }

  #hear(state: Int32Array, to: number): void {
    const [latched, component] = this.#said(to);
    const sets = this.#at + this.#heads;
    state[sets] = this.sets.union(state[sets] ?? 0, latched);
    state[sets + 1] = this.sets.union(state[sets + 1] ?? 0, component);
  }

  #said(to: number): readonly [number, number, number] {
    if ((to & CELL.speaks) === 0) return NOTHING;
    const { cells, outputs, words } = this.#table;
    const number = (cells[(to & CELL.target) + CELL.output] ?? 0) & CELL.target;
    const known = this.#outputs[number];
    if (known) return known;
    const ids = [0, 1, 2].map((part) => {
      const from = (number * 3 + part) * words;
      return this.sets.of(membersOf(outputs.subarray(from, from + words)));
    });
    const said = [ids[0] ?? 0, ids[1] ?? 0, ids[2] ?? 0] as const;
    this.#outputs[number] = said;
    return said;
  }
}

const NOTHING = [0, 0, 0] as const;

export function membersOf(words: Uint32Array): number[] {
  const members: number[] = [];
  words.forEach((word, at) => {
    for (let bit = 0; bit < 32; bit += 1) if ((word >>> bit) & 1) members.push(at * 32 + bit);
  });
  return members;
}
