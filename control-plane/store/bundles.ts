import { and, desc, eq, lte } from 'drizzle-orm';
import { found, only } from './errors.js';
import { bundles } from './schema/bundles.js';
import { clusters } from './schema/clusters.js';
import type { TenantTx } from './transaction.js';

export interface Bundle {
  readonly clusterId: string;
  /** Rises by one with each bundle of the cluster, from 1. */
  readonly revision: number;
  /** What decides whether two bundles say the same: 32 bytes. */
  readonly contentSha256: Uint8Array;
  readonly envelopeGzip: Uint8Array;
  /** The active key of that time; a retiring one may have signed too. */
  readonly signingKeyId: string;
  readonly createdAt: Date;
}

export interface RenderedBundle {
  readonly contentSha256: Uint8Array;
  readonly envelopeGzip: Uint8Array;
  readonly signingKeyId: string;
}

/**
 * Renders the bundle of that revision, which the signed payload carries; undefined: `latest` says
 * the same already. Called with the cluster locked: it reads what is desired through the same `tx`.
 */
export type RenderBundle = (
  revision: number,
  latest: Bundle | undefined,
) => Promise<RenderedBundle | undefined>;

const KEEP_BUNDLES = 10;

export async function latestBundle(tx: TenantTx, clusterId: string): Promise<Bundle | undefined> {
  const [row] = await tx.queries
    .select()
    .from(bundles)
    .where(ofCluster(tx, clusterId))
    .orderBy(desc(bundles.revision))
    .limit(1);
  return row && bundleFromRow(row);
}

/** Which one is the latest, without its bytes. */
export async function latestBundleHead(
  tx: TenantTx,
  clusterId: string,
): Promise<Pick<Bundle, 'revision' | 'contentSha256' | 'signingKeyId'> | undefined> {
  const [row] = await tx.queries
    .select({
      revision: bundles.revision,
      contentSha256: bundles.contentSha256,
      signingKeyId: bundles.signingKeyId,
    })
    .from(bundles)
    .where(ofCluster(tx, clusterId))
    .orderBy(desc(bundles.revision))
    .limit(1);
  return row;
}

/**
 * The bundle in force after `render`, which runs with the cluster's row locked, so that two replicas
 * make two revisions and never one twice. Keeps the last few.
 * @throws BulkheadError NOT_FOUND where there is no such cluster
 */
export async function insertBundle(
  tx: TenantTx,
  clusterId: string,
  render: RenderBundle,
): Promise<Bundle | undefined> {
  const [cluster] = await tx.queries
    .select({ id: clusters.id })
    .from(clusters)
    .where(and(eq(clusters.tenantId, tx.tenantId), eq(clusters.id, clusterId)))
    .for('no key update');
  found(cluster, 'cluster');
  const latest = await latestBundle(tx, clusterId);
  const revision = (latest?.revision ?? 0) + 1;
  const rendered = await render(revision, latest);
  if (!rendered) return latest;
  const rows = await tx.queries
    .insert(bundles)
    .values({ ...rendered, tenantId: tx.tenantId, clusterId, revision })
    .returning();
  await tx.queries
    .delete(bundles)
    .where(and(ofCluster(tx, clusterId), lte(bundles.revision, revision - KEEP_BUNDLES)));
  return bundleFromRow(only(rows));
}

function ofCluster(tx: TenantTx, clusterId: string) {
  return and(eq(bundles.tenantId, tx.tenantId), eq(bundles.clusterId, clusterId));
}

function bundleFromRow(row: typeof bundles.$inferSelect): Bundle {
  const { tenantId: _tenantId, ...bundle } = row;
  return bundle;
}
