import { sql } from 'drizzle-orm';
import { check, pgTable, text } from 'drizzle-orm/pg-core';
import { bytea, createdAt, instant } from './columns.js';

/** Global: who may make and suspend tenants. They hold for no tenant. */
export const platformCredentials = pgTable(
  'platform_credentials',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    secretSha256: bytea('secret_sha256').notNull(),
    createdAt: createdAt(),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    check('platform_credentials_id_form', sql`${table.id} ~ '^[0-9a-f]{16}$'`),
    check('platform_credentials_name_length', sql`octet_length(${table.name}) between 1 and 253`),
    check('platform_credentials_secret_length', sql`octet_length(${table.secretSha256}) = 32`),
  ],
);
