import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { Role } from './api-keys.js';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { type ClaimNames, type GroupRole, identityProviders } from './schema/identity-providers.js';
import type { TenantTx } from './transaction.js';

export type { ClaimNames, GroupRole } from './schema/identity-providers.js';

export interface IdentityProvider {
  readonly id: string;
  /** Unique in the tenant. */
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly claims: ClaimNames;
  /** The first that fits counts; none at all: roles are what the members have. */
  readonly groupRoles: readonly GroupRole[];
  /** Of whom no group fits. */
  readonly defaultRole?: Role;
  /** Makes a member of whom it knows and we do not. */
  readonly createMembers: boolean;
  /** Whether owners log in here. */
  readonly servesOwners: boolean;
  readonly createdAt: Date;
  /** Rises with every edit. */
  readonly revision: number;
}

export interface NewIdentityProvider
  extends Omit<IdentityProvider, 'id' | 'createdAt' | 'revision' | 'defaultRole'> {
  readonly clientSecretEncrypted: Uint8Array;
  readonly defaultRole?: Role | undefined;
}

export interface IdentityProviderChange extends Partial<Omit<NewIdentityProvider, 'defaultRole'>> {
  /** null: none. */
  readonly defaultRole?: Role | null | undefined;
}

/** @throws BulkheadError CONFLICT where the tenant has one of that name */
export async function createIdentityProvider(
  tx: TenantTx,
  provider: NewIdentityProvider,
): Promise<IdentityProvider> {
  const rows = await tx.queries
    .insert(identityProviders)
    .values({ ...provider, tenantId: tx.tenantId, id: newId() })
    .returning();
  return providerFromRow(only(rows));
}

/** @throws BulkheadError NOT_FOUND */
export async function getIdentityProvider(tx: TenantTx, id: string): Promise<IdentityProvider> {
  const [row] = await tx.queries.select().from(identityProviders).where(byId(tx, id));
  return providerFromRow(found(row, 'identity provider'));
}

/** Sealed. @throws BulkheadError NOT_FOUND */
export async function getClientSecret(tx: TenantTx, id: string): Promise<Uint8Array> {
  const [row] = await tx.queries
    .select({ secret: identityProviders.clientSecretEncrypted })
    .from(identityProviders)
    .where(byId(tx, id));
  return found(row, 'identity provider').secret;
}

/** By name. */
export async function listIdentityProviders(
  tx: TenantTx,
  request: PageRequest = {},
): Promise<Page<IdentityProvider>> {
  const limit = pageLimit(request);
  const [name] = pageStart(request, 1) ?? [];
  const rows = await tx.queries
    .select()
    .from(identityProviders)
    .where(
      and(
        eq(identityProviders.tenantId, tx.tenantId),
        name === undefined ? undefined : gt(identityProviders.name, name),
      ),
    )
    .orderBy(asc(identityProviders.name))
    .limit(limit + 1);
  return toPage(rows, limit, providerFromRow, (row) => [row.name]);
}

/**
 * `check` sees what is there and may throw; nobody changes it in between.
 * @throws BulkheadError NOT_FOUND, CONFLICT where the tenant has another of that name
 */
export async function updateIdentityProvider(
  tx: TenantTx,
  id: string,
  change: IdentityProviderChange,
  check: (current: IdentityProvider) => void = () => {},
): Promise<IdentityProvider> {
  check(await lock(tx, id));
  const present = Object.entries(change).filter(([, value]) => value !== undefined);
  const rows = await tx.queries
    .update(identityProviders)
    .set({
      ...(Object.fromEntries(present) as Partial<typeof identityProviders.$inferInsert>),
      revision: sql`${identityProviders.revision} + 1`,
    })
    .where(byId(tx, id))
    .returning();
  return providerFromRow(only(rows));
}

/** The sessions that it began, and the logins that are under way, go with it. As updateIdentityProvider. */
export async function deleteIdentityProvider(
  tx: TenantTx,
  id: string,
  check: (current: IdentityProvider) => void = () => {},
): Promise<IdentityProvider> {
  const provider = await lock(tx, id);
  check(provider);
  await tx.queries.delete(identityProviders).where(byId(tx, id));
  return provider;
}

async function lock(tx: TenantTx, id: string): Promise<IdentityProvider> {
  const [row] = await tx.queries.select().from(identityProviders).where(byId(tx, id)).for('update');
  return providerFromRow(found(row, 'identity provider'));
}

function byId(tx: TenantTx, id: string) {
  return and(eq(identityProviders.tenantId, tx.tenantId), eq(identityProviders.id, id));
}

function providerFromRow(row: typeof identityProviders.$inferSelect): IdentityProvider {
  const {
    tenantId: _tenantId,
    clientSecretEncrypted: _clientSecretEncrypted,
    defaultRole,
    ...provider
  } = row;
  return { ...provider, ...(defaultRole !== null && { defaultRole }) };
}
