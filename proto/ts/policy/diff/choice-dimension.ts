import type { Truth } from '../facts.js';
import {
  type AspectSort,
  counts,
  type Dimension,
  isLookedAt,
  type Pass,
  type Possible,
} from './dimension.js';
import type { Literal } from './questions.js';
import type { Put } from './sample.js';

/** One value of an aspect. */
export interface Choice {
  readonly answer: (question: number) => Truth;
  readonly put: Put;
  /** It is unreadable or unknown: only for passes that look at such. */
  readonly gap: boolean;
}

/** An aspect that has one of some values, the most ordinary first. */
export class ChoiceDimension implements Dimension {
  readonly choices: readonly Choice[];
  readonly complete: boolean;
  readonly #sort: AspectSort;
  readonly #words: number;
  /** By question, twice: the choices for which it counts as yes, without and with `enforce`. */
  readonly #yes: readonly Uint32Array[];

  constructor(choices: readonly Choice[], questions: number, sort: AspectSort, complete: boolean) {
    this.choices = choices;
    this.complete = complete;
    this.#sort = sort;
    this.#words = Math.ceil(this.choices.length / 32);
    this.#yes = Array.from({ length: 2 * questions }, (_, at) =>
      this.#select(({ answer }) => counts(answer(at >>> 1), (at & 1) === 1)),
    );
  }

  start(pass: Pass): Possible {
    const { known, gap } = isLookedAt(this.#sort, pass);
    return new PossibleChoices(
      this,
      this.#select((choice) => (choice.gap ? gap : known)),
    );
  }

  yes({ question, enforce }: Literal): Uint32Array {
    return this.#yes[2 * question + (enforce ? 1 : 0)] ?? new Uint32Array(this.#words);
  }

  #select(has: (choice: Choice) => boolean): Uint32Array {
    const set = new Uint32Array(this.#words);
    this.choices.forEach((choice, at) => {
      if (has(choice)) set[at >>> 5] = (set[at >>> 5] ?? 0) | (1 << (at & 31));
    });
    return set;
  }
}

class PossibleChoices implements Possible {
  readonly cost: number;
  readonly #dimension: ChoiceDimension;
  readonly #set: Uint32Array;

  constructor(dimension: ChoiceDimension, set: Uint32Array) {
    this.#dimension = dimension;
    this.#set = set;
    const word = set.findIndex((bits) => bits !== 0);
    const bits = set[word] ?? 0;
    this.cost = word * 32 + 31 - Math.clz32(bits & -bits);
  }

  assume(literal: Literal, truth: boolean): Possible | undefined {
    const yes = this.#dimension.yes(literal);
    const set = this.#set.map((bits, at) => bits & (truth ? (yes[at] ?? 0) : ~(yes[at] ?? 0)));
    return set.some((bits) => bits !== 0) ? new PossibleChoices(this.#dimension, set) : undefined;
  }

  answer(literal: Literal): Truth {
    const yes = this.#dimension.yes(literal);
    let canBeTrue = false;
    let canBeFalse = false;
    for (let at = 0; at < this.#set.length; at += 1) {
      const bits = this.#set[at] ?? 0;
      if ((bits & (yes[at] ?? 0)) !== 0) canBeTrue = true;
      if ((bits & ~(yes[at] ?? 0)) !== 0) canBeFalse = true;
      if (canBeTrue && canBeFalse) return undefined;
    }
    return canBeTrue;
  }

  get put(): Put {
    return this.#dimension.choices[this.cost]?.put ?? (() => undefined);
  }
}
