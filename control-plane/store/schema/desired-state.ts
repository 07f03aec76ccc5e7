import { check, foreignKey, integer, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { clusters } from './clusters.js';
import { instant, isOneOf, tenantIdColumn } from './columns.js';
import { policyVersions } from './policies.js';

export const POLICY_MODES = ['observe', 'enforce'] as const;

/** What ought to run where; cluster_id NULL means every cluster of the tenant. */
export const desiredState = pgTable(
  'desired_state',
  {
    tenantId: tenantIdColumn(),
    policyId: uuid('policy_id').notNull(),
    clusterId: uuid('cluster_id'),
    version: integer('version').notNull(),
    mode: text('mode', { enum: POLICY_MODES }).notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    unique('desired_state_key')
      .on(table.tenantId, table.policyId, table.clusterId)
      .nullsNotDistinct(),
    foreignKey({
      name: 'desired_state_version_fk',
      columns: [table.tenantId, table.policyId, table.version],
      foreignColumns: [policyVersions.tenantId, policyVersions.policyId, policyVersions.version],
    }),
    foreignKey({
      columns: [table.tenantId, table.clusterId],
      foreignColumns: [clusters.tenantId, clusters.id],
    }),
    check('desired_state_mode', isOneOf(table.mode, POLICY_MODES)),
  ],
);
