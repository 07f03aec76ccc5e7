import { sql } from 'drizzle-orm';
import { check, foreignKey, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { instant, tenantIdColumn } from './columns.js';
import { policies } from './policies.js';

/** What may become the next version of a policy: at most one, which need not be valid. */
export const policyDrafts = pgTable(
  'policy_drafts',
  {
    tenantId: tenantIdColumn(),
    policyId: uuid('policy_id').notNull(),
    source: text('source').notNull(),
    /** policies.draft_revision as it was written. */
    revision: integer('revision').notNull(),
    updatedBy: text('updated_by').notNull(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.policyId] }),
    foreignKey({
      columns: [table.tenantId, table.policyId],
      foreignColumns: [policies.tenantId, policies.id],
    }),
    check('policy_drafts_source_length', sql`octet_length(${table.source}) <= 262144`),
  ],
);
