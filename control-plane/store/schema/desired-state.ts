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
import { assignments, POLICY_MODES } from './assignments.js';
import { clusters } from './clusters.js';
import { instant, isOneOf, tenantIdColumn } from './columns.js';
import { policyVersions } from './policies.js';

/** What each cluster is to run, and by which assignment: derived, see recomputeDesired. */
export const desiredState = pgTable(
  'desired_state',
  {
    tenantId: tenantIdColumn(),
    policyId: uuid('policy_id').notNull(),
    clusterId: uuid('cluster_id').notNull(),
    version: integer('version').notNull(),
    mode: text('mode', { enum: POLICY_MODES }).notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    assignmentId: uuid('assignment_id').notNull(),
  },
  (table) => [
    primaryKey({
      name: 'desired_state_pk',
      columns: [table.tenantId, table.clusterId, table.policyId],
    }),
    foreignKey({
      name: 'desired_state_version_fk',
      columns: [table.tenantId, table.policyId, table.version],
      foreignColumns: [policyVersions.tenantId, policyVersions.policyId, policyVersions.version],
    }),
    foreignKey({
      columns: [table.tenantId, table.clusterId],
      foreignColumns: [clusters.tenantId, clusters.id],
    }),
    foreignKey({
      name: 'desired_state_assignment_fk',
      columns: [table.tenantId, table.policyId, table.assignmentId],
      foreignColumns: [assignments.tenantId, assignments.policyId, assignments.id],
    }),
    index('desired_state_assignment').on(table.tenantId, table.policyId, table.assignmentId),
    check('desired_state_mode', isOneOf(table.mode, POLICY_MODES)),
  ],
);
