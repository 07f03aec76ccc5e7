import { sql } from 'drizzle-orm';
import { check, integer, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant, isOneOf, tenantIdColumn } from './columns.js';
import { ROLES } from './roles.js';
import { tenants } from './tenants.js';

export const members = pgTable(
  'members',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    id: uuid('id').notNull(),
    email: text('email').notNull(),
    displayName: text('display_name').notNull(),
    role: text('role', { enum: ROLES }).notNull(),
    /** A selector of clusters, as text; NULL: all of them. */
    clusters: text('clusters'),
    createdAt: createdAt(),
    disabledAt: instant('disabled_at'),
    /** Rises with every edit. */
    revision: integer('revision').notNull().default(1),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    unique('members_email').on(table.tenantId, table.email),
    check('members_role', isOneOf(table.role, ROLES)),
    check('members_email_length', sql`octet_length(${table.email}) between 3 and 254`),
    check('members_clusters_length', sql`octet_length(${table.clusters}) between 1 and 8192`),
  ],
);
