import { AutomatonTooLarge } from '../../../proto/ts/policy/automaton/build.js';
import { bindPolicies, type ResponseRef } from '../../../proto/ts/policy/bind.js';
import type { PolicyEvent } from '../../../proto/ts/policy/event.js';
import { type Explanation, explain } from '../../../proto/ts/policy/explain.js';
import { Matcher, type MatchResult } from '../../../proto/ts/policy/match.js';
import type {
  Action,
  BundledPolicy,
  ContainerFacts,
  Operation,
  PolicyMode,
} from '../../../proto/ts/policy/model.js';
import type { Place } from '../../../proto/ts/policy/places.js';
import { tableProblems } from '../../../proto/ts/policy/table-check.js';
import { BulkheadError } from '../../../proto/ts/wire/errors.js';
import { inFile, type LoadedPolicy, placeOfResponse, type Refused } from './documents.js';

/** What an event would say; what a node denies by a signal (`killed`) is denied here too. */
export const VERDICTS = ['allowed', 'denied', 'would_block', 'undecided'] as const;
export type EventVerdict = (typeof VERDICTS)[number];

/** One act in one container. */
export interface Act {
  readonly mode: PolicyMode;
  /** undefined: nothing is known of the container yet. */
  readonly container: ContainerFacts | undefined;
  readonly event: PolicyEvent;
}

export interface Judgement {
  readonly verdict: EventVerdict;
  readonly actions: readonly Action[];
  readonly fired: readonly ResponseRef[];
}

/** The explanation of an act as one of its operations. */
export interface OperationExplained extends Explanation {
  readonly operation: Operation;
  readonly verdict: EventVerdict;
}

/** All policies of one container, under the names of their files. */
export class Judge {
  readonly #policies: readonly LoadedPolicy[];
  readonly #bound = new Map<string, { refs: readonly ResponseRef[]; matcher: Matcher }>();

  constructor(policies: readonly LoadedPolicy[]) {
    this.#policies = policies;
  }

  /** @throws AutomatonTooLarge, BulkheadError BUNDLE_NOT_LOADED */
  judge({ mode, container, event }: Act): Judgement {
    const key = JSON.stringify([mode, container]);
    let bound = this.#bound.get(key);
    if (!bound) {
      const set = bindPolicies(this.#bundle(mode), container);
      bound = { refs: set.responses.map(({ ref }) => ref), matcher: new Matcher(set) };
      this.#bound.set(key, bound);
    }
    const result = bound.matcher.match(event);
    const { refs } = bound;
    return {
      verdict: verdictOf(result),
      actions: result.actions,
      fired: result.fired.flatMap((index) => refs[index] ?? []),
    };
  }

  /** Each operation on its own, as if it were the only one. @throws as judge() */
  explain({ mode, container, event }: Act): OperationExplained[] {
    return event.operations.map((operation) => {
      const one = { ...event, operations: [operation] };
      const explanation = explain(this.#bundle(mode), container, one);
      return { ...explanation, operation, verdict: verdictOf(explanation.result) };
    });
  }

  /** Where a response stands in its file. */
  placeOf(ref: Pick<ResponseRef, 'policyName' | 'section' | 'response'>): Place | undefined {
    const loaded = this.#policies.find(({ file }) => file === ref.policyName);
    return loaded && placeOfResponse(loaded, ref.section, ref.response);
  }

  #bundle(mode: PolicyMode): BundledPolicy[] {
    return this.#policies.map(({ file, policy }) => ({
      policyId: file,
      version: 1,
      name: file,
      mode,
      policy,
    }));
  }
}

/** Policies that are too large to be judged, as why a command cannot answer. */
export function refusalOf(error: unknown, policies: readonly LoadedPolicy[]): Refused | undefined {
  const isTooLarge =
    error instanceof AutomatonTooLarge ||
    (error instanceof BulkheadError && error.code === 'BUNDLE_NOT_LOADED');
  if (!isTooLarge) return undefined;
  const problems = policies.flatMap(({ file, policy, places }) =>
    inFile(file, tableProblems(policy, places)),
  );
  if (problems.length > 0) return { problems, faults: [] };
  // Each fits on its own.
  const at = { file: policies[0]?.file ?? '', line: 1, column: 1, path: '' };
  const { message } = error;
  return {
    problems: [{ ...at, code: 'POLICY_TABLE_FULL', severity: 'error', message }],
    faults: [],
  };
}

function verdictOf({
  block,
  wouldBlock,
  undecided,
}: Pick<MatchResult, 'block' | 'wouldBlock' | 'undecided'>): EventVerdict {
  if (block) return 'denied';
  if (wouldBlock) return 'would_block';
  return undecided.length > 0 ? 'undecided' : 'allowed';
}
