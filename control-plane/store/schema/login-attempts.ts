import { sql } from 'drizzle-orm';
import { check, foreignKey, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, instant, tenantIdColumn } from './columns.js';
import { identityProviders } from './identity-providers.js';

/** A browser that is away at its identity provider. Any replica takes its answer; a row goes with its use. */
export const loginAttempts = pgTable(
  'login_attempts',
  {
    tenantId: tenantIdColumn(),
    id: text('id').notNull(),
    secretSha256: bytea('secret_sha256').notNull(),
    /** Of the cookie of the browser that began it. */
    browserSha256: bytea('browser_sha256').notNull(),
    providerId: uuid('provider_id').notNull(),
    checksEncrypted: bytea('checks_encrypted').notNull(),
    returnTo: text('return_to').notNull(),
    createdAt: createdAt(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    foreignKey({
      name: 'login_attempts_provider',
      columns: [table.tenantId, table.providerId],
      foreignColumns: [identityProviders.tenantId, identityProviders.id],
    }).onDelete('cascade'),
    index('login_attempts_expiry').on(table.tenantId, table.expiresAt),
    check('login_attempts_id_form', sql`${table.id} ~ '^[0-9a-f]{16}$'`),
    check('login_attempts_secret_length', sql`octet_length(${table.secretSha256}) = 32`),
    check('login_attempts_browser_length', sql`octet_length(${table.browserSha256}) = 32`),
    check('login_attempts_return_to_length', sql`octet_length(${table.returnTo}) <= 2048`),
  ],
);

/** Global: which tenant an attempt's public id belongs to, read before the tenant is known. No secrets. */
export const loginAttemptTenants = pgTable(
  'login_attempt_tenants',
  {
    id: text('id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.tenantId, table.id],
      foreignColumns: [loginAttempts.tenantId, loginAttempts.id],
    }).onDelete('cascade'),
  ],
);
