import type { Truth } from '../facts.js';
import type { Dimension, Pass, Possible } from './dimension.js';
import type { Conjunction, Literal } from './questions.js';
import type { Aspect } from './sample.js';

/** All of `falsify` must be false, or one of `unless` true. */
export interface Clause {
  readonly falsify: readonly Conjunction[];
  readonly unless: readonly Conjunction[];
}

/** What the aspects that matter can still be; others may be anything. */
export type State = ReadonlyMap<Aspect, Possible>;

export interface Found {
  /** undefined: there is none, or none was found. */
  readonly state: State | undefined;
  /** Every way was tried, over aspects of which all values are known. */
  readonly complete: boolean;
}

/** Steps left to all searches together, so that they end in time. */
export interface Budget {
  steps: number;
}

/** Of one search, before it tries a few ways at random and gives up. */
const STEPS_A_SEARCH = 1_000_000;
const RANDOM_TRIES = 10;
const STEPS_A_TRY = 20_000;

class OutOfSteps extends Error {
  override readonly name = 'OutOfSteps';
}

/**
 * Looks for an event and a container that make a conjunction true and fulfil clauses: backtracking
 * over what the aspects can be, with whatever follows drawn at once. A product of all
 * aspects' values lost: ten aspects of five values each are ten million combinations, of which hardly any
 * is ever looked at here.
 */
export class Search {
  readonly #dimensionOf: (aspect: Aspect) => Dimension;
  readonly #pass: Pass;
  readonly #budget: Budget;
  readonly #starts = new Map<Aspect, Possible>();
  readonly #used = new Set<Aspect>();
  #steps = 0;
  #random: Random | undefined;

  constructor(dimensionOf: (aspect: Aspect) => Dimension, pass: Pass, budget: Budget) {
    this.#dimensionOf = dimensionOf;
    this.#pass = pass;
    this.#budget = budget;
  }

  find(wanted: readonly Literal[], clauses: readonly Clause[]): Found {
    this.#used.clear();
    let state: State | undefined = new Map();
    for (const literal of wanted) state = state && this.#assume(state, literal, true);
    if (!state) return { state, complete: this.#isComplete() };
    this.#random = undefined;
    const found = this.#within(state, clauses, STEPS_A_SEARCH);
    if (found.complete || found.state) return found;
    const random = new Random(clauses.length + 1);
    for (let tries = 0; tries < RANDOM_TRIES; tries += 1) {
      this.#random = random;
      const again = this.#within(state, clauses, STEPS_A_TRY);
      if (again.state) return again;
    }
    return found;
  }

  #within(state: State, clauses: readonly Clause[], steps: number): Found {
    this.#steps = Math.min(steps, this.#budget.steps);
    this.#budget.steps -= this.#steps;
    try {
      const found = this.#solve(state, clauses);
      return { state: found, complete: this.#isComplete() };
    } catch (error) {
      if (!(error instanceof OutOfSteps)) throw error;
      return { state: undefined, complete: false };
    } finally {
      this.#budget.steps += Math.max(0, this.#steps);
    }
  }

  #isComplete(): boolean {
    return [...this.#used].every((aspect) => this.#dimensionOf(aspect).complete);
  }

  #solve(from: State, given: readonly Clause[]): State | undefined {
    let state = from;
    let clauses = given;
    for (;;) {
      const open: Clause[] = [];
      let changed = false;
      for (const clause of clauses) {
        const reduced = this.#reduce(state, clause);
        if (reduced === true) continue;
        if (reduced === false) return undefined;
        const forced = forcedBy(reduced);
        if (!forced) {
          open.push(reduced.clause);
          continue;
        }
        const next = this.#assume(state, forced.literal, forced.truth);
        if (!next) return undefined;
        state = next;
        changed = true;
        open.push(reduced.clause);
      }
      clauses = open;
      if (!changed) break;
    }
    return clauses.length === 0 ? state : this.#branch(state, clauses);
  }

  /** Tries the ways to fulfil one clause; a later way goes without what an earlier one assumed. */
  #branch(from: State, clauses: readonly Clause[]): State | undefined {
    const [first, ...others] = [...clauses].sort((a, b) => ways(a) - ways(b));
    if (!first) return from;
    let state: State = from;
    let rest = [first, ...others];
    const target = first.falsify.find((one) => this.#truth(state, one) === true);
    const falsify = target ?? first.falsify[0];
    const literals = falsify?.literals.filter((one) => this.#answer(state, one) === undefined);
    for (const literal of this.#ordered(state, literals ?? [])) {
      const next = this.#assume(state, literal, false);
      const found = next && this.#solve(next, rest);
      if (found) return found;
      const without = this.#assume(state, literal, true);
      if (!without) return undefined;
      state = without;
    }
    for (const conjunction of first.unless) {
      let next: State | undefined = state;
      for (const literal of conjunction.literals) next = next && this.#assume(next, literal, true);
      const found = next && this.#solve(next, rest);
      if (found) return found;
      rest = [...rest, { falsify: [conjunction], unless: [] }];
    }
    return undefined;
  }

  /** Those first whose opposite leaves the most ordinary values. */
  #ordered(state: State, literals: readonly Literal[]): readonly Literal[] {
    if (this.#random) return this.#random.shuffle(literals);
    const costs = new Map(
      literals.map((literal) => [
        literal,
        this.#possible(state, literal.aspect).assume(literal, false)?.cost ?? 0,
      ]),
    );
    return [...literals].sort((a, b) => (costs.get(a) ?? 0) - (costs.get(b) ?? 0));
  }

  /** true: the clause is fulfilled; false: it cannot be. */
  #reduce(state: State, { falsify, unless }: Clause): boolean | Reduced {
    const helping: Conjunction[] = [];
    for (const conjunction of unless) {
      const truth = this.#truth(state, conjunction);
      if (truth === true) return true;
      if (truth === undefined) helping.push(conjunction);
    }
    const open: Conjunction[] = [];
    let isTrue = false;
    for (const conjunction of falsify) {
      const truth = this.#truth(state, conjunction);
      if (truth === true) isTrue = true;
      if (truth !== false) open.push(conjunction);
    }
    if (open.length === 0) return true;
    if (isTrue && helping.length === 0) return false;
    const [helper] = helping;
    const clause = { falsify: open, unless: helping };
    const unanswered = ({ literals }: Conjunction): Literal[] =>
      literals.filter((literal) => this.#answer(state, literal) === undefined);
    return {
      clause,
      toFalsify: helping.length === 0 ? open.map(unanswered) : [],
      toFulfil: isTrue && helper && helping.length === 1 ? unanswered(helper) : [],
    };
  }

  #truth(state: State, { literals }: Conjunction): Truth {
    let truth: Truth = true;
    for (const literal of literals) {
      const answer = this.#answer(state, literal);
      if (answer === false) return false;
      if (answer === undefined) truth = undefined;
    }
    return truth;
  }

  #answer(state: State, literal: Literal): Truth {
    this.#steps -= 1;
    if (this.#steps < 0) throw new OutOfSteps();
    return this.#possible(state, literal.aspect).answer(literal);
  }

  #assume(state: State, literal: Literal, truth: boolean): State | undefined {
    const possible = this.#possible(state, literal.aspect).assume(literal, truth);
    return possible && new Map(state).set(literal.aspect, possible);
  }

  #possible(state: State, aspect: Aspect): Possible {
    const possible = state.get(aspect) ?? this.#starts.get(aspect);
    this.#used.add(aspect);
    if (possible) return possible;
    const start = this.#dimensionOf(aspect).start(this.#pass);
    this.#starts.set(aspect, start);
    return start;
  }
}

interface Reduced {
  readonly clause: Clause;
  /** Of each conjunction that must be false: the literals of which one must be. */
  readonly toFalsify: readonly (readonly Literal[])[];
  /** Literals that must all be true. */
  readonly toFulfil: readonly Literal[];
}

function forcedBy({
  toFalsify,
  toFulfil,
}: Reduced): { readonly literal: Literal; readonly truth: boolean } | undefined {
  const [literal] = toFulfil;
  if (literal) return { literal, truth: true };
  const [single] = toFalsify.find((literals) => literals.length === 1) ?? [];
  return single && { literal: single, truth: false };
}

function ways({ falsify, unless }: Clause): number {
  return (falsify[0]?.literals.length ?? 0) + unless.length;
}

/** Marsaglia's xorshift32: the same numbers every time. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  shuffle<Item>(items: readonly Item[]): Item[] {
    const shuffled = [...items];
    for (let at = shuffled.length - 1; at > 0; at -= 1) {
      const other = this.#below(at + 1);
      const [a, b] = [shuffled[at], shuffled[other]];
      if (a !== undefined && b !== undefined) [shuffled[at], shuffled[other]] = [b, a];
    }
    return shuffled;
  }

  #below(end: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % end;
  }
}
