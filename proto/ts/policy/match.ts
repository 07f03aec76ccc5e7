import type { BoundSelector, BoundSet } from './bind.js';
import { ACTION_BITS, type Action, type ExecutableOrigin, type Operation } from './model.js';

export interface MatchableEvent {
  readonly operation: Operation;
  /** undefined: it could not be read, so a condition on it does not match. */
  readonly origin: ExecutableOrigin | undefined;
}

export interface MatchResult {
  /** Indexes into the set's responses, rising. */
  readonly fired: readonly number[];
  /** Union over those that fired, in the order log, alert, block. */
  readonly actions: readonly Action[];
  /** A block that is in force. */
  readonly block: boolean;
  /** A block that is only observed: nothing in force blocks, something observed would. */
  readonly wouldBlock: boolean;
}

/**
 * The reference for the kernel's verdicts: every response fires on its own, the actions are the
 * union, a block in force wins over an observed one.
 */
export function matchEvent(set: BoundSet, event: MatchableEvent): MatchResult {
  const matched = set.selectors.reduce(
    (mask, selector, index) => (selects(selector, event) ? mask | (1n << BigInt(index)) : mask),
    0n,
  );
  const fired: number[] = [];
  const actions = new Set<Action>();
  let block = false;
  let observedBlock = false;
  set.responses.forEach((response, index) => {
    if ((matched & response.match) === 0n || (matched & response.exclude) !== 0n) return;
    fired.push(index);
    for (const action of response.actions) actions.add(action);
    if (!response.actions.includes('block')) return;
    if (response.observe) observedBlock = true;
    else block = true;
  });
  return {
    fired,
    actions: [...actions].sort((a, b) => ACTION_BITS[a] - ACTION_BITS[b]),
    block,
    wouldBlock: observedBlock && !block,
  };
}

function selects(selector: BoundSelector, event: MatchableEvent): boolean {
  if (!selector.operations.includes(event.operation)) return false;
  if (selector.origins.length === 0) return true;
  return event.origin !== undefined && selector.origins.includes(event.origin);
}
