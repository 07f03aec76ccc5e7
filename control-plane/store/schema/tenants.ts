import { sql } from 'drizzle-orm';
import { check, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { createdAt } from './columns.js';

export const tenants = pgTable(
  'tenants',
  {
    id: uuid('id').primaryKey(),
    name: text('name').notNull().unique(),
    createdAt: createdAt(),
  },
  (table) => [check('tenants_name_length', sql`octet_length(${table.name}) between 1 and 253`)],
);
