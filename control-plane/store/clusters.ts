import { and, asc, eq, gt } from 'drizzle-orm';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { clusters } from './schema/clusters.js';
import type { TenantTx } from './transaction.js';

export interface Cluster {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
}

/** @throws BulkheadError CONFLICT where the tenant has one of that name */
export async function createCluster(
  tx: TenantTx,
  cluster: { readonly name: string; readonly labels?: Readonly<Record<string, string>> },
): Promise<Cluster> {
  const rows = await tx.queries
    .insert(clusters)
    .values({
      tenantId: tx.tenantId,
      id: newId(),
      name: cluster.name,
      labels: cluster.labels ?? {},
    })
    .returning();
  return clusterFromRow(only(rows));
}

/** @throws BulkheadError NOT_FOUND */
export async function getCluster(tx: TenantTx, id: string): Promise<Cluster> {
  const [row] = await tx.queries
    .select()
    .from(clusters)
    .where(and(eq(clusters.tenantId, tx.tenantId), eq(clusters.id, id)));
  return clusterFromRow(found(row, 'cluster'));
}

/** By name. */
export async function listClusters(
  tx: TenantTx,
  request: PageRequest = {},
): Promise<Page<Cluster>> {
  const limit = pageLimit(request);
  const [name] = pageStart(request, 1) ?? [];
  const rows = await tx.queries
    .select()
    .from(clusters)
    .where(
      and(
        eq(clusters.tenantId, tx.tenantId),
        name === undefined ? undefined : gt(clusters.name, name),
      ),
    )
    .orderBy(asc(clusters.name))
    .limit(limit + 1);
  return toPage(rows, limit, clusterFromRow, (row) => [row.name]);
}

function clusterFromRow(row: typeof clusters.$inferSelect): Cluster {
  return { id: row.id, name: row.name, labels: row.labels, createdAt: row.createdAt };
}
