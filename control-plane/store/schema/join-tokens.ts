import { sql } from 'drizzle-orm';
import { check, foreignKey, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { clusters } from './clusters.js';
import { bytea, createdAt, instant, jsonb, tenantIdColumn } from './columns.js';
import { nodes } from './nodes.js';

/** What is wrong with a token first of all; usable: nothing. */
export const JOIN_TOKEN_STATES = ['usable', 'used', 'expired', 'revoked'] as const;

export const joinTokens = pgTable(
  'join_tokens',
  {
    tenantId: tenantIdColumn(),
    id: text('id').notNull(),
    clusterId: uuid('cluster_id').notNull(),
    secretSha256: bytea('secret_sha256').notNull(),
    maxUses: integer('max_uses').notNull().default(1),
    uses: integer('uses').notNull().default(0),
    lastUsedAt: instant('last_used_at'),
    /** Of the nodes that join with it. */
    labels: jsonb<Readonly<Record<string, string>>>('labels').notNull().default({}),
    createdBy: text('created_by').notNull(),
    createdAt: createdAt(),
    expiresAt: instant('expires_at').notNull().default(sql`now() + interval '24 hours'`),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    foreignKey({
      columns: [table.tenantId, table.clusterId],
      foreignColumns: [clusters.tenantId, clusters.id],
    }),
    check('join_tokens_id_form', sql`${table.id} ~ '^[0-9a-f]{16}$'`),
    check('join_tokens_secret_length', sql`octet_length(${table.secretSha256}) = 32`),
    check('join_tokens_uses', sql`${table.uses} between 0 and ${table.maxUses}`),
  ],
);

/** Global: which tenant a token's public id belongs to, read before the tenant is known. No secrets. */
export const joinTokenTenants = pgTable(
  'join_token_tenants',
  {
    id: text('id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.tenantId, table.id],
      foreignColumns: [joinTokens.tenantId, joinTokens.id],
    }).onDelete('cascade'),
  ],
);

/** One row per use of a token: repeating a join with its enrollment id finds its node here. */
export const joinRedemptions = pgTable(
  'join_redemptions',
  {
    tenantId: tenantIdColumn(),
    tokenId: text('token_id').notNull(),
    enrollmentId: uuid('enrollment_id').notNull(),
    nodeId: uuid('node_id').notNull(),
    /** Which of the node's joins it was. */
    joinNumber: integer('join_number').notNull().default(0),
    publicKeySha256: bytea('public_key_sha256').notNull(),
    redeemedAt: instant('redeemed_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.tokenId, table.enrollmentId] }),
    foreignKey({
      columns: [table.tenantId, table.tokenId],
      foreignColumns: [joinTokens.tenantId, joinTokens.id],
    }),
    foreignKey({
      columns: [table.tenantId, table.nodeId],
      foreignColumns: [nodes.tenantId, nodes.id],
    }),
    check('join_redemptions_key_length', sql`octet_length(${table.publicKeySha256}) = 32`),
  ],
);
