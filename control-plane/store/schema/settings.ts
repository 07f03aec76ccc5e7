import { sql } from 'drizzle-orm';
import { check, integer, pgTable, uuid } from 'drizzle-orm/pg-core';
import type { FreezeWindow } from '../../domain/freeze-windows.js';
import { instant, jsonb } from './columns.js';
import { tenants } from './tenants.js';

/** At most one row a tenant: one that has set nothing has none. */
export const tenantSettings = pgTable(
  'tenant_settings',
  {
    tenantId: uuid('tenant_id')
      .primaryKey()
      .references(() => tenants.id),
    eventDays: integer('event_days').notNull(),
    closedAlertDays: integer('closed_alert_days').notNull(),
    deliveryDays: integer('delivery_days').notNull(),
    freezeWindows: jsonb<readonly FreezeWindow[]>('freeze_windows').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    /** Rises with every edit. */
    revision: integer('revision').notNull().default(0),
  },
  (table) => [
    check('tenant_settings_event_days', sql`${table.eventDays} between 1 and 365`),
    check('tenant_settings_closed_alert_days', sql`${table.closedAlertDays} between 1 and 3650`),
    check('tenant_settings_delivery_days', sql`${table.deliveryDays} between 1 and 365`),
  ],
);
