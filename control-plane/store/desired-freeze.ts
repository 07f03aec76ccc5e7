import { and, eq, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { selectableLabels } from '../domain/clusters.js';
import { frozenBy } from '../domain/freeze-windows.js';
import { uuidArray } from './ids.js';
import { clusters } from './schema/clusters.js';
import { getSettings } from './settings.js';
import type { TenantTx } from './transaction.js';

/** @throws BulkheadError FROZEN where a freeze window holds one of these clusters now; names both */
export async function checkNotFrozen(tx: TenantTx, clusterIds: readonly string[]): Promise<void> {
  const { freezeWindows } = await getSettings(tx);
  if (freezeWindows.length === 0) return;
  const rows = await tx.queries
    .select({ id: clusters.id, name: clusters.name, labels: clusters.labels })
    .from(clusters)
    .where(
      and(eq(clusters.tenantId, tx.tenantId), sql`${clusters.id} = any(${uuidArray(clusterIds)})`),
    );
  const now = new Date();
  for (const cluster of rows) {
    const window = frozenBy(freezeWindows, selectableLabels(cluster), now);
    if (!window) continue;
    const message = `the freeze window ${window.name} holds the cluster ${cluster.name}`;
    throw new BulkheadError('FROZEN', message);
  }
}
