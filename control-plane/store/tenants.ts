import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Database } from './database.js';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { startsWith } from './orders.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { tenants } from './schema/tenants.js';
import type { PlatformTx, TenantTx } from './transaction.js';

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  /** Since then its keys and members are refused and nobody joins; its agents are served. */
  readonly suspendedAt?: Date;
  /** Rises with every edit. */
  readonly revision: number;
}

export interface TenantChange {
  readonly name?: string | undefined;
  readonly suspended?: boolean | undefined;
}

/** @throws BulkheadError CONFLICT where the name is taken */
export async function createTenant(
  tx: PlatformTx,
  tenant: { readonly id?: string; readonly name: string },
): Promise<Tenant> {
  const rows = await tx.queries
    .insert(tenants)
    .values({ id: tenant.id ?? newId(), name: tenant.name })
    .returning();
  return tenantFromRow(only(rows));
}

/** The tenant of that name, made unless there is one. Of two at once the second waits for the first. */
export async function ensureTenant(
  tx: PlatformTx,
  name: string,
): Promise<{ readonly tenant: Tenant; readonly isNew: boolean }> {
  const [made] = await tx.queries
    .insert(tenants)
    .values({ id: newId(), name })
    .onConflictDoNothing({ target: tenants.name })
    .returning();
  if (made) return { tenant: tenantFromRow(made), isNew: true };
  return { tenant: found(await findTenantByName(tx, name), 'tenant'), isNew: false };
}

export async function findTenantByName(tx: PlatformTx, name: string): Promise<Tenant | undefined> {
  const [row] = await tx.queries.select().from(tenants).where(eq(tenants.name, name));
  return row && tenantFromRow(row);
}

/** By name. */
export async function listTenants(
  tx: PlatformTx,
  filter: PageRequest & { readonly namePrefix?: string | undefined } = {},
): Promise<Page<Tenant>> {
  const { namePrefix } = filter;
  const limit = pageLimit(filter);
  const start = pageStart(filter, 1);
  const rows = await tx.queries
    .select()
    .from(tenants)
    .where(
      and(
        namePrefix === undefined ? undefined : startsWith(tenants.name, namePrefix),
        start?.[0] === undefined ? undefined : gt(tenants.name, start[0]),
      ),
    )
    .orderBy(asc(tenants.name))
    .limit(limit + 1);
  return toPage(rows, limit, tenantFromRow, (row) => [row.name]);
}

/** Any one. @throws BulkheadError NOT_FOUND */
export async function getTenantById(tx: PlatformTx, id: string): Promise<Tenant> {
  const [row] = await tx.queries.select().from(tenants).where(eq(tenants.id, id));
  return tenantFromRow(found(row, 'tenant'));
}

/**
 * `check` sees what is there and may throw; nobody changes it in between.
 * @throws BulkheadError NOT_FOUND, CONFLICT where another has that name
 */
export async function updateTenant(
  tx: PlatformTx,
  id: string,
  { name, suspended }: TenantChange,
  check: (current: Tenant) => void = () => {},
): Promise<Tenant> {
  const [row] = await tx.queries.select().from(tenants).where(eq(tenants.id, id)).for('update');
  check(tenantFromRow(found(row, 'tenant')));
  const rows = await tx.queries
    .update(tenants)
    .set({
      ...(name !== undefined && { name }),
      ...(suspended === false && { suspendedAt: null }),
      ...(suspended && { suspendedAt: sql`coalesce(${tenants.suspendedAt}, now())` }),
      revision: sql`${tenants.revision} + 1`,
    })
    .where(eq(tenants.id, id))
    .returning();
  return tenantFromRow(only(rows));
}

/** By name, a page a transaction. */
export async function* everyTenant(database: Database): AsyncGenerator<Tenant> {
  let after: string | undefined;
  do {
    const page = await database.withPlatform((tx) => listTenants(tx, { after }));
    yield* page.items;
    after = page.nextCursor;
  } while (after !== undefined);
}

/** The caller's own. @throws BulkheadError NOT_FOUND */
export async function getTenant(tx: TenantTx): Promise<Tenant> {
  const [row] = await tx.queries.select().from(tenants).where(eq(tenants.id, tx.tenantId));
  return tenantFromRow(found(row, 'tenant'));
}

/** @throws BulkheadError TENANT_SUSPENDED, NOT_FOUND */
export async function checkNotSuspended(tx: TenantTx): Promise<void> {
  const { suspendedAt } = await getTenant(tx);
  if (suspendedAt) throw new BulkheadError('TENANT_SUSPENDED');
}

function tenantFromRow(row: typeof tenants.$inferSelect): Tenant {
  const { suspendedAt, ...tenant } = row;
  return { ...tenant, ...(suspendedAt && { suspendedAt }) };
}
