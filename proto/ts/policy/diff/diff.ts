import { operationsOf } from '../language.js';
import type { Action, Operation, Policy, SectionName, UnknownContainer } from '../model.js';
import { SECTION_NAMES } from '../model.js';
import { compareSections, type Difference, type IsReal } from './compare.js';
import type { Budget } from './search.js';
import { sentenceOf } from './sentence.js';
import { type SelectorChange, selectorChanges } from './structure.js';
import { Judge, type Witness, witnessOf } from './witness.js';

export type { SelectorChange } from './structure.js';
export type { Witness } from './witness.js';

/** A response that does what is told of a change. */
export interface ChangedResponse {
  /** Index in the normalised section of the policy that does it. */
  readonly response: number;
  /** Names of selectors. */
  readonly match: readonly string[];
  readonly exclude: readonly string[];
}

/** Something that one of two policies does about events and the other does not. */
export interface BehaviourChange {
  /** denied: by block, where the policy is enforced. */
  readonly kind: 'denied' | 'alerted' | 'logged';
  /** newly: the later policy does it; no-longer: the earlier one. */
  readonly direction: 'newly' | 'no-longer';
  /** known: where all of event and container is known. unreadable, unknownContainer: nowhere else, or there too. */
  readonly when: 'known' | 'unreadable' | 'unknownContainer';
  readonly section: SectionName;
  readonly operations: readonly Operation[];
  /** Of the policy that does it: one, or several that always fire together. */
  readonly responses: readonly ChangedResponse[];
  /** An event, of the first of the operations, about which the two policies differ so. */
  readonly example: Witness;
  /** One sentence, lower case, no full stop. */
  readonly text: string;
}

export interface PolicyDiff {
  readonly changes: readonly BehaviourChange[];
  /** How the selectors are written; it need not change what the policy does. */
  readonly selectors: readonly SelectorChange[];
  readonly unknownContainer?: {
    readonly before: UnknownContainer;
    readonly after: UnknownContainer;
  };
  /** false: there was too much to look at, so changes may be missing. Those that are there are real. */
  readonly exact: boolean;
  /** No event whatever is judged differently; only where `exact`. */
  readonly same: boolean;
}

export interface DiffOptions {
  /** Steps of the search, up to a microsecond each; when they are used up the diff is not exact. */
  readonly maxSteps?: number;
}

const MAX_STEPS = 10_000_000;

/**
 * How two normalised policies differ in what they do, both enforced, for every event and container
 * that there can be: paths are those that the kernel gives, images are registry/path, owners of pods are of
 * the kinds that a policy may name.
 * @throws AutomatonTooLarge, BulkheadError BUNDLE_NOT_LOADED for a policy that no node could load
 */
export function diffPolicies(before: Policy, after: Policy, options: DiffOptions = {}): PolicyDiff {
  const budget: Budget = { steps: options.maxSteps ?? MAX_STEPS };
  let exact = true;
  const changes = SECTION_NAMES.flatMap((section) => {
    const isReal = realityOf(before, after, section);
    const { differences, complete } = compareSections(before, after, section, budget, isReal);
    exact &&= complete;
    const grouped = new Map<string, Difference[]>();
    for (const difference of differences) {
      const key = groupOf(difference);
      grouped.set(key, [...(grouped.get(key) ?? []), difference]);
    }
    return [...grouped.values()].flatMap((group) => {
      const policy = group[0]?.direction === 'newly' ? after : before;
      return changeOf(group, policy, section) ?? [];
    });
  });
  return {
    changes: changes.sort(compareChanges),
    selectors: selectorChanges(before, after),
    ...(before.unknownContainer !== after.unknownContainer && {
      unknownContainer: { before: before.unknownContainer, after: after.unknownContainer },
    }),
    exact,
    same: changes.length === 0,
  };
}

const KINDS = { block: 'denied', alert: 'alerted', log: 'logged' } as const satisfies Record<
  Action,
  BehaviourChange['kind']
>;
const KIND_ORDER: readonly BehaviourChange['kind'][] = ['denied', 'alerted', 'logged'];
const DIRECTION_ORDER: readonly BehaviourChange['direction'][] = ['newly', 'no-longer'];

/** The matcher on both policies. */
function realityOf(before: Policy, after: Policy, section: SectionName): IsReal {
  const [former, latter] = [new Judge(before, section), new Judge(after, section)];
  return (difference) => {
    const { direction, action, responses } = difference;
    const [doing, other] = direction === 'newly' ? [latter, former] : [former, latter];
    const witness = witnessOf(difference);
    return doing.does(action, witness, responses) && !other.does(action, witness);
  };
}

function whenOf({ pass }: Difference): BehaviourChange['when'] {
  if (pass.facts !== 'known') return 'unknownContainer';
  return pass.unreadable ? 'unreadable' : 'known';
}

function groupOf(difference: Difference): string {
  const { action, direction, responses } = difference;
  return JSON.stringify([action, direction, responses, whenOf(difference)]);
}

function changeOf(
  group: readonly Difference[],
  policy: Policy,
  section: SectionName,
): BehaviourChange | undefined {
  const words = operationsOf(section);
  const [first] = [...group].sort(
    (a, b) => words.indexOf(a.operation) - words.indexOf(b.operation),
  );
  const content = policy[section];
  if (!first || !content) return undefined;
  const namesOf = (indexes: readonly number[]): string[] =>
    indexes.flatMap((at) => content.selectors[at]?.name ?? []);
  const change = {
    kind: KINDS[first.action],
    direction: first.direction,
    when: whenOf(first),
    section,
    operations: words.filter((word) => group.some(({ operation }) => operation === word)),
    responses: first.responses.map((response) => ({
      response,
      match: namesOf(content.responses[response]?.match ?? []),
      exclude: namesOf(content.responses[response]?.exclude ?? []),
    })),
    example: witnessOf(first),
  };
  const match = content.responses[first.responses[0] ?? 0]?.match ?? [];
  const text = sentenceOf(change, {
    aspects: first.state.keys(),
    whole: group.every(({ whole }) => whole)
      ? match.flatMap((at) => content.selectors[at] ?? [])
      : undefined,
  });
  return { ...change, text };
}

function compareChanges(a: BehaviourChange, b: BehaviourChange): number {
  return (
    KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) ||
    DIRECTION_ORDER.indexOf(a.direction) - DIRECTION_ORDER.indexOf(b.direction)
  );
}
