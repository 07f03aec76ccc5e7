import { timingSafeEqual } from 'node:crypto';
import { and, eq, isNull, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Database } from './database.js';
import { only } from './errors.js';
import { newId } from './ids.js';
import type { NodeInfo } from './nodes.js';
import { holdQuota } from './quotas.js';
import { joinRedemptions, joinTokens, joinTokenTenants } from './schema/join-tokens.js';
import { nodes } from './schema/nodes.js';
import { checkNotSuspended } from './tenants.js';
import type { TenantTx } from './transaction.js';

export interface JoinRedemption extends NodeInfo {
  /** 16 hex digits. */
  readonly tokenId: string;
  /** 32 bytes. */
  readonly secretSha256: Uint8Array;
  /** UUID that the agent made; the same one again is the same join. */
  readonly enrollmentId: string;
  /** sha256 of the SubjectPublicKeyInfo in the certificate request, 32 bytes. */
  readonly publicKeySha256: Uint8Array;
  /** Told whose token it is before that is looked at; what it throws is thrown. */
  readonly admit?: (tenantId: string) => void;
}

export interface JoinedNode {
  readonly tenantId: string;
  readonly clusterId: string;
  readonly nodeId: string;
}

/**
 * Counts one use of the token and makes the node, or finds what the same enrollment made before: a
 * lost answer costs no second use, even when the token has expired since. A node that joins under a
 * name of its cluster keeps its id. Whatever is refused leaves no row changed.
 * @throws BulkheadError JOIN_TOKEN_UNKNOWN (also a wrong secret), JOIN_TOKEN_REVOKED,
 *   JOIN_TOKEN_EXPIRED, JOIN_TOKEN_USED (also another key under a known enrollment), NODE_REVOKED,
 *   TENANT_SUSPENDED, RESOURCE_EXHAUSTED
 */
export async function redeemJoinToken(
  database: Database,
  redemption: JoinRedemption,
): Promise<JoinedNode> {
  const [owner] = await database.withPlatform((tx) =>
    tx.queries.select().from(joinTokenTenants).where(eq(joinTokenTenants.id, redemption.tokenId)),
  );
  if (!owner) throw new BulkheadError('JOIN_TOKEN_UNKNOWN');
  redemption.admit?.(owner.tenantId);
  return database.withTenant(owner, async (tx) => {
    await checkSecret(tx, redemption);
    await checkNotSuspended(tx);
    const clusterId = await lockToken(tx, redemption);
    const nodeId = (await findFormer(tx, redemption)) ?? (await redeem(tx, clusterId, redemption));
    return { tenantId: tx.tenantId, clusterId, nodeId };
  });
}

async function checkSecret(tx: TenantTx, redemption: JoinRedemption): Promise<void> {
  const [token] = await tx.queries
    .select({ secretSha256: joinTokens.secretSha256 })
    .from(joinTokens)
    .where(tokenIs(tx, redemption));
  if (
    token?.secretSha256.length !== redemption.secretSha256.length ||
    !timingSafeEqual(token.secretSha256, redemption.secretSha256)
  ) {
    throw new BulkheadError('JOIN_TOKEN_UNKNOWN');
  }
}

/** Two tries of one enrollment at the same time: the second waits here and then finds the first. */
async function lockToken(tx: TenantTx, redemption: JoinRedemption): Promise<string> {
  const rows = await tx.queries
    .select({ clusterId: joinTokens.clusterId, revokedAt: joinTokens.revokedAt })
    .from(joinTokens)
    .where(tokenIs(tx, redemption))
    .for('no key update');
  const token = only(rows);
  if (token.revokedAt) throw new BulkheadError('JOIN_TOKEN_REVOKED');
  return token.clusterId;
}

async function findFormer(tx: TenantTx, redemption: JoinRedemption): Promise<string | undefined> {
  const [former] = await tx.queries
    .select({
      nodeId: joinRedemptions.nodeId,
      publicKeySha256: joinRedemptions.publicKeySha256,
      nodeRevokedAt: nodes.revokedAt,
    })
    .from(joinRedemptions)
    .innerJoin(
      nodes,
      and(eq(nodes.tenantId, joinRedemptions.tenantId), eq(nodes.id, joinRedemptions.nodeId)),
    )
    .where(
      and(
        eq(joinRedemptions.tenantId, tx.tenantId),
        eq(joinRedemptions.tokenId, redemption.tokenId),
        eq(joinRedemptions.enrollmentId, redemption.enrollmentId),
      ),
    );
  if (!former) return undefined;
  if (Buffer.compare(former.publicKeySha256, redemption.publicKeySha256) !== 0) {
    throw new BulkheadError('JOIN_TOKEN_USED', 'this enrollment was made with another key');
  }
  if (former.nodeRevokedAt) throw new BulkheadError('NODE_REVOKED');
  return former.nodeId;
}

async function redeem(
  tx: TenantTx,
  clusterId: string,
  redemption: JoinRedemption,
): Promise<string> {
  await countUse(tx, redemption);
  const nodeId = await upsertNode(tx, clusterId, redemption);
  await tx.queries.insert(joinRedemptions).values({
    tenantId: tx.tenantId,
    tokenId: redemption.tokenId,
    enrollmentId: redemption.enrollmentId,
    nodeId,
    publicKeySha256: redemption.publicKeySha256,
  });
  return nodeId;
}

/** The one statement that decides: all conditions and the count together. */
async function countUse(tx: TenantTx, redemption: JoinRedemption): Promise<void> {
  const counted = await tx.queries
    .update(joinTokens)
    .set({ uses: sql`${joinTokens.uses} + 1` })
    .where(
      and(
        tokenIs(tx, redemption),
        sql`${joinTokens.revokedAt} is null`,
        sql`${joinTokens.expiresAt} > now()`,
        sql`${joinTokens.uses} < ${joinTokens.maxUses}`,
      ),
    )
    .returning({ uses: joinTokens.uses });
  if (counted.length === 1) return;
  const rows = await tx.queries
    .select({ isExpired: sql<boolean>`${joinTokens.expiresAt} <= now()` })
    .from(joinTokens)
    .where(tokenIs(tx, redemption));
  throw new BulkheadError(only(rows).isExpired ? 'JOIN_TOKEN_EXPIRED' : 'JOIN_TOKEN_USED');
}

/** What the former agent of that name proved and reported is not the new one's. */
async function upsertNode(tx: TenantTx, clusterId: string, node: NodeInfo): Promise<string> {
  if (!(await isKnown(tx, clusterId, node.name))) await holdQuota(tx, 'nodes');
  const reported = {
    kernelRelease: node.kernelRelease,
    architecture: node.architecture,
    agentVersion: node.agentVersion,
    kubernetesVersion: node.kubernetesVersion ?? null,
    hooks: node.hooks,
    state: 'joined',
  } as const;
  const rows = await tx.queries
    .insert(nodes)
    .values({ tenantId: tx.tenantId, id: newId(), clusterId, name: node.name, ...reported })
    .onConflictDoUpdate({
      target: [nodes.tenantId, nodes.clusterId, nodes.name],
      set: {
        ...reported,
        certificateSerial: null,
        certificateNotAfter: null,
        appliedRevision: 0,
        appliedAt: null,
        lastNack: null,
        losses: null,
        joinedAt: sql`now()`,
        revokedAt: null,
      },
    })
    .returning({ id: nodes.id });
  return only(rows).id;
}

/** One that is not revoked: it counts already. */
async function isKnown(tx: TenantTx, clusterId: string, name: string): Promise<boolean> {
  const known = await tx.queries
    .select({ id: nodes.id })
    .from(nodes)
    .where(
      and(
        eq(nodes.tenantId, tx.tenantId),
        eq(nodes.clusterId, clusterId),
        eq(nodes.name, name),
        isNull(nodes.revokedAt),
      ),
    );
  return known.length > 0;
}

function tokenIs(tx: TenantTx, redemption: JoinRedemption) {
  return and(eq(joinTokens.tenantId, tx.tenantId), eq(joinTokens.id, redemption.tokenId));
}
