import { sql } from 'drizzle-orm';
import { check, integer, pgTable, uuid } from 'drizzle-orm/pg-core';
import type { Quota } from '../../domain/quotas.js';
import { instant, jsonb } from './columns.js';
import { tenants } from './tenants.js';

/** At most one row a tenant: where the platform has said nothing there is none. Written by the platform alone. */
export const tenantQuotas = pgTable(
  'tenant_quotas',
  {
    tenantId: uuid('tenant_id')
      .primaryKey()
      .references(() => tenants.id),
    maximums: jsonb<Readonly<Partial<Record<Quota, number>>>>('maximums').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    /** Rises with every edit. */
    revision: integer('revision').notNull().default(0),
  },
  (table) => [check('tenant_quotas_form', sql`jsonb_typeof(${table.maximums}) = 'object'`)],
);
