import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  integer,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea, createdAt, tenantIdColumn } from './columns.js';
import { tenants } from './tenants.js';

export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    url: text('url').notNull(),
    secretEncrypted: bytea('secret_encrypted').notNull(),
    enabled: boolean('enabled').notNull().default(true),
    createdAt: createdAt(),
    /** Rises with every edit. */
    revision: integer('revision').notNull().default(1),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    unique('webhook_endpoints_name').on(table.tenantId, table.name),
    check('webhook_endpoints_name_length', sql`octet_length(${table.name}) between 1 and 253`),
    check('webhook_endpoints_url_length', sql`octet_length(${table.url}) between 1 and 2048`),
  ],
);
