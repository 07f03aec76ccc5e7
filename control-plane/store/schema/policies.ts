import { sql } from 'drizzle-orm';
import {
  check,
  foreignKey,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea, createdAt, instant, tenantIdColumn } from './columns.js';
import { tenants } from './tenants.js';

export const policies = pgTable(
  'policies',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    latestVersion: integer('latest_version').notNull().default(1),
    createdBy: text('created_by').notNull(),
    createdAt: createdAt(),
    /** It is kept for its versions, and nothing new is made of it. */
    archivedAt: instant('archived_at'),
    /** Of the last draft. */
    draftRevision: integer('draft_revision').notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    uniqueIndex('policies_name')
      .on(table.tenantId, table.name)
      .where(sql`${table.archivedAt} is null`),
    check('policies_name_length', sql`octet_length(${table.name}) between 1 and 253`),
  ],
);

/** Written once: no role holds UPDATE or DELETE. */
export const policyVersions = pgTable(
  'policy_versions',
  {
    tenantId: tenantIdColumn(),
    policyId: uuid('policy_id').notNull(),
    version: integer('version').notNull(),
    source: text('source').notNull(),
    normalised: bytea('normalised').notNull(),
    sha256: bytea('sha256').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.policyId, table.version] }),
    foreignKey({
      columns: [table.tenantId, table.policyId],
      foreignColumns: [policies.tenantId, policies.id],
    }),
    check('policy_versions_version', sql`${table.version} >= 1`),
    check('policy_versions_source_length', sql`octet_length(${table.source}) <= 262144`),
    check('policy_versions_sha256_length', sql`octet_length(${table.sha256}) = 32`),
  ],
);
