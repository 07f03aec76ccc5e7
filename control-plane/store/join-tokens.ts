import { and, desc, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import { found, only } from './errors.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { holdQuota } from './quotas.js';
import { joinTokens, joinTokenTenants } from './schema/join-tokens.js';
import type { TenantTx } from './transaction.js';

/** Never with its secret: that is shown once, by whoever made it. */
export interface JoinToken {
  /** 16 hex digits, public. */
  readonly id: string;
  readonly clusterId: string;
  readonly maxUses: number;
  readonly uses: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt?: Date;
}

export interface NewJoinToken {
  readonly id: string;
  readonly clusterId: string;
  /** 32 bytes. */
  readonly secretSha256: Uint8Array;
  readonly createdBy: string;
  /** Default 1. */
  readonly maxUses?: number | undefined;
  /** Default in 24 hours. */
  readonly expiresAt?: Date | undefined;
}

/** @throws BulkheadError NOT_FOUND where there is no such cluster, RESOURCE_EXHAUSTED */
export async function createJoinToken(tx: TenantTx, token: NewJoinToken): Promise<JoinToken> {
  await holdQuota(tx, 'joinTokens');
  const rows = await tx.queries
    .insert(joinTokens)
    .values({ ...token, tenantId: tx.tenantId })
    .returning();
  await tx.queries.insert(joinTokenTenants).values({ id: token.id, tenantId: tx.tenantId });
  return joinTokenFromRow(only(rows));
}

/** Revoked, used and expired ones too. @throws BulkheadError NOT_FOUND */
export async function getJoinToken(tx: TenantTx, id: string): Promise<JoinToken> {
  const [row] = await tx.queries.select().from(joinTokens).where(byId(tx, id));
  return joinTokenFromRow(found(row, 'join token'));
}

/** Those that a node can still join with, and that were made before. */
export async function countOpenJoinTokens(tx: TenantTx, madeBefore: Date): Promise<number> {
  const rows = await tx.queries
    .select({ count: sql<number>`count(*)::int` })
    .from(joinTokens)
    .where(
      and(
        eq(joinTokens.tenantId, tx.tenantId),
        isNull(joinTokens.revokedAt),
        gt(joinTokens.expiresAt, sql`now()`),
        lt(joinTokens.uses, joinTokens.maxUses),
        lt(joinTokens.createdAt, madeBefore),
      ),
    );
  return only(rows).count;
}

/** Newest first, of one cluster or all. */
export async function listJoinTokens(
  tx: TenantTx,
  request: PageRequest & { readonly clusterId?: string | undefined } = {},
): Promise<Page<JoinToken>> {
  const limit = pageLimit(request);
  const [time, id] = pageStart(request, 2) ?? [];
  const rows = await tx.queries
    .select()
    .from(joinTokens)
    .where(
      and(
        eq(joinTokens.tenantId, tx.tenantId),
        request.clusterId === undefined ? undefined : eq(joinTokens.clusterId, request.clusterId),
        time === undefined
          ? undefined
          : sql`(${joinTokens.createdAt}, ${joinTokens.id}) < (${time}::timestamptz, ${id}::text)`,
      ),
    )
    .orderBy(desc(joinTokens.createdAt), desc(joinTokens.id))
    .limit(limit + 1);
  return toPage(rows, limit, joinTokenFromRow, (row) => [row.createdAt.toISOString(), row.id]);
}

/** Nodes that joined with it stay. Again: keeps the first time. @throws BulkheadError NOT_FOUND */
export async function revokeJoinToken(tx: TenantTx, id: string): Promise<JoinToken> {
  const [row] = await tx.queries
    .update(joinTokens)
    .set({ revokedAt: sql`coalesce(${joinTokens.revokedAt}, now())` })
    .where(byId(tx, id))
    .returning();
  return joinTokenFromRow(found(row, 'join token'));
}

function byId(tx: TenantTx, id: string) {
  return and(eq(joinTokens.tenantId, tx.tenantId), eq(joinTokens.id, id));
}

function joinTokenFromRow(row: typeof joinTokens.$inferSelect): JoinToken {
  return {
    id: row.id,
    clusterId: row.clusterId,
    maxUses: row.maxUses,
    uses: row.uses,
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    ...(row.revokedAt && { revokedAt: row.revokedAt }),
  };
}
