import { sql } from 'drizzle-orm';
import { check, foreignKey, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, instant, isOneOf, tenantIdColumn } from './columns.js';
import { ROLES } from './roles.js';
import { tenants } from './tenants.js';

export const apiKeys = pgTable(
  'api_keys',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    id: text('id').notNull(),
    name: text('name').notNull(),
    secretSha256: bytea('secret_sha256').notNull(),
    role: text('role', { enum: ROLES }).notNull(),
    /** A selector of clusters, as text; NULL: all of them. */
    clusters: text('clusters'),
    createdBy: text('created_by').notNull(),
    createdAt: createdAt(),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
    lastUsedAt: instant('last_used_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    check('api_keys_role', isOneOf(table.role, ROLES)),
    check('api_keys_id_form', sql`${table.id} ~ '^[0-9a-f]{16}$'`),
    check('api_keys_name_length', sql`octet_length(${table.name}) between 1 and 253`),
    check('api_keys_secret_length', sql`octet_length(${table.secretSha256}) = 32`),
    check('api_keys_clusters_length', sql`octet_length(${table.clusters}) between 1 and 8192`),
  ],
);

/** Global: which tenant a key's public id belongs to, read before the tenant is known. No secrets. */
export const apiKeyTenants = pgTable(
  'api_key_tenants',
  {
    id: text('id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.tenantId, table.id],
      foreignColumns: [apiKeys.tenantId, apiKeys.id],
    }).onDelete('cascade'),
  ],
);
