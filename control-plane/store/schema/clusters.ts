import { sql } from 'drizzle-orm';
import { check, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant, jsonb, tenantIdColumn } from './columns.js';
import { tenants } from './tenants.js';

export const clusters = pgTable(
  'clusters',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    labels: jsonb<Readonly<Record<string, string>>>('labels').notNull(),
    createdAt: createdAt(),
    /** Rises with every edit. */
    revision: integer('revision').notNull().default(1),
    /** Deleted: the row stays for what refers to it. */
    archivedAt: instant('archived_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('clusters_name')
      .on(table.tenantId, table.name)
      .where(sql`${table.archivedAt} is null`),
    check('clusters_name_length', sql`octet_length(${table.name}) between 1 and 253`),
  ],
);
