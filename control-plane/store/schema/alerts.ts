import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  foreignKey,
  index,
  integer,
  pgSequence,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { clusters } from './clusters.js';
import { bytea, createdAt, instant, isOneOf, jsonb, tenantIdColumn, xid8 } from './columns.js';

export const ALERT_STATUSES = ['open', 'acknowledged', 'closed'] as const;

export const ALERT_SOURCES = ['policy', 'rule'] as const;

export const ALERT_SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;

export const alertChangeSequence = pgSequence('alert_change_id');

export const alerts = pgTable(
  'alerts',
  {
    tenantId: tenantIdColumn(),
    id: uuid('id').notNull(),
    groupKey: bytea('group_key').notNull(),
    status: text('status', { enum: ALERT_STATUSES }).notNull().default('open'),
    title: text('title').notNull(),
    severity: text('severity', { enum: ALERT_SEVERITIES }).notNull(),
    source: text('source', { enum: ALERT_SOURCES }).notNull(),
    policyId: uuid('policy_id'),
    policyVersion: integer('policy_version'),
    policyResponse: integer('policy_response'),
    ruleId: text('rule_id'),
    clusterId: uuid('cluster_id').notNull(),
    nodeId: uuid('node_id').notNull(),
    firstEventId: text('first_event_id').notNull(),
    lastEventId: text('last_event_id').notNull(),
    firstSeenAt: instant('first_seen_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    eventCount: bigint('event_count', { mode: 'number' }).notNull(),
    verdict: text('verdict').notNull(),
    document: jsonb<Readonly<Record<string, unknown>>>('document').notNull(),
    createdAt: createdAt(),
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
    changeId: bigint('change_id', { mode: 'bigint' })
      .notNull()
      .default(sql`nextval('alert_change_id')`),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('alerts_open_group')
      .on(table.tenantId, table.groupKey)
      .where(sql`${table.status} <> 'closed'`),
    index('alerts_status').on(table.tenantId, table.status, table.id),
    index('alerts_changes').on(table.xid, table.changeId),
    foreignKey({
      columns: [table.tenantId, table.clusterId],
      foreignColumns: [clusters.tenantId, clusters.id],
    }),
    check('alerts_status_known', isOneOf(table.status, ALERT_STATUSES)),
    check('alerts_source_known', isOneOf(table.source, ALERT_SOURCES)),
    check('alerts_severity_known', isOneOf(table.severity, ALERT_SEVERITIES)),
    check('alerts_event_count', sql`${table.eventCount} >= 1`),
  ],
);
