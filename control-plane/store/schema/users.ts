import { sql } from 'drizzle-orm';
import { check, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core';
import { createdAt, instant, isOneOf, tenantIdColumn } from './columns.js';
import { ROLES } from './roles.js';
import { tenants } from './tenants.js';

export const users = pgTable(
  'users',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    id: uuid('id').notNull(),
    email: text('email').notNull(),
    displayName: text('display_name').notNull(),
    role: text('role', { enum: ROLES }).notNull(),
    createdAt: createdAt(),
    disabledAt: instant('disabled_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    unique('users_email').on(table.tenantId, table.email),
    check('users_role', isOneOf(table.role, ROLES)),
    check('users_email_length', sql`octet_length(${table.email}) between 3 and 254`),
  ],
);
