import { and, eq, isNull, sql } from 'drizzle-orm';
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
  readonly archivedAt?: Date;
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

/** @throws BulkheadError NOT_FOUND, also where it is archived */
export async function getCluster(tx: TenantTx, id: string): Promise<Cluster> {
  const [row] = await tx.queries.select().from(clusters).where(isLive(tx, id));
  return clusterFromRow(found(row, 'cluster'));
}

/** Archived ones too: for what they had a part in. @throws BulkheadError NOT_FOUND */
export async function getAnyCluster(tx: TenantTx, id: string): Promise<Cluster> {
  const [row] = await tx.queries.select().from(clusters).where(byId(tx, id));
  return clusterFromRow(found(row, 'cluster'));
}

/** It is not archived before the transaction ends. @throws BulkheadError NOT_FOUND, also where it is archived */
export async function holdCluster(tx: TenantTx, id: string): Promise<void> {
  const [row] = await tx.queries
    .select({ id: clusters.id })
    .from(clusters)
    .where(isLive(tx, id))
    .for('share');
  found(row, 'cluster');
}

/** All that the caller may see. */
export async function listClusterIds(tx: TenantTx): Promise<readonly string[]> {
  const rows = await tx.queries
    .select({ id: clusters.id })
    .from(clusters)
    .where(and(eq(clusters.tenantId, tx.tenantId), isNull(clusters.archivedAt)));
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
  const [row] = await tx.queries.select().from(clusters).where(isLive(tx, id)).for('update');
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

/**
 * Gone from the lists, its name free, to run nothing; the row stays for the events, alerts and nodes
 * that name it. The ways to join it are the caller's to end, then its nodes to revoke, in this
 * transaction: what joins at the same moment is then among them. `check` as in updateCluster.
 * @throws BulkheadError NOT_FOUND, FROZEN
 */
export async function archiveCluster(
  tx: TenantTx,
  id: string,
  check: (current: Cluster) => void = () => {},
  freeze?: FreezeStance,
): Promise<Cluster> {
  await lockDesired(tx);
  // Not `for update`: a node that joins holds its token and waits for the key of its cluster.
  const [row] = await tx.queries.select().from(clusters).where(isLive(tx, id)).for('no key update');
  check(clusterFromRow(found(row, 'cluster')));
  const rows = await tx.queries
    .update(clusters)
    .set({ archivedAt: sql`now()`, revision: sql`${clusters.revision} + 1` })
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
        isNull(clusters.archivedAt),
        labels && labelsMatch(SELECTABLE_LABELS, labels),
        namePrefix === undefined ? undefined : startsWith(clusters.name, namePrefix),
        order.after(pageStart(filter, 2)),
      ),
    )
    .orderBy(...order.by)
    .limit(limit + 1);
  return toPage(rows, limit, clusterFromRow, order.keyOf);
}

function isLive(tx: TenantTx, id: string) {
  return and(byId(tx, id), isNull(clusters.archivedAt));
}

function byId(tx: TenantTx, id: string) {
  return and(eq(clusters.tenantId, tx.tenantId), eq(clusters.id, id));
}

function clusterFromRow(row: typeof clusters.$inferSelect): Cluster {
  const { tenantId: _tenantId, archivedAt, ...cluster } = row;
  return { ...cluster, ...(archivedAt && { archivedAt }) };
}
