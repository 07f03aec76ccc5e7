import { sql } from 'drizzle-orm';
import { check, foreignKey, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, instant, tenantIdColumn } from './columns.js';
import { members } from './members.js';

/** What lets a member in once, without an identity provider. A row goes with its use. */
export const loginLinks = pgTable(
  'login_links',
  {
    tenantId: tenantIdColumn(),
    id: text('id').notNull(),
    secretSha256: bytea('secret_sha256').notNull(),
    memberId: uuid('member_id').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: createdAt(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    foreignKey({
      name: 'login_links_member',
      columns: [table.tenantId, table.memberId],
      foreignColumns: [members.tenantId, members.id],
    }).onDelete('cascade'),
    index('login_links_of_member').on(table.tenantId, table.memberId),
    check('login_links_id_form', sql`${table.id} ~ '^[0-9a-f]{16}$'`),
    check('login_links_secret_length', sql`octet_length(${table.secretSha256}) = 32`),
  ],
);

/** Global: which tenant a link's public id belongs to, read before the tenant is known. No secrets. */
export const loginLinkTenants = pgTable(
  'login_link_tenants',
  {
    id: text('id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.tenantId, table.id],
      foreignColumns: [loginLinks.tenantId, loginLinks.id],
    }).onDelete('cascade'),
  ],
);
