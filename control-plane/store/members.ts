import { and, asc, eq, gt, isNull, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Role } from './api-keys.js';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { startsWith } from './orders.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { holdQuota } from './quotas.js';
import { loginLinks } from './schema/login-links.js';
import { members } from './schema/members.js';
import { sessions } from './schema/sessions.js';
import type { TenantTx } from './transaction.js';

export interface Member {
  readonly id: string;
  /** In lower case. */
  readonly email: string;
  readonly displayName: string;
  readonly role: Role;
  /** A selector as text; absent: every cluster. */
  readonly clusters?: string;
  readonly createdAt: Date;
  /** Refused since then. */
  readonly disabledAt?: Date;
  /** Rises with every edit. */
  readonly revision: number;
}

export interface NewMember {
  readonly email: string;
  readonly displayName: string;
  readonly role: Role;
  readonly clusters?: string | undefined;
}

export interface MemberChange {
  readonly displayName?: string | undefined;
  readonly role?: Role | undefined;
  /** '': every cluster. */
  readonly clusters?: string | undefined;
  readonly disabled?: boolean | undefined;
}

export interface MemberFilter extends PageRequest {
  readonly role?: Role | undefined;
  readonly emailPrefix?: string | undefined;
}

/** The address is kept in lower case. @throws BulkheadError CONFLICT where it is taken, RESOURCE_EXHAUSTED */
export async function createMember(tx: TenantTx, member: NewMember): Promise<Member> {
  await holdQuota(tx, 'members');
  const rows = await tx.queries
    .insert(members)
    .values({ ...member, tenantId: tx.tenantId, id: newId(), email: member.email.toLowerCase() })
    .returning();
  return memberFromRow(only(rows));
}

/** @throws BulkheadError NOT_FOUND */
export async function getMember(tx: TenantTx, id: string): Promise<Member> {
  const [row] = await tx.queries.select().from(members).where(byId(tx, id));
  return memberFromRow(found(row, 'member'));
}

export async function findMemberByEmail(tx: TenantTx, email: string): Promise<Member | undefined> {
  const [row] = await tx.queries
    .select()
    .from(members)
    .where(and(eq(members.tenantId, tx.tenantId), eq(members.email, email.toLowerCase())));
  return row && memberFromRow(row);
}

/** By address. */
export async function listMembers(tx: TenantTx, filter: MemberFilter = {}): Promise<Page<Member>> {
  const { role, emailPrefix } = filter;
  const limit = pageLimit(filter);
  const start = pageStart(filter, 1);
  const rows = await tx.queries
    .select()
    .from(members)
    .where(
      and(
        eq(members.tenantId, tx.tenantId),
        role === undefined ? undefined : eq(members.role, role),
        emailPrefix === undefined
          ? undefined
          : startsWith(members.email, emailPrefix.toLowerCase()),
        start?.[0] === undefined ? undefined : gt(members.email, start[0]),
      ),
    )
    .orderBy(asc(members.email))
    .limit(limit + 1);
  return toPage(rows, limit, memberFromRow, (row) => [row.email]);
}

/**
 * `check` sees what is there and may throw; nobody changes it in between. Who is disabled has logged in
 * for the last time with what they had.
 * @throws BulkheadError NOT_FOUND; LAST_OWNER where the tenant had owners and would have none
 */
export async function updateMember(
  tx: TenantTx,
  id: string,
  { displayName, role, clusters, disabled }: MemberChange,
  check: (current: Member) => void = () => {},
): Promise<Member> {
  const owners = await lockOwners(tx);
  const before = memberFromRow(await lockMember(tx, id));
  check(before);
  if (disabled === false && before.disabledAt) await holdQuota(tx, 'members');
  const rows = await tx.queries
    .update(members)
    .set({
      ...(displayName !== undefined && { displayName }),
      ...(role !== undefined && { role }),
      ...(clusters !== undefined && { clusters: clusters || null }),
      ...(disabled === false && { disabledAt: null }),
      ...(disabled && { disabledAt: sql`coalesce(${members.disabledAt}, now())` }),
      revision: sql`${members.revision} + 1`,
    })
    .where(byId(tx, id))
    .returning();
  const after = only(rows);
  if (disabled) await endLogins(tx, id);
  const isOwner = after.role === 'owner' && !after.disabledAt && after.clusters === null;
  if (!isOwner) checkOthers(owners, id);
  return memberFromRow(after);
}

/** For good: the address is free again. What they did keeps their name. As updateMember. */
export async function deleteMember(
  tx: TenantTx,
  id: string,
  check: (current: Member) => void = () => {},
): Promise<Member> {
  const owners = await lockOwners(tx);
  const member = memberFromRow(await lockMember(tx, id));
  check(member);
  checkOthers(owners, id);
  await tx.queries.delete(members).where(byId(tx, id));
  return member;
}

/**
 * Who may do everything, locked in one order until the transaction ends: of two that each take one of
 * the last two away the second waits, and then reads what the first left.
 */
async function lockOwners(tx: TenantTx): Promise<readonly string[]> {
  const rows = await tx.queries
    .select({ id: members.id })
    .from(members)
    .where(
      and(
        eq(members.tenantId, tx.tenantId),
        eq(members.role, 'owner'),
        isNull(members.disabledAt),
        isNull(members.clusters),
      ),
    )
    .orderBy(asc(members.id))
    .for('update');
  return rows.map(({ id }) => id);
}

/** So that none of them is worth something again where the member is enabled again. */
async function endLogins(tx: TenantTx, memberId: string): Promise<void> {
  for (const table of [sessions, loginLinks]) {
    await tx.queries
      .delete(table)
      .where(and(eq(table.tenantId, tx.tenantId), eq(table.memberId, memberId)));
  }
}

async function lockMember(tx: TenantTx, id: string) {
  const [row] = await tx.queries.select().from(members).where(byId(tx, id)).for('update');
  return found(row, 'member');
}

function checkOthers(owners: readonly string[], id: string): void {
  if (owners.length === 1 && owners[0] === id) throw new BulkheadError('LAST_OWNER');
}

function byId(tx: TenantTx, id: string) {
  return and(eq(members.tenantId, tx.tenantId), eq(members.id, id));
}

export function memberFromRow(row: typeof members.$inferSelect): Member {
  const { tenantId: _tenantId, clusters, disabledAt, ...member } = row;
  return {
    ...member,
    ...(clusters !== null && { clusters }),
    ...(disabledAt && { disabledAt }),
  };
}
