import { and, eq } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { AuditOrigin } from './audit-log.js';
import type { Database } from './database.js';
import { type JoinedNode, joinNode } from './node-joins.js';
import { checkLive, type NodeInfo } from './nodes.js';
import { kubernetesJoins, kubernetesJoinUses } from './schema/kubernetes-joins.js';
import { nodes } from './schema/nodes.js';
import { checkNotSuspended } from './tenants.js';
import type { TenantTx } from './transaction.js';

export interface ServiceAccountJoin extends NodeInfo {
  readonly tenantId: string;
  readonly clusterId: string;
  /** Of the trust that the token was verified with. */
  readonly revision: number;
  readonly podUid: string;
  readonly podName: string;
  /** 32 bytes: names the token. */
  readonly tokenSha256: Uint8Array;
  /** UUID that the agent made; the same one again from the same pod is the same join. */
  readonly enrollmentId: string;
  /** sha256 of the SubjectPublicKeyInfo in the certificate request, 32 bytes. */
  readonly publicKeySha256: Uint8Array;
  readonly origin?: AuditOrigin | undefined;
}

/**
 * Lets the node in whose verified token this is (joinNode), or finds what the same enrollment of the
 * pod made before: a lost answer is repeated, also with a newer token, until the node has used a
 * certificate. Another enrollment or another key needs another token. Whatever is refused leaves no row
 * changed.
 * @throws BulkheadError SERVICE_ACCOUNT_TOKEN_UNKNOWN where the cluster's trust has changed meanwhile,
 *   SERVICE_ACCOUNT_TOKEN_USED, NODE_REVOKED where it was not released, NODE_QUARANTINED, NODE_NAME_IN_USE,
 *   TENANT_SUSPENDED, RESOURCE_EXHAUSTED
 */
export async function redeemServiceAccountToken(
  database: Database,
  join: ServiceAccountJoin,
): Promise<JoinedNode> {
  return database.withTenant(join, async (tx) => {
    await checkNotSuspended(tx);
    const labels = await lockTrust(tx, join);
    return (await findFormer(tx, join)) ?? redeem(tx, labels, join);
  });
}

/** Two tries at the same time: the second waits here and then finds the first. */
async function lockTrust(tx: TenantTx, join: ServiceAccountJoin) {
  const [trust] = await tx.queries
    .select({ labels: kubernetesJoins.labels })
    .from(kubernetesJoins)
    .where(
      and(
        eq(kubernetesJoins.tenantId, tx.tenantId),
        eq(kubernetesJoins.clusterId, join.clusterId),
        eq(kubernetesJoins.revision, join.revision),
      ),
    )
    .for('no key update');
  if (!trust) throw new BulkheadError('SERVICE_ACCOUNT_TOKEN_UNKNOWN');
  return trust.labels;
}

async function findFormer(tx: TenantTx, join: ServiceAccountJoin): Promise<JoinedNode | undefined> {
  const uses = kubernetesJoinUses;
  const [former] = await tx.queries
    .select({
      nodeId: uses.nodeId,
      joinNumber: uses.joinNumber,
      publicKeySha256: uses.publicKeySha256,
      nodeState: nodes.state,
      nodeJoinNumber: nodes.joinNumber,
      nodeShownGeneration: nodes.shownGeneration,
    })
    .from(uses)
    .innerJoin(nodes, and(eq(nodes.tenantId, uses.tenantId), eq(nodes.id, uses.nodeId)))
    .where(
      and(
        eq(uses.tenantId, tx.tenantId),
        eq(uses.clusterId, join.clusterId),
        eq(uses.podUid, join.podUid),
        eq(uses.enrollmentId, join.enrollmentId),
      ),
    );
  if (!former) return undefined;
  const { nodeId, joinNumber } = former;
  if (Buffer.compare(former.publicKeySha256, join.publicKeySha256) !== 0) {
    throw new BulkheadError(
      'SERVICE_ACCOUNT_TOKEN_USED',
      'this enrollment was made with another key',
    );
  }
  checkLive({ state: former.nodeState });
  if (former.nodeJoinNumber !== joinNumber || former.nodeShownGeneration > 0) {
    throw new BulkheadError(
      'SERVICE_ACCOUNT_TOKEN_USED',
      'this enrollment is over: its node is in use',
    );
  }
  return { tenantId: tx.tenantId, clusterId: join.clusterId, nodeId, joinNumber };
}

async function redeem(
  tx: TenantTx,
  labels: Readonly<Record<string, string>>,
  join: ServiceAccountJoin,
): Promise<JoinedNode> {
  const { clusterId, podUid, podName, tokenSha256, enrollmentId, publicKeySha256 } = join;
  const [used] = await tx.queries
    .select({ podUid: kubernetesJoinUses.podUid })
    .from(kubernetesJoinUses)
    .where(
      and(
        eq(kubernetesJoinUses.tenantId, tx.tenantId),
        eq(kubernetesJoinUses.clusterId, clusterId),
        eq(kubernetesJoinUses.tokenSha256, tokenSha256),
      ),
    );
  if (used) throw new BulkheadError('SERVICE_ACCOUNT_TOKEN_USED');
  const proof = { podUid, podName };
  return joinNode(tx, { ...join, labels, proof, takesRevoked: false }, ({ nodeId, joinNumber }) =>
    tx.queries.insert(kubernetesJoinUses).values({
      tenantId: tx.tenantId,
      clusterId,
      podUid,
      enrollmentId,
      tokenSha256,
      nodeId,
      joinNumber,
      publicKeySha256,
    }),
  );
}
