import { and, eq, notInArray, sql } from 'drizzle-orm';
import type { CertificatePlace, ShownCertificate } from '../domain/node-certificates.js';
import { found } from './errors.js';
import { type Node, SHUT_OUT } from './nodes.js';
import { nodes } from './schema/nodes.js';
import type { TenantTx } from './transaction.js';

/** The newest certificate that the node has shown, and whether it may call. @throws BulkheadError NOT_FOUND */
export async function getShownCertificate(
  tx: TenantTx,
  nodeId: string,
): Promise<ShownCertificate & { readonly state: Node['state'] }> {
  const [row] = await tx.queries
    .select({
      state: nodes.state,
      join: nodes.joinNumber,
      generation: nodes.shownGeneration,
      serial: nodes.shownSerial,
      // The database's clock both times, whatever the replicas' say.
      ageMs: sql<number>`coalesce(extract(epoch from now() - ${nodes.shownAt}) * 1000, 0)::float8`,
    })
    .from(nodes)
    .where(byId(tx, nodeId));
  const { serial, ...shown } = found(row, 'node');
  return { ...shown, serial: serial ?? undefined };
}

/**
 * The node shows a later one for the first time. false: it has shown one as late meanwhile, or its
 * certificates are worth nothing.
 */
export async function recordShownCertificate(
  tx: TenantTx,
  nodeId: string,
  serial: string,
  { join, generation }: CertificatePlace,
): Promise<boolean> {
  const rows = await tx.queries
    .update(nodes)
    .set({
      joinNumber: join,
      shownGeneration: generation,
      shownSerial: serial,
      shownAt: sql`now()`,
    })
    .where(
      and(
        byId(tx, nodeId),
        notInArray(nodes.state, [...SHUT_OUT]),
        sql`(${nodes.joinNumber}, ${nodes.shownGeneration}) < (${join}::int, ${generation}::int)`,
      ),
    )
    .returning({ id: nodes.id });
  return rows.length > 0;
}

function byId(tx: TenantTx, nodeId: string) {
  return and(eq(nodes.tenantId, tx.tenantId), eq(nodes.id, nodeId));
}
