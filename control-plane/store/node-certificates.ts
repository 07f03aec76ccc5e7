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

/** A node with open streams, and the join that their certificates are of; undefined: they do not say. */
export interface OpenNode {
  readonly id: string;
  readonly join: number | undefined;
}

/** What the database says of a node that is shut out, or has joined again since. */
export interface Overtaken {
  readonly state: Node['state'];
  readonly join: number;
}

/**
 * Those of the nodes whose streams are to end, by id; undefined: there is no such node. The database
 * compares: of thousands, those that may stay are none of what comes back.
 */
export async function listOvertaken(
  tx: TenantTx,
  open: readonly OpenNode[],
): Promise<ReadonlyMap<string, Overtaken | undefined>> {
  const json = JSON.stringify(open.map(({ id, join }) => [id, join ?? null]));
  const rows = await tx.queries.execute<{ id: string; state: Node['state'] | null; join: number }>(
    sql`select pair ->> 0 as id, nodes.state, nodes.join_number as join
      from jsonb_array_elements(${json}::text::jsonb) as pair
      left join nodes on nodes.tenant_id = ${tx.tenantId}::uuid and nodes.id = (pair ->> 0)::uuid
      where nodes.id is null or nodes.state in ${[...SHUT_OUT]} or nodes.join_number > (pair ->> 1)::int`,
  );
  return new Map(rows.map(({ id, state, join }) => [id, state ? { state, join } : undefined]));
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
