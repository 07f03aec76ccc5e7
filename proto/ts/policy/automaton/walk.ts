import { type AutomatonTable, CELL } from './layout.js';
import { SLASH } from './pattern-code.js';

/** Walks an automaton over texts; one at a time, since it keeps its sets between walks. */
// A constant of this module is folded into the loops, a field of an imported object is not.
const {
  classShift: CLASS_SHIFT,
  target: TARGET,
  speaks: SPEAKS,
  rest: REST,
  output: OUTPUT,
} = CELL;

export class AutomatonWalk {
  readonly #cells: Uint32Array;
  readonly #classes: Uint8Array;
  readonly #slashClass: number;
  readonly #starts: Uint32Array;
  readonly #outputs: Uint32Array;
  readonly #words: number;
  /** The lists of which a pattern matched the last text, a bit each. */
  readonly matched: Uint32Array;
  readonly #component: Uint32Array;

  constructor({ cells, classes, slashClass, starts, outputs, words }: AutomatonTable) {
    this.#cells = cells;
    this.#classes = classes;
    this.#slashClass = slashClass;
    this.#starts = starts;
    this.#outputs = outputs;
    this.#words = words;
    this.matched = new Uint32Array(words);
    this.#component = new Uint32Array(words);
  }

  /**
   * Sets `matched` for the text `bytes[0, length)`. The heads go side by side, so that the processor waits for
   * one's cell while it computes another's: 10 000 patterns, whose anchored heads get further than those of 10,
   * then take 0.45 us in place of 0.57. Lost: a function for the step (0.57), a loop over the heads, steps
   * without branches (1.2).
   */
  run(bytes: Uint8Array, length: number = bytes.length): void {
    const cells = this.#cells;
    const classes = this.#classes;
    const slash = this.#slashClass;
    clear(this.matched);
    let first = this.#starts[0] as number;
    let second = this.#starts[1] as number;
    let third = this.#starts[2] as number;
    let inComponent = this.#hear(first, second, third);
    let at = 0;
    for (; at < length && (first | second) !== 0; at += 1) {
      const one = classes[bytes[at] as number] as number;
      if (first !== 0) {
        const state = first & TARGET;
        first = cells[state + one] as number;
        if (first >>> CLASS_SHIFT !== one) {
          first = cells[state] as number;
          if (one === slash || first >>> CLASS_SHIFT !== REST) first = 0;
        }
      }
      if (second !== 0) {
        const state = second & TARGET;
        second = cells[state + one] as number;
        if (second >>> CLASS_SHIFT !== one) {
          second = cells[state] as number;
          if (one === slash || second >>> CLASS_SHIFT !== REST) second = 0;
        }
      }
      if (third !== 0) {
        const state = third & TARGET;
        third = cells[state + one] as number;
        if (third >>> CLASS_SHIFT !== one) {
          third = cells[state] as number;
          if (one === slash || third >>> CLASS_SHIFT !== REST) third = 0;
        }
      }
      if (inComponent && one === slash) inComponent = this.#endComponent();
      if (((first | second | third) & SPEAKS) !== 0 && this.#hear(first, second, third)) {
        inComponent = true;
      }
    }
    // The anchored ones are at their end: the floating one goes on.
    for (; at < length && third !== 0; at += 1) {
      const one = classes[bytes[at] as number] as number;
      const state = third & TARGET;
      third = cells[state + one] as number;
      if (third >>> CLASS_SHIFT !== one) {
        third = cells[state] as number;
        if (one === slash || third >>> CLASS_SHIFT !== REST) third = 0;
      }
      if (inComponent && one === slash) inComponent = this.#endComponent();
      if ((third & SPEAKS) !== 0 && this.#hear(0, 0, third)) inComponent = true;
    }
    // Where none goes on, what holds for this component may still end with it.
    if (inComponent && !hasSlash(bytes, at, length)) this.#add(this.#component, 0);
    if (inComponent) this.#endComponent();
    this.#addFinal(first);
    this.#addFinal(second);
    this.#addFinal(third);
  }

  /** What the states say that a head has just reached; whether one says something about its component. */
  #hear(first: number, second: number, third: number): boolean {
    const one = this.#hearOne(first);
    const other = this.#hearOne(second);
    return this.#hearOne(third) || other || one;
  }

  #hearOne(to: number): boolean {
    if ((to & SPEAKS) === 0) return false;
    const words = this.#words;
    const from = this.#outputOf(to);
    this.#add(this.#outputs, from);
    let said = 0;
    for (let word = 0; word < words; word += 1) {
      const component = this.#outputs[from + words + word] as number;
      this.#component[word] = (this.#component[word] as number) | component;
      said |= component;
    }
    return said !== 0;
  }

  #endComponent(): false {
    clear(this.#component);
    return false;
  }

  #addFinal(to: number): void {
    if ((to & SPEAKS) !== 0) this.#add(this.#outputs, this.#outputOf(to) + 2 * this.#words);
  }

  #add(sets: Uint32Array, from: number): void {
    for (let word = 0; word < this.#words; word += 1) {
      this.matched[word] = (this.matched[word] as number) | (sets[from + word] as number);
    }
  }

  #outputOf(to: number): number {
    const number = (this.#cells[(to & TARGET) + OUTPUT] as number) & TARGET;
    return number * 3 * this.#words;
  }
}

/** A set has a word or a few: a call of `fill` takes longer. */
function clear(set: Uint32Array): void {
  for (let word = 0; word < set.length; word += 1) set[word] = 0;
}

function hasSlash(bytes: Uint8Array, from: number, length: number): boolean {
  const at = bytes.indexOf(SLASH, from);
  return at !== -1 && at < length;
}
