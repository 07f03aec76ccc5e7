import { and, eq, sql } from 'drizzle-orm';
import { CLUSTER_ID_LABEL, CLUSTER_NAME_LABEL } from '../domain/clusters.js';
import type { LabelSelector } from '../domain/label-selector.js';
import { type FreezeStance, lockDesired, recomputeDesired } from './desired-state.js';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { labelsMatch } from './label-selector.js';
import { orderOf, startsWith } from './orders.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { holdQuota } from './quotas.js';
import { clusters } from './schema/clusters.js';
import type { TenantTx } from './transaction.js';

export interface Cluster {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  /** Rises with every edit. */
  readonly revision: number;
}

const CLUSTER_ORDERS = { name: clusters.name, createdAt: clusters.createdAt } as const;
export const CLUSTER_SORTS = ['name', '-name', 'createdAt', '-createdAt'] as const;

export interface ClusterFilter extends PageRequest {
  readonly labels?: LabelSelector | undefined;
  readonly namePrefix?: string | undefined;
  readonly sort?: (typeof CLUSTER_SORTS)[number] | undefined;
}

export interface ClusterChange {
  readonly name?: string | undefined;
  /** All of them: what is not among these goes. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What selectableLabels says, in SQL. */
const SELECTABLE_LABELS = sql`(${clusters.labels} || jsonb_build_object(
  ${sql.raw(`'${CLUSTER_ID_LABEL}'`)}, ${clusters.id}, ${sql.raw(`'${CLUSTER_NAME_LABEL}'`)}, ${clusters.name}))`;

/**
 * With what assignments that choose it say it is to run.
 * @throws BulkheadError CONFLICT where the tenant has one of that name, POLICY_INVALID where it would have
 * more policies than fit a node, RESOURCE_EXHAUSTED
 */
export async function createCluster(
  tx: TenantTx,
  cluster: { readonly name: string; readonly labels?: Readonly<Record<string, string>> },
): Promise<Cluster> {
  await lockDesired(tx);
  await holdQuota(tx, 'clusters');
  const rows = await tx.queries
    .insert(clusters)
    .values({
      tenantId: tx.tenantId,
      id: newId(),
      name: cluster.name,
      labels: cluster.labels ?? {},
    })
    .returning();
  const created = clusterFromRow(only(rows));
  // It runs nothing yet that a freeze could keep.
  await recomputeDesired(tx, { clusterId: created.id }, 'overridden');
  return created;
}

/** @throws BulkheadError NOT_FOUND */
export async function getCluster(tx: TenantTx, id: string): Promise<Cluster> {
  const [row] = await tx.queries.select().from(clusters).where(byId(tx, id));
  return clusterFromRow(found(row, 'cluster'));
}

/** All that the caller may see. */
export async function listClusterIds(tx: TenantTx): Promise<readonly string[]> {
  const rows = await tx.queries
    .select({ id: clusters.id })
    .from(clusters)
    .where(eq(clusters.tenantId, tx.tenantId));
  return rows.map(({ id }) => id);
}

/**
 * `check` sees what is there and may throw; nobody changes it in between. Other assignments may choose it
 * afterwards.
 * @throws BulkheadError NOT_FOUND, FROZEN, and as createCluster
 */
export async function updateCluster(
  tx: TenantTx,
  id: string,
  { name, labels }: ClusterChange,
  check: (current: Cluster) => void = () => {},
  freeze?: FreezeStance,
): Promise<Cluster> {
  await lockDesired(tx);
  const [row] = await tx.queries.select().from(clusters).where(byId(tx, id)).for('update');
  check(clusterFromRow(found(row, 'cluster')));
  const rows = await tx.queries
    .update(clusters)
    .set({
      ...(name !== undefined && { name }),
      ...(labels !== undefined && { labels }),
      revision: sql`${clusters.revision} + 1`,
    })
    .where(byId(tx, id))
    .returning();
  await recomputeDesired(tx, { clusterId: id }, freeze);
  return clusterFromRow(only(rows));
}

/** By name, where no other order is asked for. */
export async function listClusters(
  tx: TenantTx,
  filter: ClusterFilter = {},
): Promise<Page<Cluster>> {
  const { sort = 'name', labels, namePrefix } = filter;
  const limit = pageLimit(filter);
  const order = orderOf(sort, CLUSTER_ORDERS, clusters.id);
  const rows = await tx.queries
    .select()
    .from(clusters)
    .where(
      and(
        eq(clusters.tenantId, tx.tenantId),
        labels && labelsMatch(SELECTABLE_LABELS, labels),
        namePrefix === undefined ? undefined : startsWith(clusters.name, namePrefix),
        order.after(pageStart(filter, 2)),
      ),
    )
    .orderBy(...order.by)
    .limit(limit + 1);
  return toPage(rows, limit, clusterFromRow, order.keyOf);
}

function byId(tx: TenantTx, id: string) {
  return and(eq(clusters.tenantId, tx.tenantId), eq(clusters.id, id));
}

function clusterFromRow(row: typeof clusters.$inferSelect): Cluster {
  const { tenantId: _tenantId, ...cluster } = row;
  return cluster;
}
