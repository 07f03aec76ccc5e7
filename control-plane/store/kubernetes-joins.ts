import { and, eq, sql } from 'drizzle-orm';
import { holdCluster } from './clusters.js';
import type { Database } from './database.js';
import { found, only } from './errors.js';
import {
  kubernetesJoins,
  kubernetesJoinTenants,
  type TrustedJwk,
} from './schema/kubernetes-joins.js';
import type { TenantTx } from './transaction.js';

/** With which service account's tokens the agents of a cluster join. */
export interface KubernetesJoin {
  readonly clusterId: string;
  readonly issuer: string;
  readonly audience: string;
  readonly jwks: { readonly keys: readonly TrustedJwk[] };
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdBy: string;
  readonly createdAt: Date;
  /** Rises with every edit. */
  readonly revision: number;
}

export type NewKubernetesJoin = Omit<KubernetesJoin, 'createdAt' | 'revision'>;

/** @throws BulkheadError NOT_FOUND, also where there is no such cluster */
export async function getKubernetesJoin(tx: TenantTx, clusterId: string): Promise<KubernetesJoin> {
  const [row] = await tx.queries.select().from(kubernetesJoins).where(byId(tx, clusterId));
  return fromRow(found(row, 'way to join'));
}

/**
 * Makes it, or puts it in the place of the former. `check` sees what is there and may throw; nobody
 * changes it in between.
 * @throws BulkheadError NOT_FOUND where there is no such cluster
 */
export async function putKubernetesJoin(
  tx: TenantTx,
  join: NewKubernetesJoin,
  check: (current: KubernetesJoin | undefined) => void = () => {},
): Promise<KubernetesJoin> {
  const { clusterId, ...set } = join;
  await holdCluster(tx, clusterId);
  const [row] = await tx.queries
    .select()
    .from(kubernetesJoins)
    .where(byId(tx, clusterId))
    .for('no key update');
  check(row && fromRow(row));
  const rows = await tx.queries
    .insert(kubernetesJoins)
    .values({ ...join, tenantId: tx.tenantId })
    .onConflictDoUpdate({
      target: [kubernetesJoins.tenantId, kubernetesJoins.clusterId],
      set: { ...set, createdAt: sql`now()`, revision: sql`${kubernetesJoins.revision} + 1` },
    })
    .returning();
  await tx.queries
    .insert(kubernetesJoinTenants)
    .values({ clusterId, tenantId: tx.tenantId })
    .onConflictDoNothing();
  return fromRow(only(rows));
}

/** Nodes that joined so stay. false: there was none. */
export async function deleteKubernetesJoin(tx: TenantTx, clusterId: string): Promise<boolean> {
  const rows = await tx.queries
    .delete(kubernetesJoins)
    .where(byId(tx, clusterId))
    .returning({ clusterId: kubernetesJoins.clusterId });
  return rows.length > 0;
}

/** Whose tokens the cluster believes, and whose it is; undefined: no such cluster, or it believes none. */
export async function findTrustOfCluster(
  database: Database,
  clusterId: string,
): Promise<(KubernetesJoin & { readonly tenantId: string }) | undefined> {
  const [owner] = await database.withPlatform((tx) =>
    tx.queries
      .select()
      .from(kubernetesJoinTenants)
      .where(eq(kubernetesJoinTenants.clusterId, clusterId)),
  );
  if (!owner) return undefined;
  return database.withTenant(owner, async (tx) => {
    const [row] = await tx.queries.select().from(kubernetesJoins).where(byId(tx, clusterId));
    return row && { ...fromRow(row), tenantId: tx.tenantId };
  });
}

function byId(tx: TenantTx, clusterId: string) {
  return and(eq(kubernetesJoins.tenantId, tx.tenantId), eq(kubernetesJoins.clusterId, clusterId));
}

function fromRow(row: typeof kubernetesJoins.$inferSelect): KubernetesJoin {
  const { tenantId: _tenantId, ...join } = row;
  return join;
}
