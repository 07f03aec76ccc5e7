import { sql } from 'drizzle-orm';
import { check, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant } from './columns.js';

export const tenants = pgTable(
  'tenants',
  {
    id: uuid('id').primaryKey(),
    name: text('name').notNull().unique(),
    createdAt: createdAt(),
    /** Its keys and members are refused since then; its agents are served. */
    suspendedAt: instant('suspended_at'),
    /** Rises with every edit. */
    revision: integer('revision').notNull().default(1),
  },
  (table) => [check('tenants_name_length', sql`octet_length(${table.name}) between 1 and 253`)],
);
