import { and, eq, notInArray, sql } from 'drizzle-orm';
import type { CertificatePlace, ShownCertificate } from '../domain/node-certificates.js';
import { uuidArray } from './ids.js';
import { byId, type Node, SHUT_OUT } from './nodes.js';
import { nodes } from './schema/nodes.js';
import type { TenantTx } from './transaction.js';

/** The newest certificate that a node has shown, and whether it may call. */
export interface NodeStanding extends ShownCertificate {
  readonly state: Node['state'];
}

/** By id; of one that never was there is nothing. */
export async function listStandings(
  tx: TenantTx,
  nodeIds: readonly string[],
): Promise<ReadonlyMap<string, NodeStanding>> {
  const rows = await tx.queries
    .select({
      id: nodes.id,
      state: nodes.state,
      join: nodes.joinNumber,
      generation: nodes.shownGeneration,
      serial: nodes.shownSerial,
      // The database's clock both times, whatever the replicas' say.
      ageMs: sql<number>`coalesce(extract(epoch from now() - ${nodes.shownAt}) * 1000, 0)::float8`,
    })
    .from(nodes)
    .where(and(eq(nodes.tenantId, tx.tenantId), sql`${nodes.id} = any(${uuidArray(nodeIds)})`));
  return new Map(
    rows.map(({ id, serial, ...shown }) => [id, { ...shown, serial: serial ?? undefined }]),
  );
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
