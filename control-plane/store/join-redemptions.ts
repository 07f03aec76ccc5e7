import { timingSafeEqual } from 'node:crypto';
import { and, eq, exists, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { AuditOrigin } from './audit-log.js';
import type { Database } from './database.js';
import { only } from './errors.js';
import { type JoinedNode, joinNode } from './node-joins.js';
import { revokeNodes } from './node-revocations.js';
import { checkLive, type NodeInfo } from './nodes.js';
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
  readonly origin?: AuditOrigin | undefined;
  /** Told whose token it is before that is looked at; what it throws is thrown. */
  readonly admit?: (tenantId: string) => void;
}

/**
 * Counts one use of the token and lets the node in (joinNode), or finds what the same enrollment made
 * before: a lost answer costs no second use, even when the token has expired since, until the node has
 * used a certificate. Whatever is refused leaves no row changed.
 * @throws BulkheadError JOIN_TOKEN_UNKNOWN (also a wrong secret), JOIN_TOKEN_REVOKED,
 *   JOIN_TOKEN_EXPIRED, JOIN_TOKEN_USED (also an enrollment that is over, or another key under a known
 *   one), NODE_REVOKED, NODE_QUARANTINED, NODE_NAME_IN_USE, TENANT_SUSPENDED,
 *   RESOURCE_EXHAUSTED
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
    const token = await lockToken(tx, redemption);
    return (await findFormer(tx, token, redemption)) ?? redeem(tx, token, redemption);
  });
}

/**
 * Of the nodes that joined with the token, those that have not joined otherwise since; quarantined ones
 * too. Wakes CHANNELS.nodes. @returns how many were not revoked before
 */
export async function revokeNodesOfToken(tx: TenantTx, tokenId: string): Promise<number> {
  const joined = tx.queries
    .select({ nodeId: joinRedemptions.nodeId })
    .from(joinRedemptions)
    .where(
      and(
        eq(joinRedemptions.tenantId, tx.tenantId),
        eq(joinRedemptions.tokenId, tokenId),
        eq(joinRedemptions.nodeId, nodes.id),
        eq(joinRedemptions.joinNumber, nodes.joinNumber),
      ),
    );
  return revokeNodes(tx, exists(joined));
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

type LockedToken = Pick<typeof joinTokens.$inferSelect, 'clusterId' | 'labels'>;

/** Two tries of one enrollment at the same time: the second waits here and then finds the first. */
async function lockToken(tx: TenantTx, redemption: JoinRedemption): Promise<LockedToken> {
  const rows = await tx.queries
    .select({
      clusterId: joinTokens.clusterId,
      labels: joinTokens.labels,
      revokedAt: joinTokens.revokedAt,
    })
    .from(joinTokens)
    .where(tokenIs(tx, redemption))
    .for('no key update');
  const { revokedAt, ...token } = only(rows);
  if (revokedAt) throw new BulkheadError('JOIN_TOKEN_REVOKED');
  return token;
}

async function findFormer(
  tx: TenantTx,
  { clusterId }: LockedToken,
  redemption: JoinRedemption,
): Promise<JoinedNode | undefined> {
  const [former] = await tx.queries
    .select({
      nodeId: joinRedemptions.nodeId,
      joinNumber: joinRedemptions.joinNumber,
      publicKeySha256: joinRedemptions.publicKeySha256,
      nodeState: nodes.state,
      nodeJoinNumber: nodes.joinNumber,
      nodeShownGeneration: nodes.shownGeneration,
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
  const { nodeId, joinNumber } = former;
  if (Buffer.compare(former.publicKeySha256, redemption.publicKeySha256) !== 0) {
    throw new BulkheadError('JOIN_TOKEN_USED', 'this enrollment was made with another key');
  }
  checkLive({ state: former.nodeState });
  if (former.nodeJoinNumber !== joinNumber || former.nodeShownGeneration > 0) {
    throw new BulkheadError('JOIN_TOKEN_USED', 'this enrollment is over: its node is in use');
  }
  return { tenantId: tx.tenantId, clusterId, nodeId, joinNumber };
}

async function redeem(
  tx: TenantTx,
  token: LockedToken,
  redemption: JoinRedemption,
): Promise<JoinedNode> {
  const { tokenId, enrollmentId, publicKeySha256 } = redemption;
  await countUse(tx, redemption);
  return joinNode(
    tx,
    { ...redemption, ...token, proof: { tokenId }, takesRevoked: true },
    ({ nodeId, joinNumber }) =>
      tx.queries.insert(joinRedemptions).values({
        tenantId: tx.tenantId,
        tokenId,
        enrollmentId,
        nodeId,
        joinNumber,
        publicKeySha256,
      }),
  );
}

/** The one statement that decides: all conditions and the count together. */
async function countUse(tx: TenantTx, redemption: JoinRedemption): Promise<void> {
  const counted = await tx.queries
    .update(joinTokens)
    .set({ uses: sql`${joinTokens.uses} + 1`, lastUsedAt: sql`now()` })
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

function tokenIs(tx: TenantTx, redemption: JoinRedemption) {
  return and(eq(joinTokens.tenantId, tx.tenantId), eq(joinTokens.id, redemption.tokenId));
}
