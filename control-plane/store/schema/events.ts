import { index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { instant, jsonb, tenantIdColumn } from './columns.js';

/** The search store where no Elasticsearch is configured; partitioned by day of time. */
export const events = pgTable(
  'events',
  {
    tenantId: tenantIdColumn(),
    time: instant('time').notNull(),
    id: text('id').notNull(),
    clusterId: uuid('cluster_id').notNull(),
    nodeId: uuid('node_id').notNull(),
    kind: text('kind').notNull(),
    verdict: text('verdict').notNull(),
    containerId: text('container_id'),
    document: jsonb<Readonly<Record<string, unknown>>>('document').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.time, table.id] }),
    index('events_container').on(table.tenantId, table.containerId, table.time),
    index('events_node').on(table.tenantId, table.nodeId, table.time),
  ],
);
