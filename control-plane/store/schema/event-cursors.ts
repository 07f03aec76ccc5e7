import { sql } from 'drizzle-orm';
import { bigint, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core';
import { instant, xid8 } from './columns.js';

/** Global: how far each consumer has read each shard of the log. */
export const eventCursors = pgTable(
  'event_cursors',
  {
    consumer: text('consumer').notNull(),
    shard: smallint('shard').notNull(),
    lastXid: xid8('last_xid').notNull().default('0'),
    lastId: bigint('last_id', { mode: 'bigint' }).notNull().default(sql`0`),
    advancedAt: instant('advanced_at').notNull().defaultNow(),
    leaseId: uuid('lease_id'),
    leaseUntil: instant('lease_until'),
  },
  (table) => [primaryKey({ columns: [table.consumer, table.shard] })],
);
