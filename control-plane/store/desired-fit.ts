import { and, asc, eq, sql } from 'drizzle-orm';
import { decodePolicy } from '../../proto/ts/policy/decode.js';
import type { Policy } from '../../proto/ts/policy/model.js';
import { needTogether, tooMuchTogether } from '../domain/policies.js';
import { uuidArray } from './ids.js';
import { assignments } from './schema/assignments.js';
import { clusters } from './schema/clusters.js';
import { desiredState } from './schema/desired-state.js';
import { policies } from './schema/policies.js';
import type { TenantTx } from './transaction.js';

/** Clusters that are to run the same. */
interface PolicySet {
  readonly policies: readonly (readonly [policyId: string, version: number])[];
  /** One of them. */
  readonly clusterId: string;
  readonly clusterCount: number;
}

/** So many policies are named where they are too much together. */
const NAMED_MAX = 8;

/**
 * Whether what each of these clusters is to run fits a node's tables: a node refuses a bundle that does
 * not, so it is refused here, where somebody reads why. Each distinct set of policies is looked at once,
 * and none where all of their policies fit together: a part never needs more than the whole.
 * @throws BulkheadError POLICY_INVALID
 */
export async function checkDesiredFits(tx: TenantTx, clusterIds: readonly string[]): Promise<void> {
  const documents = await documentsOf(tx, clusterIds);
  if (needTogether([...documents.values()]).fits) return;
  for (const set of await setsOf(tx, clusterIds)) {
    const together = set.policies.flatMap((key) => documents.get(String(key)) ?? []);
    const need = needTogether(together);
    if (!need.fits) throw tooMuchTogether(await describe(tx, set), need);
  }
}

async function setsOf(tx: TenantTx, clusterIds: readonly string[]): Promise<readonly PolicySet[]> {
  const rows = await tx.queries.execute<{
    policies: PolicySet['policies'];
    cluster_id: string;
    cluster_count: number;
  }>(sql`
    select policies, min(cluster_id::text) as cluster_id, count(*)::integer as cluster_count
    from (
      select cluster_id, jsonb_agg(jsonb_build_array(policy_id, version) order by policy_id) as policies
      from desired_state
      where tenant_id = ${tx.tenantId}::uuid and cluster_id = any(${uuidArray(clusterIds)})
      group by cluster_id
    ) of_each
    group by policies`);
  return rows.map((row) => ({
    policies: row.policies,
    clusterId: row.cluster_id,
    clusterCount: row.cluster_count,
  }));
}

/** By String([policyId, version]). */
async function documentsOf(
  tx: TenantTx,
  clusterIds: readonly string[],
): Promise<ReadonlyMap<string, Policy>> {
  const rows = await tx.queries.execute<{
    policy_id: string;
    version: number;
    normalised: Uint8Array;
  }>(sql`
    select policy_id, version, normalised from policy_versions
    where tenant_id = ${tx.tenantId}::uuid and (policy_id, version) in (
      select policy_id, version from desired_state
      where tenant_id = ${tx.tenantId}::uuid and cluster_id = any(${uuidArray(clusterIds)}))`);
  return new Map(
    rows.map((row) => [String([row.policy_id, row.version]), decodePolicy(row.normalised)]),
  );
}

/** `the policies of the cluster a and 2 more (drift 3 by everywhere, ...)` */
async function describe(tx: TenantTx, { clusterId, clusterCount }: PolicySet): Promise<string> {
  const rows = await tx.queries
    .select({
      cluster: clusters.name,
      policy: policies.name,
      version: desiredState.version,
      assignment: assignments.name,
    })
    .from(desiredState)
    .innerJoin(
      clusters,
      and(eq(clusters.tenantId, desiredState.tenantId), eq(clusters.id, desiredState.clusterId)),
    )
    .innerJoin(
      policies,
      and(eq(policies.tenantId, desiredState.tenantId), eq(policies.id, desiredState.policyId)),
    )
    .innerJoin(
      assignments,
      and(
        eq(assignments.tenantId, desiredState.tenantId),
        eq(assignments.id, desiredState.assignmentId),
      ),
    )
    .where(and(eq(desiredState.tenantId, tx.tenantId), eq(desiredState.clusterId, clusterId)))
    .orderBy(asc(policies.name));
  const named = rows
    .slice(0, NAMED_MAX)
    .map(({ policy, version, assignment }) => `${policy} ${version} by ${assignment}`);
  const list = [...named, ...andMore(rows.length - NAMED_MAX)].join(', ');
  const where = [rows[0]?.cluster ?? clusterId, ...andMore(clusterCount - 1)].join(' and ');
  return `the policies of the cluster ${where} (${list})`;
}

const andMore = (count: number) => (count > 0 ? [`${count} more`] : []);
