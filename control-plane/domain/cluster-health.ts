import { compareKubernetesVersions } from '../../proto/ts/wire/kubernetes-version.js';

/** Of the nodes of a cluster that are not revoked; one may be counted in several. */
export interface NodeCounts {
  readonly total: number;
  /** Has not been heard of for NODE_SILENT_AFTER_MS. */
  readonly silent: number;
  /** Runs an older bundle than the cluster's newest. */
  readonly behind: number;
  /** Refused the last bundle that it was offered. */
  readonly refusing: number;
  /** Has lost events since its agent started. */
  readonly losing: number;
  /** Is shut out, since its certificate is held twice. */
  readonly quarantined: number;
}

/** Two heartbeats. */
export const NODE_SILENT_AFTER_MS = 90_000;

/**
 * empty: no node; down: none is heard of; degraded: some are silent, behind, refusing or in quarantine; healthy: all
 * of them run what they are to run. Lost events alone do not make a cluster degraded: policies hold.
 */
export const CLUSTER_HEALTHS = ['empty', 'down', 'degraded', 'healthy'] as const;
export type ClusterHealth = (typeof CLUSTER_HEALTHS)[number];

export interface ClusterStatus {
  readonly health: ClusterHealth;
  readonly nodes: NodeCounts;
  /** The oldest that a node says: while a cluster is upgraded there are two. */
  readonly kubernetesVersion?: string;
}

export const EMPTY_CLUSTER: ClusterStatus = {
  health: 'empty',
  nodes: { total: 0, silent: 0, behind: 0, refusing: 0, losing: 0, quarantined: 0 },
};

export function clusterStatus(
  nodes: NodeCounts,
  kubernetesVersions: readonly string[],
): ClusterStatus {
  const [oldest] = [...kubernetesVersions].sort(compareKubernetesVersions);
  return {
    health: healthOf(nodes),
    nodes,
    ...(oldest !== undefined && { kubernetesVersion: oldest }),
  };
}

function healthOf({ total, silent, behind, refusing, quarantined }: NodeCounts): ClusterHealth {
  if (total === 0) return 'empty';
  if (silent === total) return 'down';
  return silent + behind + refusing + quarantined > 0 ? 'degraded' : 'healthy';
}
