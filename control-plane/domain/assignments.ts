import { type LabelledCluster, selectableLabels } from './clusters.js';
import { type LabelSelector, type Labels, matcherOf, selectorFromText } from './label-selector.js';

/** What an assignment says, and what settles which of two has its way. */
export interface Assigning {
  readonly id: string;
  readonly policyId: string;
  readonly version: number;
  readonly mode: 'observe' | 'enforce';
  /** A selector as text; '' is every cluster. */
  readonly clusters: string;
  readonly priority: number;
  readonly createdAt: Date;
}

/** One policy of one cluster. */
export interface Decision {
  readonly clusterId: string;
  readonly policyId: string;
  readonly version: number;
  readonly mode: 'observe' | 'enforce';
  readonly assignmentId: string;
}

export const PRIORITY_LIMIT = 1000;
export const SELECTOR_TEXT_MAX = 4096;

/**
 * What each cluster is to run: of a policy's assignments that choose it the one with the highest
 * priority, of those the newest. Decided here and not in SQL: it has the one meaning of a selector that
 * everything else has, and no statement grows with what a tenant writes.
 */
export function decide(
  assignments: readonly Assigning[],
  clusters: readonly LabelledCluster[],
): Decision[] {
  const candidates = [...assignments]
    .sort(byPrecedence)
    .map((assignment) => ({ ...assignment, matches: chooses(assignment) }));
  return clusters.flatMap((cluster) => {
    const labels = selectableLabels(cluster);
    const decided = new Map<string, Decision>();
    for (const { id, policyId, version, mode, matches } of candidates) {
      if (decided.has(policyId) || !matches(labels)) continue;
      decided.set(policyId, { clusterId: cluster.id, policyId, version, mode, assignmentId: id });
    }
    return [...decided.values()];
  });
}

/** Whether the assignment chooses a cluster of these selectable labels. */
export function chooses(assignment: Pick<Assigning, 'clusters'>): (labels: Labels) => boolean {
  return matcherOf(clustersOf(assignment));
}

/** @throws BulkheadError INVALID_ARGUMENT */
export function clustersOf({ clusters }: Pick<Assigning, 'clusters'>): LabelSelector {
  return selectorFromText('clusters', clusters);
}

/** Ids rise with time, and no two are the same. */
function byPrecedence(a: Assigning, b: Assigning): number {
  return (
    b.priority - a.priority ||
    b.createdAt.getTime() - a.createdAt.getTime() ||
    (b.id > a.id ? 1 : -1)
  );
}
