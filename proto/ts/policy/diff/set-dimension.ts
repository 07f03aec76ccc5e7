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
import type { Put, Sample } from './sample.js';

/** One of the things that an aspect holds: a label, an argument, a capability. */
export interface Member<Value> {
  readonly value: Value;
  /** Questions that are answered with yes because of it. */
  readonly yes: ReadonlySet<number>;
  /** Of members of one group only one can be there: a label has one value. */
  readonly group: string;
}

/** What a set dimension is made of. */
export interface SetSource<Value> {
  /** The most ordinary first. */
  readonly members: readonly Member<Value>[];
  readonly complete: boolean;
  /** So many distinct groups that do the same were looked for: with more at once it is not complete. */
  readonly groupsOfSort: number;
  readonly put: (sample: Sample, values: readonly Value[]) => void;
  /** Makes the aspect unreadable or unknown. */
  readonly putNothing: Put;
  readonly sort: AspectSort;
}

/** An aspect that holds any number of things; a question is whether one of them is among its own. */
export class SetDimension<Value> implements Dimension {
  readonly source: SetSource<Value>;
  #complete: boolean;

  constructor(source: SetSource<Value>) {
    this.source = source;
    this.#complete = source.complete;
  }

  get complete(): boolean {
    return this.#complete;
  }

  start(pass: Pass): Possible {
    const { known, gap } = isLookedAt(this.source.sort, pass);
    return new PossibleSets(this, { yes: [], no: new Set(), members: known ? [] : undefined, gap });
  }

  /** Members that together answer so; undefined: there are none. */
  cover(yes: readonly number[], no: ReadonlySet<number>): readonly Member<Value>[] | undefined {
    const allowed = this.source.members.filter((member) => ![...no].some((q) => member.yes.has(q)));
    const members = coverWith(allowed, yes, []);
    if (!members && yes.length > this.source.groupsOfSort) this.#complete = false;
    return members;
  }
}

function coverWith<Value>(
  allowed: readonly Member<Value>[],
  yes: readonly number[],
  taken: readonly Member<Value>[],
): readonly Member<Value>[] | undefined {
  const open = yes.find((question) => !taken.some((member) => member.yes.has(question)));
  if (open === undefined) return taken;
  for (const member of allowed) {
    if (!member.yes.has(open) || taken.some(({ group }) => group === member.group)) continue;
    const covered = coverWith(allowed, yes, [...taken, member]);
    if (covered) return covered;
  }
  return undefined;
}

interface Assumed<Value> {
  readonly yes: readonly number[];
  readonly no: ReadonlySet<number>;
  /** undefined: it is not known what is there. */
  readonly members: readonly Member<Value>[] | undefined;
  /** It may be that nothing is known. */
  readonly gap: boolean;
}

class PossibleSets<Value> implements Possible {
  readonly #dimension: SetDimension<Value>;
  readonly #assumed: Assumed<Value>;

  constructor(dimension: SetDimension<Value>, assumed: Assumed<Value>) {
    this.#dimension = dimension;
    this.#assumed = assumed;
  }

  get cost(): number {
    return this.#assumed.members?.length ?? GAP_COST;
  }

  assume(literal: Literal, truth: boolean): Possible | undefined {
    const { question, enforce } = literal;
    const { yes, no, members, gap } = this.#assumed;
    const assumed = {
      yes: truth && !yes.includes(question) ? [...yes, question] : yes,
      no: truth ? no : new Set([...no, question]),
      gap: gap && counts(undefined, enforce) === truth,
    };
    const next = members && this.#dimension.cover(assumed.yes, assumed.no);
    if (!next && !assumed.gap) return undefined;
    return new PossibleSets(this.#dimension, { ...assumed, members: next });
  }

  answer(literal: Literal): Truth {
    const { yes, no } = this.#assumed;
    const { question, enforce } = literal;
    if (!this.#assumed.gap) {
      if (yes.includes(question)) return true;
      if (no.has(question)) return false;
    } else if (!this.#assumed.members) return counts(undefined, enforce);
    if (!this.assume(literal, true)) return false;
    return this.assume(literal, false) ? undefined : true;
  }

  get put(): Put {
    const { members } = this.#assumed;
    const { put, putNothing } = this.#dimension.source;
    return members
      ? (sample) =>
          put(
            sample,
            members.map(({ value }) => value),
          )
      : putNothing;
  }
}

/** Behind everything that is known. */
const GAP_COST = 1_000_000;
