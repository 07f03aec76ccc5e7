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
import { clusters } from './clusters.js';
import { bytea, createdAt, instant, jsonb, tenantIdColumn } from './columns.js';
import { nodes } from './nodes.js';

/** A public key of a cluster's API server (RFC 7517). */
export interface TrustedJwk {
  readonly kty: string;
  readonly [parameter: string]: string;
}

/** Of a cluster whose agents join with tokens of their service account: whose tokens these are. */
export const kubernetesJoins = pgTable(
  'kubernetes_joins',
  {
    tenantId: tenantIdColumn(),
    clusterId: uuid('cluster_id').notNull(),
    issuer: text('issuer').notNull(),
    audience: text('audience').notNull(),
    jwks: jsonb<{ readonly keys: readonly TrustedJwk[] }>('jwks').notNull(),
    namespace: text('namespace').notNull(),
    serviceAccount: text('service_account').notNull(),
    /** Of the nodes that join with one. */
    labels: jsonb<Readonly<Record<string, string>>>('labels').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: createdAt(),
    /** Rises with every edit. */
    revision: integer('revision').notNull().default(1),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.clusterId] }),
    foreignKey({
      columns: [table.tenantId, table.clusterId],
      foreignColumns: [clusters.tenantId, clusters.id],
    }),
    check('kubernetes_joins_jwks_length', sql`octet_length(${table.jwks}::text) <= 65536`),
  ],
);

/** Global: which tenant such a cluster belongs to, read before the tenant is known. No secrets. */
export const kubernetesJoinTenants = pgTable(
  'kubernetes_join_tenants',
  {
    clusterId: uuid('cluster_id').primaryKey(),
    tenantId: uuid('tenant_id').notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.tenantId, table.clusterId],
      foreignColumns: [kubernetesJoins.tenantId, kubernetesJoins.clusterId],
    }).onDelete('cascade'),
  ],
);

/** One row per join with a service account's token: each token joins once. */
export const kubernetesJoinUses = pgTable(
  'kubernetes_join_uses',
  {
    tenantId: tenantIdColumn(),
    clusterId: uuid('cluster_id').notNull(),
    podUid: text('pod_uid').notNull(),
    enrollmentId: uuid('enrollment_id').notNull(),
    /** sha256 of what the token's signature is of: a signature can be written in several ways. */
    tokenSha256: bytea('token_sha256').notNull(),
    nodeId: uuid('node_id').notNull(),
    /** Which of the node's joins it was. */
    joinNumber: integer('join_number').notNull(),
    publicKeySha256: bytea('public_key_sha256').notNull(),
    usedAt: instant('used_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.clusterId, table.podUid, table.enrollmentId] }),
    unique('kubernetes_join_uses_token').on(table.tenantId, table.clusterId, table.tokenSha256),
    foreignKey({
      columns: [table.tenantId, table.nodeId],
      foreignColumns: [nodes.tenantId, nodes.id],
    }),
    check('kubernetes_join_uses_pod_length', sql`octet_length(${table.podUid}) between 1 and 64`),
    check('kubernetes_join_uses_token_length', sql`octet_length(${table.tokenSha256}) = 32`),
    check('kubernetes_join_uses_key_length', sql`octet_length(${table.publicKeySha256}) = 32`),
  ],
);
