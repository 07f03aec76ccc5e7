import { sql } from 'drizzle-orm';
import {
  check,
  foreignKey,
  integer,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { createdAt, isOneOf, tenantIdColumn } from './columns.js';
import { policyVersions } from './policies.js';

export const POLICY_MODES = ['observe', 'enforce'] as const;

/** Which version of a policy runs on the clusters that its labels choose. */
export const assignments = pgTable(
  'assignments',
  {
    tenantId: tenantIdColumn(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    policyId: uuid('policy_id').notNull(),
    version: integer('version').notNull(),
    /** A selector as text; '' is every cluster. */
    clusters: text('clusters').notNull(),
    mode: text('mode', { enum: POLICY_MODES }).notNull(),
    /** The highest wins; of the same the newest assignment. */
    priority: integer('priority').notNull().default(0),
    createdBy: text('created_by').notNull(),
    createdAt: createdAt(),
    /** Rises with every edit. */
    revision: integer('revision').notNull().default(1),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    unique('assignments_name').on(table.tenantId, table.name),
    // What desired_state refers to: an assignment with its policy.
    unique('assignments_policy').on(table.tenantId, table.policyId, table.id),
    foreignKey({
      name: 'assignments_version_fk',
      columns: [table.tenantId, table.policyId, table.version],
      foreignColumns: [policyVersions.tenantId, policyVersions.policyId, policyVersions.version],
    }),
    check('assignments_name_length', sql`octet_length(${table.name}) between 1 and 253`),
    check('assignments_clusters_length', sql`octet_length(${table.clusters}) <= 4096`),
    check('assignments_mode', isOneOf(table.mode, POLICY_MODES)),
    check('assignments_priority', sql`${table.priority} between -1000 and 1000`),
  ],
);
