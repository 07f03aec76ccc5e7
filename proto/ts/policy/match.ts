import type { BoundSet } from './bind.js';
import type { PolicyEvent } from './event.js';
import { type EventCondition, eventConditions } from './event-conditions.js';
import type { ConditionName } from './language.js';
import { ACTION_BITS, type Action, type Operation } from './model.js';
import { type PathMatches, PathReader } from './path-matches.js';

export interface MatchResult {
  /** Indexes into the set's responses, rising. */
  readonly fired: readonly number[];
  /** Union over those that fired, in the order log, alert, block. */
  readonly actions: readonly Action[];
  /** A block that is in force. */
  readonly block: boolean;
  /** A block that is only observed: nothing in force blocks, something observed would. */
  readonly wouldBlock: boolean;
  /** What could not be read although a selector asks for it whose other conditions all hold. */
  readonly undecided: readonly ConditionName[];
}

/**
 * Judges events by a bound set: every response fires on its own, the actions are the union, a block in
 * force wins over an observed one. One event at a time: buffers are kept between them.
 */
export class Matcher {
  readonly #set: BoundSet;
  readonly #paths: PathReader;
  readonly #uses: { readonly [Path in keyof PathMatches]: boolean };
  /** By selector. */
  readonly #conditions: readonly (readonly EventCondition[])[];
  readonly #concerned: { readonly [Name in Operation]: Concerned };
  /** By selector: 1 if it matches. */
  readonly #matched: Uint8Array;
  /** By response: 1 if it fired. */
  readonly #fired: Uint8Array;

  /** @throws AutomatonTooLarge */
  constructor(set: BoundSet) {
    const { selectors, argLists, pathLists } = set;
    this.#set = set;
    this.#paths = new PathReader(pathLists);
    this.#uses = {
      executable: selectors.some((one) => one.executable !== undefined),
      parentExecutable: selectors.some((one) => one.parentExecutable !== undefined),
      target: selectors.some((one) => one.target !== undefined),
    };
    this.#conditions = selectors.map((selector) => eventConditions(selector, argLists));
    this.#concerned = concernedBy(set);
    this.#matched = new Uint8Array(selectors.length);
    this.#fired = new Uint8Array(set.responses.length);
  }

  match(event: PolicyEvent): MatchResult {
    const paths = this.#paths.read(event, this.#uses);
    const fired: number[] = [];
    const undecided: ConditionName[] = [];
    for (const operation of event.operations) {
      this.#judge(operation, event, paths, fired, undecided);
    }
    for (const index of fired) this.#fired[index] = 0;
    return resultOf(this.#set, fired, undecided);
  }

  #judge(
    operation: Operation,
    event: PolicyEvent,
    paths: PathMatches,
    fired: number[],
    undecided: ConditionName[],
  ): void {
    const { selectors, responses } = this.#concerned[operation];
    const matched = this.#matched;
    matched.fill(0);
    for (const index of selectors) {
      if (selects(this.#conditions[index] ?? [], event, paths, undecided)) matched[index] = 1;
    }
    for (const index of responses) {
      const response = this.#set.responses[index];
      if (!response || this.#fired[index] === 1) continue;
      if (any(response.match, matched) && !any(response.exclude, matched)) {
        this.#fired[index] = 1;
        fired.push(index);
      }
    }
  }
}

function selects(
  conditions: readonly EventCondition[],
  event: PolicyEvent,
  paths: PathMatches,
  undecided: ConditionName[],
): boolean {
  let isUndecided = false;
  for (const { judge } of conditions) {
    const truth = judge(event, paths);
    if (truth === false) return false;
    if (truth === undefined) isUndecided = true;
  }
  if (!isUndecided) return true;
  for (const { condition, judge } of conditions) {
    if (judge(event, paths) === undefined && !undecided.includes(condition)) {
      undecided.push(condition);
    }
  }
  return false;
}

/** Indexes into a set's selectors and responses that one operation can concern. */
interface Concerned {
  readonly selectors: readonly number[];
  readonly responses: readonly number[];
}

function concernedBy(set: BoundSet): { readonly [Name in Operation]: Concerned } {
  const of = (operation: Operation): Concerned => {
    const concerns = (index: number): boolean =>
      set.selectors[index]?.operations.includes(operation) ?? false;
    return {
      selectors: [...set.selectors.keys()].filter(concerns),
      responses: [...set.responses.keys()].filter((index) =>
        set.responses[index]?.match.some(concerns),
      ),
    };
  };
  return {
    fork: of('fork'),
    exec: of('exec'),
    load: of('load'),
    createExecutable: of('createExecutable'),
    modifyExecutable: of('modifyExecutable'),
    createFile: of('createFile'),
    modifyFile: of('modifyFile'),
    deleteFile: of('deleteFile'),
    openFile: of('openFile'),
    renameFile: of('renameFile'),
  };
}

function any(indexes: readonly number[], matched: Uint8Array): boolean {
  for (const index of indexes) if (matched[index] === 1) return true;
  return false;
}

function resultOf(set: BoundSet, fired: number[], undecided: ConditionName[]): MatchResult {
  if (fired.length > 1) fired.sort((a, b) => a - b);
  let bits = 0;
  let block = false;
  let observed = false;
  for (const index of fired) {
    const response = set.responses[index];
    for (const action of response?.actions ?? []) bits |= ACTION_BITS[action];
    if (!response?.actions.includes('block')) continue;
    if (response.observe) observed = true;
    else block = true;
  }
  return {
    fired,
    actions: ACTIONS[bits] ?? [],
    block,
    wouldBlock: observed && !block,
    undecided,
  };
}

const ACTION_WORDS: readonly Action[] = ['log', 'alert', 'block'];
/** By union of their bits. */
const ACTIONS: readonly (readonly Action[])[] = Array.from({ length: 8 }, (_, bits) =>
  ACTION_WORDS.filter((action) => (bits & ACTION_BITS[action]) !== 0),
);
