import { and, asc, eq, gt } from 'drizzle-orm';
import type { Role } from './api-keys.js';
import { only } from './errors.js';
import { newId } from './ids.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { users } from './schema/users.js';
import type { TenantTx } from './transaction.js';

export interface User {
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly role: Role;
  readonly createdAt: Date;
  readonly disabledAt?: Date;
}

/** The address is kept in lower case. @throws BulkheadError CONFLICT where it is taken */
export async function createUser(
  tx: TenantTx,
  user: { readonly email: string; readonly displayName: string; readonly role: Role },
): Promise<User> {
  const rows = await tx.queries
    .insert(users)
    .values({
      tenantId: tx.tenantId,
      id: newId(),
      email: user.email.toLowerCase(),
      displayName: user.displayName,
      role: user.role,
    })
    .returning();
  return userFromRow(only(rows));
}

/** By address. */
export async function listUsers(tx: TenantTx, request: PageRequest = {}): Promise<Page<User>> {
  const limit = pageLimit(request);
  const start = pageStart(request, 1);
  const rows = await tx.queries
    .select()
    .from(users)
    .where(
      and(
        eq(users.tenantId, tx.tenantId),
        start?.[0] === undefined ? undefined : gt(users.email, start[0]),
      ),
    )
    .orderBy(asc(users.email))
    .limit(limit + 1);
  return toPage(rows, limit, userFromRow, (row) => [row.email]);
}

function userFromRow(row: typeof users.$inferSelect): User {
  return {
    id: row.id,
    email: row.email,
    displayName: row.displayName,
    role: row.role,
    createdAt: row.createdAt,
    ...(row.disabledAt && { disabledAt: row.disabledAt }),
  };
}
