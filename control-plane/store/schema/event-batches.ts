import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea, instant, tenantIdColumn, xid8 } from './columns.js';

/**
 * The log of batches: partitioned by day of batch_time, which is the agent's own time of the batch,
 * so that a repeat after midnight meets its first copy in the same partition.
 */
export const eventBatches = pgTable(
  'event_batches',
  {
    tenantId: tenantIdColumn(),
    nodeId: uuid('node_id').notNull(),
    bootId: uuid('boot_id').notNull(),
    sequence: bigint('sequence', { mode: 'bigint' }).notNull(),
    batchTime: instant('batch_time').notNull(),
    kind: smallint('kind').notNull(),
    eventCount: integer('event_count').notNull(),
    payload: bytea('payload').notNull(),
    receivedAt: instant('received_at').notNull().defaultNow(),
    shard: smallint('shard').notNull(),
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
    id: bigserial('id', { mode: 'bigint' }).notNull(),
  },
  (table) => [
    primaryKey({
      name: 'event_batches_pk',
      columns: [table.tenantId, table.nodeId, table.bootId, table.sequence, table.batchTime],
    }),
    index('event_batches_log').on(table.shard, table.xid, table.id),
    check('event_batches_shard', sql`${table.shard} between 0 and 15`),
    check('event_batches_payload_length', sql`octet_length(${table.payload}) <= 1048576`),
  ],
);
