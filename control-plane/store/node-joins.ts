import { and, eq, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { AuditDetails } from '../domain/audit.js';
import { NODE_SILENT_AFTER_MS } from '../domain/cluster-health.js';
import { type AuditOrigin, appendAudit } from './audit-log.js';
import { CHANNELS, notify } from './database.js';
import { only } from './errors.js';
import { newId } from './ids.js';
import { type NodeInfo, nodeFromRow } from './nodes.js';
import { holdQuota } from './quotas.js';
import { nodes } from './schema/nodes.js';
import type { TenantTx } from './transaction.js';

export interface NodeJoin extends NodeInfo {
  readonly clusterId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** sha256 of the SubjectPublicKeyInfo in the certificate request, 32 bytes. */
  readonly publicKeySha256: Uint8Array;
  /** What it joins with, for the audit log. */
  readonly proof: AuditDetails;
  /** Whether the proof is an operator's word that a revoked node may come back; else it must be released. */
  readonly takesRevoked: boolean;
  readonly origin?: AuditOrigin | undefined;
}

/** A node that may be given a certificate. */
export interface JoinedNode {
  readonly tenantId: string;
  readonly clusterId: string;
  readonly nodeId: string;
  /** See domain/node-certificates.ts. */
  readonly joinNumber: number;
}

/** Longer than a node that is well is ever silent: its stream carries a heartbeat every half minute. */
const SILENT_AFTER_MS = 5 * 60_000;

/**
 * Makes the node, or gives the one of that name in the cluster to whoever joins now: it keeps its id and
 * its history, and certificates of its former joins are worth nothing. A node that is heard of is not
 * given away, so that a token does not take a protected machine's name unnoticed, and whoever has copied
 * its key too is found as a clone; one that was revoked or released is, at once. Writes `node.join` or
 * `node.rejoin`, after `remember`: the last thing in its transaction.
 * @throws BulkheadError NODE_QUARANTINED, NODE_NAME_IN_USE, NODE_REVOKED, RESOURCE_EXHAUSTED
 */
export async function joinNode(
  tx: TenantTx,
  join: NodeJoin,
  remember: (node: Pick<JoinedNode, 'nodeId' | 'joinNumber'>) => PromiseLike<unknown>,
): Promise<JoinedNode> {
  const { clusterId, name } = join;
  const former = await lockNode(tx, join);
  const row = former ? await takeNode(tx, join, former) : await insertNode(tx, join);
  const node = nodeFromRow(row);
  const joined = { nodeId: node.id, joinNumber: row.joinNumber };
  await remember(joined);
  await appendAudit(tx, {
    actor: { kind: 'node', id: node.id, name },
    action: former ? 'node.rejoin' : 'node.join',
    target: { kind: 'node', id: node.id },
    before: former && nodeFromRow(former.row),
    after: node,
    details: { ...join.proof, clusterId, name },
    origin: join.origin,
  });
  return { tenantId: tx.tenantId, clusterId, ...joined };
}

interface FormerNode {
  readonly row: typeof nodes.$inferSelect;
  /** Since it was last heard of; undefined: never was. */
  readonly silentMs: number | undefined;
}

/** The one of that name, if there is one. */
async function lockNode(tx: TenantTx, join: NodeJoin): Promise<FormerNode | undefined> {
  const [former] = await tx.queries
    .select({
      row: nodes,
      silentMs: sql<
        number | null
      >`(extract(epoch from now() - ${nodes.lastSeenAt}) * 1000)::float8`,
    })
    .from(nodes)
    .where(
      and(
        eq(nodes.tenantId, tx.tenantId),
        eq(nodes.clusterId, join.clusterId),
        eq(nodes.name, join.name),
      ),
    )
    .for('update');
  return former && { row: former.row, silentMs: former.silentMs ?? undefined };
}

/** @throws BulkheadError UNAVAILABLE where another makes it at the same moment: the next try finds it */
async function insertNode(tx: TenantTx, join: NodeJoin) {
  const { clusterId, name } = join;
  await holdQuota(tx, 'nodes');
  const [row] = await tx.queries
    .insert(nodes)
    .values({
      tenantId: tx.tenantId,
      id: newId(),
      clusterId,
      name,
      joinNumber: 1,
      ...reportedBy(join),
    })
    .onConflictDoNothing({ target: [nodes.tenantId, nodes.clusterId, nodes.name] })
    .returning();
  if (!row) throw new BulkheadError('UNAVAILABLE', 'the node joins twice at the same time');
  return row;
}

/** What the former agent of that name proved and reported is not the new one's. */
async function takeNode(
  tx: TenantTx,
  join: NodeJoin,
  { row, silentMs = Number.POSITIVE_INFINITY }: FormerNode,
) {
  switch (row.state) {
    case 'quarantined':
      throw new BulkheadError('NODE_QUARANTINED');
    case 'revoked':
      if (!join.takesRevoked) throw new BulkheadError('NODE_REVOKED', 'it was not released since');
      break;
    case 'active':
      if (silentMs < (hasKeyOf(row, join) ? NODE_SILENT_AFTER_MS : SILENT_AFTER_MS)) {
        throw new BulkheadError('NODE_NAME_IN_USE');
      }
      break;
  }
  // One that is revoked does not count, and will again.
  if (row.revokedAt) await holdQuota(tx, 'nodes');
  const rows = await tx.queries
    .update(nodes)
    .set({
      ...reportedBy(join),
      joinNumber: row.joinNumber + 1,
      shownGeneration: 0,
      shownSerial: null,
      shownAt: null,
      certificateSerial: null,
      certificateNotAfter: null,
      certificateAuthority: null,
      trustSha256: null,
      appliedRevision: 0,
      appliedAt: null,
      lastNack: null,
      losses: null,
      joinedAt: sql`now()`,
      quarantinedAt: null,
      revokedAt: null,
    })
    .where(and(eq(nodes.tenantId, tx.tenantId), eq(nodes.id, row.id)))
    .returning();
  await notify(tx, CHANNELS.nodes, tx.tenantId);
  return only(rows);
}

/** As an agent that has lost its certificate, not its key. */
function hasKeyOf(
  { publicKeySha256 }: Pick<typeof nodes.$inferSelect, 'publicKeySha256'>,
  join: NodeJoin,
): boolean {
  return publicKeySha256 !== null && Buffer.compare(publicKeySha256, join.publicKeySha256) === 0;
}

function reportedBy(join: NodeJoin) {
  return {
    labels: join.labels,
    publicKeySha256: join.publicKeySha256,
    kernelRelease: join.kernelRelease,
    architecture: join.architecture,
    agentVersion: join.agentVersion,
    kubernetesVersion: join.kubernetesVersion ?? null,
    hooks: join.hooks,
    state: 'joined',
  } as const;
}
