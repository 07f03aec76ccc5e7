import { type AutomatonTable, CELL } from './layout.js';
import { SLASH } from './pattern-code.js';

/** Walks an automaton over texts; one at a time, since it keeps its sets between walks. */
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

  /** Sets `matched` for the text `bytes[0, length)`. */
  run(bytes: Uint8Array, length: number = bytes.length): void {
    this.matched.fill(0);
    for (let head = 0; head < this.#starts.length; head += 1) {
      const start = this.#starts[head] as number;
      if (start !== 0) this.#runHead(start, bytes, length);
    }
  }

  #runHead(start: number, bytes: Uint8Array, length: number): void {
    const cells = this.#cells;
    const classes = this.#classes;
    const slash = this.#slashClass;
    let to = start;
    let inComponent = (to & CELL.speaks) !== 0 && this.#hear(to & CELL.target);
    for (let at = 0; at < length; at += 1) {
      const one = classes[bytes[at] as number] as number;
      const state = to & CELL.target;
      to = cells[state + one] as number;
      if (to >>> CELL.classShift !== one) {
        to = cells[state] as number;
        if (one === slash || to >>> CELL.classShift !== CELL.rest) {
          // Nothing begins any more, but what holds for this component ends with it.
          if (inComponent && !hasSlash(bytes, at, length)) this.#addComponent();
          else if (inComponent) this.#component.fill(0);
          return;
        }
      }
      if (inComponent && one === slash) {
        this.#component.fill(0);
        inComponent = false;
      }
      if ((to & CELL.speaks) !== 0 && this.#hear(to & CELL.target)) inComponent = true;
    }
    if (inComponent) this.#addComponent();
    if ((to & CELL.speaks) !== 0) this.#addFinal(to & CELL.target);
  }

  /** Whether the state says something about its component. */
  #hear(state: number): boolean {
    const words = this.#words;
    const from = this.#outputOf(state);
    let said = 0;
    for (let word = 0; word < words; word += 1) {
      this.matched[word] = (this.matched[word] as number) | (this.#outputs[from + word] as number);
      const component = this.#outputs[from + words + word] as number;
      this.#component[word] = (this.#component[word] as number) | component;
      said |= component;
    }
    return said !== 0;
  }

  #addComponent(): void {
    for (let word = 0; word < this.#words; word += 1) {
      this.matched[word] = (this.matched[word] as number) | (this.#component[word] as number);
    }
    this.#component.fill(0);
  }

  #addFinal(state: number): void {
    const from = this.#outputOf(state) + 2 * this.#words;
    for (let word = 0; word < this.#words; word += 1) {
      this.matched[word] = (this.matched[word] as number) | (this.#outputs[from + word] as number);
    }
  }

  #outputOf(state: number): number {
    const number = (this.#cells[state + CELL.output] as number) & CELL.target;
    return number * 3 * this.#words;
  }
}

function hasSlash(bytes: Uint8Array, from: number, length: number): boolean {
  const at = bytes.indexOf(SLASH, from);
  return at !== -1 && at < length;
}
