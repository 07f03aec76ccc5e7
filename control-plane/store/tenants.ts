import { asc, eq, gt } from 'drizzle-orm';
import type { Database } from './database.js';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { tenants } from './schema/tenants.js';
import type { PlatformTx, TenantTx } from './transaction.js';

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
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
  return only(rows);
}

export async function findTenantByName(tx: PlatformTx, name: string): Promise<Tenant | undefined> {
  const [row] = await tx.queries.select().from(tenants).where(eq(tenants.name, name));
  return row;
}

/** By name. */
export async function listTenants(
  tx: PlatformTx,
  request: PageRequest = {},
): Promise<Page<Tenant>> {
  const limit = pageLimit(request);
  const start = pageStart(request, 1);
  const rows = await tx.queries
    .select()
    .from(tenants)
    .where(start?.[0] === undefined ? undefined : gt(tenants.name, start[0]))
    .orderBy(asc(tenants.name))
    .limit(limit + 1);
  return toPage(
    rows,
    limit,
    (row) => row,
    (row) => [row.name],
  );
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
  return found(row, 'tenant');
}
