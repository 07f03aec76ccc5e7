import { type BoundSet, bindLargest } from './bind.js';
import { type ConditionName, isConditionName } from './language.js';
import {
  type BundledPolicy,
  type Policy,
  type PolicySelector,
  SECTION_NAMES,
  type SectionName,
} from './model.js';
import type { PolicyPlaces } from './places.js';
import type { Problem, Severity } from './problems.js';

/*
 * The language is larger than what the agents of this version carry out. Whoever publishes asks here
 * first; a node that is sent more refuses the bundle and keeps what was in force.
 */

/** Selectors and responses that a node's table holds per policy set (bpf/include/abi.h). */
export const NODE_LIMITS = { selectors: 64, responses: 64 } as const;

/** Conditions that the agent has the facts for, or that the kernel programs decide. */
const CARRIED_OUT: ReadonlySet<ConditionName> = new Set([
  'operation',
  'executableOrigin',
  'sessionLeaderInteractive',
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
    if (section === 'file') {
      const message = 'file sections are not carried out by the nodes of this version';
      return [{ section, selector: undefined, response: undefined, message }];
    }
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
  const { selectors, responses } = NODE_LIMITS;
  const message =
    `${what} would need ${need.selectors} selectors and ${need.responses} ` +
    `responses of a node's table, which has ${selectors} and ${responses}`;
  const hint = 'merge responses, or publish to fewer clusters';
  const place = { line: 1, column: 1, path: '' };
  return { code: 'POLICY_TABLE_FULL', severity: 'error', ...place, message, hint };
}

export interface TableNeed {
  readonly selectors: number;
  readonly responses: number;
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
    fits: fitsNode(set),
  };
}

export function fitsNode({ selectors, responses }: BoundSet): boolean {
  return selectors.length <= NODE_LIMITS.selectors && responses.length <= NODE_LIMITS.responses;
}

/** Whether the kernel programs of this version can decide what is left of a set. */
export function isCarriedOut({ selectors, pathLists, argLists }: BoundSet): boolean {
  return (
    pathLists.length === 0 &&
    argLists.length === 0 &&
    selectors.every(
      ({ operations, userIds, capabilities, ignoreVolumes }) =>
        operations.every((operation) => operation === 'fork' || operation === 'exec') &&
        userIds.length === 0 &&
        capabilities.length === 0 &&
        ignoreVolumes === undefined,
    )
  );
}

function unsupportedConditions(selector: PolicySelector): string[] {
  const { operations, texts, flags, userIds, capabilities } = selector;
  const used = [
    ...Object.keys(texts),
    ...Object.keys(flags),
    ...(userIds.length > 0 ? ['processUserId'] : []),
    ...(capabilities.length > 0 ? ['processCapability'] : []),
  ].filter(isConditionName);
  return [
    ...operations.filter((one) => one === 'load').map((one) => `the operation ${one}`),
    ...used.filter((one) => !CARRIED_OUT.has(one)).map((one) => `the condition ${one}`),
  ];
}
