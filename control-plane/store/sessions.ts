import { and, desc, eq, gt, inArray, lt, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { found, only } from './errors.js';
import { clipped } from './json.js';
import { type Member, memberFromRow } from './members.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { members } from './schema/members.js';
import { type LoginWay, sessions, sessionTenants } from './schema/sessions.js';
import { tenants } from './schema/tenants.js';
import type { TenantTx } from './transaction.js';

export { LOGIN_WAYS, type LoginWay } from './schema/sessions.js';

export interface Session {
  /** 16 hex digits, public. */
  readonly id: string;
  readonly memberId: string;
  readonly begunBy: LoginWay;
  readonly identityProviderId?: string;
  readonly sourceAddress?: string;
  readonly userAgent?: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** However much it is used. */
  readonly expiresAt: Date;
}

/** What an authentication needs; never shown. */
export interface SessionCredential extends Session {
  readonly tenantId: string;
  readonly secretSha256: Uint8Array;
  readonly member: Member;
  readonly tenantSuspendedAt: Date | undefined;
}

export interface NewSession {
  readonly id: string;
  /** 32 bytes. */
  readonly secretSha256: Uint8Array;
  readonly memberId: string;
  readonly begunBy: LoginWay;
  readonly identityProviderId?: string | undefined;
  /** Cut where they are too long. */
  readonly sourceAddress?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** Unused for so long, it ends. */
export const SESSION_IDLE_HOURS = 8;
/** Used or not, it ends. */
export const SESSION_HOURS = 24;
/** Of one member at a time; the oldest give way. */
export const SESSIONS_OF_MEMBER_MAX = 20;
const REMOVED_AT_ONCE = 100;

/** Removes some that are past their time, too. @throws BulkheadError NOT_FOUND where there is no such member */
export async function createSession(tx: TenantTx, session: NewSession): Promise<Session> {
  const { sourceAddress, userAgent, ...rest } = session;
  await removeSome(tx, past());
  await removeSurplus(tx, session.memberId);
  const rows = await tx.queries
    .insert(sessions)
    .values({
      ...rest,
      tenantId: tx.tenantId,
      sourceAddress: sourceAddress === undefined ? null : clipped(sourceAddress, 64),
      userAgent: userAgent === undefined ? null : clipped(userAgent, 256),
      expiresAt: sql`now() + make_interval(hours => ${SESSION_HOURS})`,
    })
    .returning();
  await tx.queries.insert(sessionTenants).values({ id: session.id, tenantId: tx.tenantId });
  return sessionFromRow(only(rows));
}

/**
 * By public id, before the tenant is known, with the member as they are now; none that is past its
 * time. The caller compares the secret.
 */
export async function findSession(
  database: Database,
  id: string,
): Promise<SessionCredential | undefined> {
  const [owner] = await database.withPlatform((tx) =>
    tx.queries.select().from(sessionTenants).where(eq(sessionTenants.id, id)),
  );
  if (!owner) return undefined;
  return database.readTenant(owner, async (tx) => {
    const [row] = await tx.queries
      .select({ session: sessions, member: members, suspendedAt: tenants.suspendedAt })
      .from(sessions)
      .innerJoin(
        members,
        and(eq(members.tenantId, sessions.tenantId), eq(members.id, sessions.memberId)),
      )
      .innerJoin(tenants, eq(tenants.id, sessions.tenantId))
      .where(and(byId(tx, id), current()));
    return (
      row && {
        ...sessionFromRow(row.session),
        tenantId: tx.tenantId,
        secretSha256: row.session.secretSha256,
        member: memberFromRow(row.member),
        tenantSuspendedAt: row.suspendedAt ?? undefined,
      }
    );
  });
}

/** Those that are not past their time, newest first, of one member or all. */
export async function listSessions(
  tx: TenantTx,
  filter: PageRequest & { readonly memberId?: string | undefined } = {},
): Promise<Page<Session>> {
  const limit = pageLimit(filter);
  const [time, id] = pageStart(filter, 2) ?? [];
  const rows = await tx.queries
    .select()
    .from(sessions)
    .where(
      and(
        eq(sessions.tenantId, tx.tenantId),
        filter.memberId === undefined ? undefined : eq(sessions.memberId, filter.memberId),
        current(),
        time === undefined
          ? undefined
          : sql`(${sessions.createdAt}, ${sessions.id}) < (${time}::timestamptz, ${id}::text)`,
      ),
    )
    .orderBy(desc(sessions.createdAt), desc(sessions.id))
    .limit(limit + 1);
  return toPage(rows, limit, sessionFromRow, (row) => [row.createdAt.toISOString(), row.id]);
}

/** @throws BulkheadError NOT_FOUND; where it is past its time, too */
export async function getSession(tx: TenantTx, id: string): Promise<Session> {
  const [row] = await tx.queries
    .select()
    .from(sessions)
    .where(and(byId(tx, id), current()));
  return sessionFromRow(found(row, 'session'));
}

/** It is worth nothing from the commit on. @throws BulkheadError NOT_FOUND */
export async function deleteSession(tx: TenantTx, id: string): Promise<void> {
  const [row] = await tx.queries
    .delete(sessions)
    .where(byId(tx, id))
    .returning({ id: sessions.id });
  found(row, 'session');
}

/** Notes a use, at most once a minute so that reads do not become writes. */
export async function touchSession(tx: TenantTx, id: string): Promise<void> {
  await tx.queries
    .update(sessions)
    .set({ lastUsedAt: sql`now()` })
    .where(and(byId(tx, id), lt(sessions.lastUsedAt, sql`now() - interval '1 minute'`)));
}

function current(): SQL | undefined {
  return and(
    gt(sessions.expiresAt, sql`now()`),
    gt(sessions.lastUsedAt, sql`now() - make_interval(hours => ${SESSION_IDLE_HOURS})`),
  );
}

function past(): SQL | undefined {
  return or(
    sql`${sessions.expiresAt} <= now()`,
    sql`${sessions.lastUsedAt} <= now() - make_interval(hours => ${SESSION_IDLE_HOURS})`,
  );
}

async function removeSome(tx: TenantTx, which: SQL | undefined): Promise<void> {
  const some = tx.queries
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.tenantId, tx.tenantId), which))
    .limit(REMOVED_AT_ONCE);
  await remove(tx, some);
}

async function removeSurplus(tx: TenantTx, memberId: string): Promise<void> {
  const surplus = tx.queries
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.tenantId, tx.tenantId), eq(sessions.memberId, memberId)))
    .orderBy(desc(sessions.createdAt), desc(sessions.id))
    .offset(SESSIONS_OF_MEMBER_MAX - 1)
    .limit(REMOVED_AT_ONCE);
  await remove(tx, surplus);
}

async function remove(tx: TenantTx, ids: SQLWrapper): Promise<void> {
  await tx.queries
    .delete(sessions)
    .where(and(eq(sessions.tenantId, tx.tenantId), inArray(sessions.id, ids)));
}

function byId(tx: TenantTx, id: string) {
  return and(eq(sessions.tenantId, tx.tenantId), eq(sessions.id, id));
}

function sessionFromRow(row: typeof sessions.$inferSelect): Session {
  const {
    tenantId: _tenantId,
    secretSha256: _secretSha256,
    identityProviderId,
    sourceAddress,
    userAgent,
    ...session
  } = row;
  return {
    ...session,
    ...(identityProviderId !== null && { identityProviderId }),
    ...(sourceAddress !== null && { sourceAddress }),
    ...(userAgent !== null && { userAgent }),
  };
}
