import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  foreignKey,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { clusters } from './clusters.js';
import { bytea, instant, isOneOf, jsonb, tenantIdColumn } from './columns.js';

export const NODE_STATES = ['joined', 'active', 'revoked'] as const;

/** How one hook is attached: bulkhead.v1.HookStatus. */
export interface NodeHook {
  readonly hook: string;
  /** lsm, fmod_ret, signal, fexit, tracepoint, none */
  readonly backend: string;
  readonly reason: string;
}

/** bulkhead.v1.Losses: 64-bit counts as decimal text. */
export interface NodeLosses {
  readonly emitted: string;
  readonly acknowledged: string;
  readonly dropped: readonly { readonly reason: string; readonly count: string }[];
}

export interface NodeNack {
  readonly revision: number;
  readonly code: string;
  readonly message: string;
  /** RFC 3339 */
  readonly at: string;
}

export const nodes = pgTable(
  'nodes',
  {
    tenantId: tenantIdColumn(),
    id: uuid('id').notNull(),
    clusterId: uuid('cluster_id').notNull(),
    name: text('name').notNull(),
    kernelRelease: text('kernel_release').notNull(),
    architecture: text('architecture').notNull(),
    agentVersion: text('agent_version').notNull(),
    kubernetesVersion: text('kubernetes_version'),
    hooks: jsonb<readonly NodeHook[]>('hooks').notNull(),
    state: text('state', { enum: NODE_STATES }).notNull(),
    certificateSerial: text('certificate_serial'),
    certificateNotAfter: instant('certificate_not_after'),
    /** The pin of the authority whose certificate it showed last. */
    certificateAuthority: text('certificate_authority'),
    /** Of what it keeps on its disk: proto/ts/wire/trust.ts. */
    trustSha256: bytea('trust_sha256'),
    appliedRevision: bigint('applied_revision', { mode: 'number' }).notNull().default(0),
    appliedAt: instant('applied_at'),
    lastNack: jsonb<NodeNack>('last_nack'),
    losses: jsonb<NodeLosses>('losses'),
    joinedAt: instant('joined_at').notNull().defaultNow(),
    lastSeenAt: instant('last_seen_at'),
    revokedAt: instant('revoked_at'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    unique('nodes_name').on(table.tenantId, table.clusterId, table.name),
    foreignKey({
      columns: [table.tenantId, table.clusterId],
      foreignColumns: [clusters.tenantId, clusters.id],
    }),
    check('nodes_name_length', sql`octet_length(${table.name}) between 1 and 253`),
    check('nodes_trust_length', sql`octet_length(${table.trustSha256}) = 32`),
    check('nodes_state', isOneOf(table.state, NODE_STATES)),
  ],
);
