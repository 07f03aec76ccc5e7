import { and, eq, notInArray, sql } from 'drizzle-orm';
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { LabelSelector } from '../domain/label-selector.js';
import { CHANNELS, notify } from './database.js';
import { found } from './errors.js';
import { uuidArray } from './ids.js';
import { labelsMatch } from './label-selector.js';
import { orderOf, startsWith } from './orders.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { clusters } from './schema/clusters.js';
import type { NODE_STATES, NodeHook, NodeLosses, NodeNack } from './schema/nodes.js';
import { nodes } from './schema/nodes.js';
import type { TenantTx } from './transaction.js';

export type { NodeHook, NodeLosses, NodeNack } from './schema/nodes.js';
export { NODE_STATES } from './schema/nodes.js';

/** What an agent says of its machine: bulkhead.v1.NodeInfo, with the backends in lower case. */
export interface NodeInfo {
  readonly name: string;
  readonly kernelRelease: string;
  readonly architecture: string;
  readonly agentVersion: string;
  readonly hooks: readonly NodeHook[];
  /** Of the cluster's API server, as this node knows it: v1.31.2 */
  readonly kubernetesVersion?: string | undefined;
}

export interface Node extends NodeInfo {
  readonly id: string;
  readonly clusterId: string;
  /** From the token that it joined with. */
  readonly labels: Readonly<Record<string, string>>;
  /**
   * joined: has not said Hello yet; active: has; quarantined: its certificate was cloned; revoked;
   * released: revoked, and may join again by itself.
   */
  readonly state: (typeof NODE_STATES)[number];
  readonly certificateSerial?: string;
  readonly certificateNotAfter?: Date;
  /** 0: none. */
  readonly appliedRevision: number;
  readonly appliedAt?: Date;
  readonly lastNack?: NodeNack;
  readonly losses?: NodeLosses;
  readonly joinedAt: Date;
  readonly lastSeenAt?: Date;
  readonly quarantinedAt?: Date;
  readonly revokedAt?: Date;
}

/** Revoked ones too. @throws BulkheadError NOT_FOUND */
export async function getNode(tx: TenantTx, id: string): Promise<Node> {
  const [row] = await tx.queries.select().from(nodes).where(byId(tx, id));
  return nodeFromRow(found(row, 'node'));
}

/** Where a node is, by the names of today. */
export interface NodePlace {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly clusterId: string;
  readonly clusterName: string;
}

/** By the id of the node, of those that there are; revoked ones too, and in archived clusters. */
export async function readNodePlaces(
  tx: TenantTx,
  ids: readonly string[],
): Promise<ReadonlyMap<string, NodePlace>> {
  const rows = await tx.queries
    .select({
      nodeId: nodes.id,
      nodeName: nodes.name,
      clusterId: clusters.id,
      clusterName: clusters.name,
    })
    .from(nodes)
    .innerJoin(
      clusters,
      and(eq(clusters.tenantId, nodes.tenantId), eq(clusters.id, nodes.clusterId)),
    )
    .where(and(eq(nodes.tenantId, tx.tenantId), eq(nodes.id, sql`any(${uuidArray(ids)})`)));
  return new Map(rows.map((row) => [row.nodeId, row]));
}

export interface NodeFilter extends PageRequest {
  readonly clusterId?: string | undefined;
  readonly state?: Node['state'] | undefined;
  readonly labels?: LabelSelector | undefined;
  readonly namePrefix?: string | undefined;
}

/** By name, then id, since clusters may have nodes of the same name. */
export async function listNodes(tx: TenantTx, filter: NodeFilter = {}): Promise<Page<Node>> {
  const limit = pageLimit(filter);
  const order = orderOf('name', { name: nodes.name }, nodes.id);
  const rows = await tx.queries
    .select()
    .from(nodes)
    .where(
      and(
        eq(nodes.tenantId, tx.tenantId),
        filter.clusterId === undefined ? undefined : eq(nodes.clusterId, filter.clusterId),
        filter.state === undefined ? undefined : eq(nodes.state, filter.state),
        filter.labels && labelsMatch(nodes.labels, filter.labels),
        filter.namePrefix === undefined ? undefined : startsWith(nodes.name, filter.namePrefix),
        order.after(pageStart(filter, 2)),
      ),
    )
    .orderBy(...order.by)
    .limit(limit + 1);
  return toPage(rows, limit, nodeFromRow, order.keyOf);
}

/** A certificate was issued. @throws BulkheadError NODE_REVOKED, NODE_QUARANTINED, NOT_FOUND */
export async function recordCertificate(
  tx: TenantTx,
  id: string,
  certificate: { readonly serialNumber: string; readonly notAfter: Date },
): Promise<Node> {
  return updateLive(tx, id, {
    certificateSerial: certificate.serialNumber,
    certificateNotAfter: certificate.notAfter,
  });
}

/**
 * Its certificates are worth nothing from now on; wakes CHANNELS.nodes. Again: keeps the first time.
 * @throws BulkheadError NOT_FOUND
 */
export async function revokeNode(tx: TenantTx, id: string): Promise<Node> {
  const [row] = await tx.queries.update(nodes).set(REVOKED).where(byId(tx, id)).returning();
  const revoked = nodeFromRow(found(row, 'node'));
  await notify(tx, CHANNELS.nodes, tx.tenantId);
  return revoked;
}

/** NODE_REVOKED, NODE_QUARANTINED; undefined: it may call. */
export function refusalOf({ state }: Pick<Node, 'state'>): BulkheadError | undefined {
  if (state === 'quarantined') return new BulkheadError('NODE_QUARANTINED');
  return SHUT_OUT.some((out) => out === state) ? new BulkheadError('NODE_REVOKED') : undefined;
}

/** @throws BulkheadError NODE_REVOKED, NODE_QUARANTINED */
export function checkLive(node: Pick<Node, 'state'>): void {
  const refusal = refusalOf(node);
  if (refusal) throw refusal;
}

/** States whose certificates are worth nothing. */
export const SHUT_OUT = ['quarantined', 'released', 'revoked'] as const;

export const REVOKED = {
  state: 'revoked',
  revokedAt: sql`coalesce(${nodes.revokedAt}, now())`,
} as const;

async function updateLive(
  tx: TenantTx,
  id: string,
  set: PgUpdateSetSource<typeof nodes>,
): Promise<Node> {
  const [row] = await tx.queries.update(nodes).set(set).where(isLive(tx, id)).returning();
  if (row) return nodeFromRow(row);
  checkLive(await getNode(tx, id));
  throw new BulkheadError('UNAVAILABLE', 'the node has changed meanwhile');
}

export function isLive(tx: TenantTx, id: string) {
  return and(byId(tx, id), notInArray(nodes.state, [...SHUT_OUT]));
}

export function byId(tx: TenantTx, id: string) {
  return and(eq(nodes.tenantId, tx.tenantId), eq(nodes.id, id));
}

export function nodeFromRow(row: typeof nodes.$inferSelect): Node {
  return {
    id: row.id,
    clusterId: row.clusterId,
    name: row.name,
    labels: row.labels,
    kernelRelease: row.kernelRelease,
    architecture: row.architecture,
    agentVersion: row.agentVersion,
    hooks: row.hooks,
    state: row.state,
    appliedRevision: row.appliedRevision,
    joinedAt: row.joinedAt,
    ...(row.kubernetesVersion && { kubernetesVersion: row.kubernetesVersion }),
    ...(row.certificateSerial && { certificateSerial: row.certificateSerial }),
    ...(row.certificateNotAfter && { certificateNotAfter: row.certificateNotAfter }),
    ...(row.appliedAt && { appliedAt: row.appliedAt }),
    ...(row.lastNack && { lastNack: row.lastNack }),
    ...(row.losses && { losses: row.losses }),
    ...(row.lastSeenAt && { lastSeenAt: row.lastSeenAt }),
    ...(row.quarantinedAt && { quarantinedAt: row.quarantinedAt }),
    ...(row.revokedAt && { revokedAt: row.revokedAt }),
  };
}
