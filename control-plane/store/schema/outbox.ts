import { sql } from 'drizzle-orm';
import {
  check,
  foreignKey,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { alerts } from './alerts.js';
import { createdAt, instant, isOneOf, jsonb, tenantIdColumn } from './columns.js';
import { webhookEndpoints } from './webhooks.js';

export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;

export const outbox = pgTable(
  'outbox',
  {
    tenantId: tenantIdColumn(),
    id: uuid('id').notNull(),
    endpointId: uuid('endpoint_id').notNull(),
    alertId: uuid('alert_id').notNull(),
    eventType: text('event_type').notNull(),
    payload: jsonb<object>('payload').notNull(),
    state: text('state', { enum: DELIVERY_STATES }).notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: instant('next_attempt_at').notNull().defaultNow(),
    lastError: text('last_error'),
    createdAt: createdAt(),
    deliveredAt: instant('delivered_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    foreignKey({
      columns: [table.tenantId, table.endpointId],
      foreignColumns: [webhookEndpoints.tenantId, webhookEndpoints.id],
    }).onDelete('cascade'),
    foreignKey({
      columns: [table.tenantId, table.alertId],
      foreignColumns: [alerts.tenantId, alerts.id],
    }),
    // Whoever removes an alert looks for its deliveries, and so does Postgres.
    index('outbox_alert').on(table.tenantId, table.alertId),
    index('outbox_endpoint').on(table.tenantId, table.endpointId, table.id),
    index('outbox_due').on(table.nextAttemptAt).where(sql`${table.state} = 'pending'`),
    check('outbox_state', isOneOf(table.state, DELIVERY_STATES)),
  ],
);
