import { sql } from 'drizzle-orm';
import {
  type ClusterStatus,
  clusterStatus,
  NODE_SILENT_AFTER_MS,
} from '../domain/cluster-health.js';
import { uuidArray } from './ids.js';
import type { TenantTx } from './transaction.js';

interface StatusRow extends Record<string, unknown> {
  readonly cluster_id: string;
  readonly total: number;
  readonly silent: number;
  readonly behind: number;
  readonly refusing: number;
  readonly losing: number;
  readonly quarantined: number;
  readonly versions: readonly string[];
}

/** How clusters stand at this moment, by id; of one that has no node there is nothing: EMPTY_CLUSTER. */
export async function readClusterStatuses(
  tx: TenantTx,
  clusterIds: readonly string[],
): Promise<ReadonlyMap<string, ClusterStatus>> {
  if (clusterIds.length === 0) return new Map();
  const rows = await tx.queries.execute<StatusRow>(sql`
    select n.cluster_id,
      count(*)::integer as total,
      count(*) filter (where coalesce(n.last_seen_at, n.joined_at)
        < now() - ${NODE_SILENT_AFTER_MS} * interval '1 millisecond')::integer as silent,
      count(*) filter (where n.applied_revision < newest.revision)::integer as behind,
      count(*) filter (where n.last_nack is not null)::integer as refusing,
      count(*) filter (where n.losses @? '$.dropped[*] ? (@.count != "0")')::integer as losing,
      count(*) filter (where n.state = 'quarantined')::integer as quarantined,
      coalesce(json_agg(distinct n.kubernetes_version)
        filter (where n.kubernetes_version is not null), '[]') as versions
    from (
      select c.id, (
        select max(b.revision) from bundles b
        where b.tenant_id = ${tx.tenantId} and b.cluster_id = c.id
      ) as revision
      from unnest(${uuidArray(clusterIds)}) as c (id)
    ) as newest
    join nodes n on n.tenant_id = ${tx.tenantId} and n.cluster_id = newest.id
    where n.revoked_at is null
    group by n.cluster_id`);
  return new Map(
    rows.map(({ cluster_id, versions, ...nodes }) => [cluster_id, clusterStatus(nodes, versions)]),
  );
}
