import { and, desc, eq, isNull, lt, or, sql } from 'drizzle-orm';
import { BoundedMap } from '../domain/bounded-map.js';
import type { Database } from './database.js';
import { found, only } from './errors.js';
import { startsWith } from './orders.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { holdQuota } from './quotas.js';
import { apiKeys, apiKeyTenants } from './schema/api-keys.js';
import type { Role } from './schema/roles.js';
import { tenants } from './schema/tenants.js';
import type { TenantTx } from './transaction.js';

export { ROLES, type Role } from './schema/roles.js';

export interface ApiKey {
  readonly tenantId: string;
  /** 16 hex digits, public. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** A selector as text; absent: every cluster. */
  readonly clusters?: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
  readonly lastUsedAt?: Date;
}

/** What an authentication needs; never shown. */
export interface ApiKeyCredential extends ApiKey {
  readonly secretSha256: Uint8Array;
  readonly tenantSuspendedAt: Date | undefined;
}

export interface NewApiKey {
  readonly id: string;
  readonly name: string;
  /** 32 bytes. */
  readonly secretSha256: Uint8Array;
  readonly role: Role;
  readonly clusters?: string | undefined;
  readonly createdBy: string;
  readonly expiresAt?: Date | undefined;
}

export interface ApiKeyFilter extends PageRequest {
  readonly role?: Role | undefined;
  readonly namePrefix?: string | undefined;
}

/** @throws BulkheadError CONFLICT where the id is taken, RESOURCE_EXHAUSTED */
export async function createApiKey(tx: TenantTx, key: NewApiKey): Promise<ApiKey> {
  await holdQuota(tx, 'apiKeys');
  const rows = await tx.queries
    .insert(apiKeys)
    .values({ ...key, tenantId: tx.tenantId, expiresAt: key.expiresAt ?? null })
    .returning();
  await tx.queries.insert(apiKeyTenants).values({ id: key.id, tenantId: tx.tenantId });
  return apiKeyFromRow(only(rows));
}

/** By public id, before the tenant is known; revoked and expired ones too. The caller compares the secret. */
export async function findApiKey(
  database: Database,
  id: string,
): Promise<ApiKeyCredential | undefined> {
  const tenantId = await tenantOfKey(database, id);
  if (tenantId === undefined) return undefined;
  return database.readTenant({ tenantId }, async (tx) => {
    const [row] = await tx.queries
      .select({ key: apiKeys, suspendedAt: tenants.suspendedAt })
      .from(apiKeys)
      .innerJoin(tenants, eq(tenants.id, apiKeys.tenantId))
      .where(byId(tx, id));
    if (!row) return undefined;
    const { key, suspendedAt } = row;
    const { secretSha256 } = key;
    return { ...apiKeyFromRow(key), secretSha256, tenantSuspendedAt: suspendedAt ?? undefined };
  });
}

/** Of keys that were asked for: a key's tenant never changes. What may change is read each time. */
const OWNERS = new WeakMap<Database, BoundedMap<string, string>>();
const OWNERS_MAX = 10_000;

async function tenantOfKey(database: Database, id: string): Promise<string | undefined> {
  const owners = OWNERS.get(database) ?? new BoundedMap<string, string>(OWNERS_MAX);
  OWNERS.set(database, owners);
  const known = owners.get(id);
  if (known !== undefined) return known;
  const [owner] = await database.withPlatform((tx) =>
    tx.queries.select().from(apiKeyTenants).where(eq(apiKeyTenants.id, id)),
  );
  if (!owner) return undefined;
  owners.set(id, owner.tenantId);
  return owner.tenantId;
}

/** Newest first. */
export async function listApiKeys(tx: TenantTx, filter: ApiKeyFilter = {}): Promise<Page<ApiKey>> {
  const { role, namePrefix } = filter;
  const limit = pageLimit(filter);
  const [time, id] = pageStart(filter, 2) ?? [];
  const rows = await tx.queries
    .select()
    .from(apiKeys)
    .where(
      and(
        eq(apiKeys.tenantId, tx.tenantId),
        role === undefined ? undefined : eq(apiKeys.role, role),
        namePrefix === undefined ? undefined : startsWith(apiKeys.name, namePrefix),
        time === undefined
          ? undefined
          : sql`(${apiKeys.createdAt}, ${apiKeys.id}) < (${time}::timestamptz, ${id}::text)`,
      ),
    )
    .orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
    .limit(limit + 1);
  return toPage(rows, limit, apiKeyFromRow, (row) => [row.createdAt.toISOString(), row.id]);
}

/** Again: keeps the first time. @throws BulkheadError NOT_FOUND */
export async function revokeApiKey(tx: TenantTx, id: string): Promise<ApiKey> {
  const [row] = await tx.queries
    .update(apiKeys)
    .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, now())` })
    .where(byId(tx, id))
    .returning();
  return apiKeyFromRow(found(row, 'API key'));
}

/** Notes a use, at most once a minute so that reads do not become writes. */
export async function touchApiKey(tx: TenantTx, id: string): Promise<void> {
  await tx.queries
    .update(apiKeys)
    .set({ lastUsedAt: sql`now()` })
    .where(
      and(
        byId(tx, id),
        or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, sql`now() - interval '1 minute'`)),
      ),
    );
}

function byId(tx: TenantTx, id: string) {
  return and(eq(apiKeys.tenantId, tx.tenantId), eq(apiKeys.id, id));
}

function apiKeyFromRow(row: typeof apiKeys.$inferSelect): ApiKey {
  return {
    tenantId: row.tenantId,
    id: row.id,
    name: row.name,
    role: row.role,
    ...(row.clusters !== null && { clusters: row.clusters }),
    createdBy: row.createdBy,
    createdAt: row.createdAt,
    ...(row.expiresAt && { expiresAt: row.expiresAt }),
    ...(row.revokedAt && { revokedAt: row.revokedAt }),
    ...(row.lastUsedAt && { lastUsedAt: row.lastUsedAt }),
  };
}
