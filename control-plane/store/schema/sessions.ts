import { sql } from 'drizzle-orm';
import { check, foreignKey, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, instant, isOneOf, tenantIdColumn } from './columns.js';
import { identityProviders } from './identity-providers.js';
import { members } from './members.js';

/** How a person logged in. Must match the checks in migrations/. */
export const LOGIN_WAYS = ['oidc', 'login-link'] as const;
export type LoginWay = (typeof LOGIN_WAYS)[number];

export const sessions = pgTable(
  'sessions',
  {
    tenantId: tenantIdColumn(),
    id: text('id').notNull(),
    secretSha256: bytea('secret_sha256').notNull(),
    memberId: uuid('member_id').notNull(),
    /** That the login came from. */
    identityProviderId: uuid('identity_provider_id'),
    begunBy: text('begun_by', { enum: LOGIN_WAYS }).notNull(),
    sourceAddress: text('source_address'),
    userAgent: text('user_agent'),
    createdAt: createdAt(),
    lastUsedAt: instant('last_used_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    foreignKey({
      name: 'sessions_member',
      columns: [table.tenantId, table.memberId],
      foreignColumns: [members.tenantId, members.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'sessions_identity_provider',
      columns: [table.tenantId, table.identityProviderId],
      foreignColumns: [identityProviders.tenantId, identityProviders.id],
    }).onDelete('cascade'),
    index('sessions_of_identity_provider').on(table.tenantId, table.identityProviderId),
    index('sessions_of_member').on(table.tenantId, table.memberId, table.createdAt),
    index('sessions_expiry').on(table.tenantId, table.expiresAt),
    check('sessions_id_form', sql`${table.id} ~ '^[0-9a-f]{16}$'`),
    check('sessions_secret_length', sql`octet_length(${table.secretSha256}) = 32`),
    check('sessions_begun_by', isOneOf(table.begunBy, LOGIN_WAYS)),
    check('sessions_source_address_length', sql`octet_length(${table.sourceAddress}) <= 64`),
    check('sessions_user_agent_length', sql`octet_length(${table.userAgent}) <= 256`),
  ],
);

/** Global: which tenant a session's public id belongs to, read before the tenant is known. No secrets. */
export const sessionTenants = pgTable(
  'session_tenants',
  {
    id: text('id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.tenantId, table.id],
      foreignColumns: [sessions.tenantId, sessions.id],
    }).onDelete('cascade'),
  ],
);
