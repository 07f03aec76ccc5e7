import { and, desc, eq, getTableColumns, gt, isNull, lt, type SQL, sql } from 'drizzle-orm';
import { holdCluster } from './clusters.js';
import { found, only } from './errors.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { holdQuota } from './quotas.js';
import { type JOIN_TOKEN_STATES, joinTokens, joinTokenTenants } from './schema/join-tokens.js';
import type { TenantTx } from './transaction.js';

export { JOIN_TOKEN_STATES } from './schema/join-tokens.js';
export type JoinTokenState = (typeof JOIN_TOKEN_STATES)[number];

/** Never with its secret: that is shown once, by whoever made it. */
export interface JoinToken {
  /** 16 hex digits, public. */
  readonly id: string;
  readonly clusterId: string;
  readonly state: JoinTokenState;
  readonly maxUses: number;
  readonly uses: number;
  readonly lastUsedAt?: Date;
  /** Of the nodes that join with it. */
  readonly labels: Readonly<Record<string, string>>;
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
  /** Default none. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** In the order in which a join finds it out; the database's clock. */
const STATE: SQL<JoinTokenState> = sql`case
  when ${joinTokens.revokedAt} is not null then 'revoked'
  when ${joinTokens.expiresAt} <= now() then 'expired'
  when ${joinTokens.uses} >= ${joinTokens.maxUses} then 'used'
  else 'usable' end`;
const COLUMNS = { ...getTableColumns(joinTokens), state: STATE };
type Row = typeof joinTokens.$inferSelect & { readonly state: JoinTokenState };

/** @throws BulkheadError NOT_FOUND where there is no such cluster, or it is archived; RESOURCE_EXHAUSTED */
export async function createJoinToken(tx: TenantTx, token: NewJoinToken): Promise<JoinToken> {
  await holdCluster(tx, token.clusterId);
  await holdQuota(tx, 'joinTokens');
  const rows = await tx.queries
    .insert(joinTokens)
    .values({ ...token, tenantId: tx.tenantId })
    .returning(COLUMNS);
  await tx.queries.insert(joinTokenTenants).values({ id: token.id, tenantId: tx.tenantId });
  return joinTokenFromRow(only(rows));
}

/** Revoked, used and expired ones too. @throws BulkheadError NOT_FOUND */
export async function getJoinToken(tx: TenantTx, id: string): Promise<JoinToken> {
  const [row] = await tx.queries.select(COLUMNS).from(joinTokens).where(byId(tx, id));
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

export interface JoinTokenFilter extends PageRequest {
  readonly clusterId?: string | undefined;
  readonly state?: JoinTokenState | undefined;
}

/** Newest first, of one cluster or all. */
export async function listJoinTokens(
  tx: TenantTx,
  filter: JoinTokenFilter = {},
): Promise<Page<JoinToken>> {
  const limit = pageLimit(filter);
  const [time, id] = pageStart(filter, 2) ?? [];
  const rows = await tx.queries
    .select(COLUMNS)
    .from(joinTokens)
    .where(
      and(
        eq(joinTokens.tenantId, tx.tenantId),
        filter.clusterId === undefined ? undefined : eq(joinTokens.clusterId, filter.clusterId),
        filter.state === undefined ? undefined : sql`${STATE} = ${filter.state}`,
        time === undefined
          ? undefined
          : sql`(${joinTokens.createdAt}, ${joinTokens.id}) < (${time}::timestamptz, ${id}::text)`,
      ),
    )
    .orderBy(desc(joinTokens.createdAt), desc(joinTokens.id))
    .limit(limit + 1);
  return toPage(rows, limit, joinTokenFromRow, (row) => [row.createdAt.toISOString(), row.id]);
}

/** Nodes that joined with it stay, until revokeNodesOfToken. Again: keeps the first time. @throws BulkheadError NOT_FOUND */
export async function revokeJoinToken(tx: TenantTx, id: string): Promise<JoinToken> {
  const [row] = await tx.queries
    .update(joinTokens)
    .set({ revokedAt: sql`coalesce(${joinTokens.revokedAt}, now())` })
    .where(byId(tx, id))
    .returning(COLUMNS);
  return joinTokenFromRow(found(row, 'join token'));
}

/** All of its tokens. @returns how many were not revoked before */
export async function revokeTokensOfCluster(tx: TenantTx, clusterId: string): Promise<number> {
  const rows = await tx.queries
    .update(joinTokens)
    .set({ revokedAt: sql`now()` })
    .where(
      and(
        eq(joinTokens.tenantId, tx.tenantId),
        eq(joinTokens.clusterId, clusterId),
        isNull(joinTokens.revokedAt),
      ),
    )
    .returning({ id: joinTokens.id });
  return rows.length;
}

function byId(tx: TenantTx, id: string) {
  return and(eq(joinTokens.tenantId, tx.tenantId), eq(joinTokens.id, id));
}

function joinTokenFromRow(row: Row): JoinToken {
  return {
    id: row.id,
    clusterId: row.clusterId,
    state: row.state,
    maxUses: row.maxUses,
    uses: row.uses,
    labels: row.labels,
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    ...(row.lastUsedAt && { lastUsedAt: row.lastUsedAt }),
    ...(row.revokedAt && { revokedAt: row.revokedAt }),
  };
}
