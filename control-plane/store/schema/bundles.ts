import { sql } from 'drizzle-orm';
import { bigint, check, foreignKey, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { clusters } from './clusters.js';
import { bytea, createdAt, tenantIdColumn } from './columns.js';

export const bundles = pgTable(
  'bundles',
  {
    tenantId: tenantIdColumn(),
    clusterId: uuid('cluster_id').notNull(),
    revision: bigint('revision', { mode: 'number' }).notNull(),
    contentSha256: bytea('content_sha256').notNull(),
    envelopeGzip: bytea('envelope_gzip').notNull(),
    signingKeyId: text('signing_key_id').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.clusterId, table.revision] }),
    foreignKey({
      columns: [table.tenantId, table.clusterId],
      foreignColumns: [clusters.tenantId, clusters.id],
    }),
    check('bundles_revision', sql`${table.revision} >= 1`),
    check('bundles_sha256_length', sql`octet_length(${table.contentSha256}) = 32`),
  ],
);
