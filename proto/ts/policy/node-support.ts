import { type BoundSet, bindLargest } from './bind.js';
import { type ConditionName, isConditionName } from './language.js';
import {
  type BundledPolicy,
  type Policy,
  type PolicySelector,
  SECTION_NAMES,
  type SectionName,
  type UserIdRange,
} from './model.js';
import type { PolicyPlaces } from './places.js';
import type { Problem, Severity } from './problems.js';

/*
 * The language is larger than what the agents of this version carry out. Whoever stores a policy asks here
 * first; a node that is sent more refuses the bundle and keeps what was in force.
 */

/** Selectors, responses, lists of paths and ranges of users that a node's table holds per policy set (bpf/include/abi.h). */
export const NODE_LIMITS = { selectors: 64, responses: 64, pathLists: 63, userRanges: 64 } as const;

/** Conditions that the agent has the facts for, or that the kernel programs decide. */
const CARRIED_OUT: ReadonlySet<ConditionName> = new Set([
  'operation',
  'executableOrigin',
  'processName',
  'processExecutable',
  'parentExecutable',
  'sessionLeaderInteractive',
  'processUserId',
  'processCapability',
  'targetFilePath',
  'ignoreVolumeMounts',
  'ignoreVolumeFiles',
  'containerImageFullName',
  'containerImageName',
  'containerImageTag',
  'containerImageDigest',
  'containerName',
  'kubernetesNamespace',
  'kubernetesPodName',
]);

export interface UnsupportedPart {
  readonly section: SectionName;
  /** undefined: the section as a whole. */
  readonly selector: string | undefined;
  /** Index of the response. */
  readonly response: number | undefined;
  /** Lower case, to follow a place. */
  readonly message: string;
}

/** What of a policy the nodes cannot carry out. */
export function unsupportedParts(policy: Policy): UnsupportedPart[] {
  return SECTION_NAMES.flatMap((section) => {
    const content = policy[section];
    if (!content) return [];
    const parts: UnsupportedPart[] = [];
    for (const selector of content.selectors) {
      for (const what of unsupportedConditions(selector)) {
        const message = `${what} is not carried out by the nodes of this version`;
        parts.push({ section, selector: selector.name, response: undefined, message });
      }
    }
    content.responses.forEach(({ match, actions }, response) => {
      const forks = match.find((at) => content.selectors[at]?.operations.includes('fork'));
      if (!actions.includes('block') || forks === undefined) return;
      const name = content.selectors[forks]?.name ?? '';
      const message = `the nodes of this version cannot block fork, which ${name} means too`;
      parts.push({ section, selector: undefined, response, message });
    });
    return parts;
  });
}

/** The same as problems, at their places in the document; and whether it is too large for a node's table. */
export function supportProblems(
  policy: Policy,
  places: PolicyPlaces,
  severity: Severity,
): Problem[] {
  const problems = unsupportedParts(policy).map(
    ({ section, selector, response, message }): Problem => {
      const of = places[section];
      const place =
        (selector !== undefined && of?.selectors.get(selector)) ||
        (response !== undefined && of?.responses[response]) ||
        of?.place;
      const { line, column, path } = place ?? { line: 1, column: 1, path: '' };
      return { code: 'POLICY_UNSUPPORTED', severity, line, column, path, message };
    },
  );
  const need = tableNeed([{ policyId: '', version: 1, name: '', mode: 'enforce', policy }]);
  return need.fits ? problems : [...problems, { ...tableFull('the policy', need), severity }];
}

/** That policies together need more than a node's table has. */
export function tableFull(what: string, need: TableNeed): Problem {
  const { selectors, responses, pathLists, userRanges: users } = NODE_LIMITS;
  const message =
    `${what} would need ${need.selectors} selectors, ${need.responses} responses, ` +
    `${need.pathLists} lists of paths and ${need.userRanges} ranges of users in a node's table, ` +
    `which has ${selectors}, ${responses}, ${pathLists} and ${users}`;
  const hint = 'merge responses, or assign to fewer clusters';
  const place = { line: 1, column: 1, path: '' };
  return { code: 'POLICY_TABLE_FULL', severity: 'error', ...place, message, hint };
}

export interface TableNeed {
  readonly selectors: number;
  readonly responses: number;
  readonly pathLists: number;
  readonly userRanges: number;
  readonly fits: boolean;
}

/**
 * The most that any container can need of these policies: what the control plane checks before a
 * node has to. An upper bound: it takes every condition on a container as met.
 */
export function tableNeed(policies: readonly BundledPolicy[]): TableNeed {
  const set = bindLargest(policies);
  return {
    selectors: set.selectors.length,
    responses: set.responses.length,
    pathLists: set.pathLists.length,
    userRanges: userRanges(set).length,
    fits: fitsNode(set),
  };
}

export function fitsNode(set: BoundSet): boolean {
  const { selectors, responses, pathLists } = set;
  return (
    selectors.length <= NODE_LIMITS.selectors &&
    responses.length <= NODE_LIMITS.responses &&
    pathLists.length <= NODE_LIMITS.pathLists &&
    userRanges(set).length <= NODE_LIMITS.userRanges
  );
}

/** The distinct ranges of users that selectors ask for, and the indexes of those selectors. */
export function userRanges({
  selectors,
}: BoundSet): (UserIdRange & { readonly selectors: readonly number[] })[] {
  const ranges = new Map<string, UserIdRange & { selectors: number[] }>();
  selectors.forEach(({ userIds }, index) => {
    for (const { first, last } of userIds) {
      const key = `${first}-${last}`;
      const range = ranges.get(key) ?? { first, last, selectors: [] };
      range.selectors.push(index);
      ranges.set(key, range);
    }
  });
  return [...ranges.values()];
}

/** Whether the kernel programs of this version can decide what is left of a set. */
export function isCarriedOut({ argLists }: BoundSet): boolean {
  return argLists.length === 0;
}

function unsupportedConditions(selector: PolicySelector): string[] {
  const { texts, flags, userIds, capabilities } = selector;
  const used = [
    ...Object.keys(texts),
    ...Object.keys(flags),
    ...(userIds.length > 0 ? ['processUserId'] : []),
    ...(capabilities.length > 0 ? ['processCapability'] : []),
  ].filter(isConditionName);
  return used.filter((one) => !CARRIED_OUT.has(one)).map((one) => `the condition ${one}`);
}
