import { and, eq, inArray, ne, type SQL, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { CHANNELS, notify } from './database.js';
import { byId, getNode, isLive, type Node, nodeFromRow, REVOKED } from './nodes.js';
import { nodes } from './schema/nodes.js';
import type { TenantTx } from './transaction.js';

/** All that `which` chooses. Wakes CHANNELS.nodes. @returns how many were not revoked before */
export async function revokeNodes(tx: TenantTx, which: SQL): Promise<number> {
  const rows = await tx.queries
    .update(nodes)
    .set(REVOKED)
    .where(and(eq(nodes.tenantId, tx.tenantId), ne(nodes.state, 'revoked'), which))
    .returning({ id: nodes.id });
  if (rows.length > 0) await notify(tx, CHANNELS.nodes, tx.tenantId);
  return rows.length;
}

/** @returns how many were not revoked before */
export async function revokeNodesOfCluster(tx: TenantTx, clusterId: string): Promise<number> {
  return revokeNodes(tx, eq(nodes.clusterId, clusterId));
}

/**
 * Two hold its key: both are out until it is released. undefined: it has joined anew under its name, or
 * is out already. Wakes CHANNELS.nodes.
 */
export async function quarantineNode(
  tx: TenantTx,
  id: string,
  joinNumber: number,
): Promise<Node | undefined> {
  const [row] = await tx.queries
    .update(nodes)
    .set({ state: 'quarantined', quarantinedAt: sql`now()` })
    .where(and(isLive(tx, id), eq(nodes.joinNumber, joinNumber)))
    .returning();
  if (!row) return undefined;
  await notify(tx, CHANNELS.nodes, tx.tenantId);
  return nodeFromRow(row);
}

/**
 * It may join again by whatever proof: a revoked one, and one in quarantine, which ends as a revocation:
 * whichever of the two was the clone, neither certificate is good again. Wakes CHANNELS.nodes.
 * @throws BulkheadError NOT_FOUND, CONFLICT where it is neither
 */
export async function releaseNode(tx: TenantTx, id: string): Promise<Node> {
  const [row] = await tx.queries
    .update(nodes)
    .set({ ...REVOKED, state: 'released' })
    .where(and(byId(tx, id), inArray(nodes.state, ['quarantined', 'revoked'])))
    .returning();
  if (row) {
    await notify(tx, CHANNELS.nodes, tx.tenantId);
    return nodeFromRow(row);
  }
  await getNode(tx, id);
  throw new BulkheadError('CONFLICT', 'the node is neither quarantined nor revoked');
}
