import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  check,
  index,
  pgTable,
  primaryKey,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { createdAt, isOneOf, tenantIdColumn, xid8 } from './columns.js';

export const CHANGE_KINDS = ['created', 'updated', 'deleted'] as const;

/**
 * What changed in the last hour, for who watches. Triggers write it, in the transaction of the change;
 * several changes of one thing in one transaction are one row.
 */
export const changes = pgTable(
  'changes',
  {
    tenantId: tenantIdColumn(),
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
    topic: text('topic').notNull(),
    targetId: text('target_id').notNull(),
    id: bigserial('id', { mode: 'bigint' }).notNull(),
    kind: text('kind', { enum: CHANGE_KINDS }).notNull(),
    /** NULL: it belongs to no cluster. */
    clusterId: uuid('cluster_id'),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.xid, table.topic, table.targetId] }),
    index('changes_order').on(table.xid, table.id),
    index('changes_age').on(table.createdAt),
    check('changes_topic_form', sql`${table.topic} ~ '^[a-z][a-z-]{0,30}$'`),
    check('changes_kind', isOneOf(table.kind, CHANGE_KINDS)),
  ],
);

/** One row: what lies at or before it may be gone. Moved by bulkhead_trim_changes alone. */
export const changeHorizon = pgTable(
  'change_horizon',
  {
    single: boolean('single').primaryKey().default(true),
    xid: xid8('xid').notNull(),
    id: bigint('id', { mode: 'bigint' }).notNull(),
  },
  (table) => [check('change_horizon_single', sql`${table.single}`)],
);
