import { sql } from 'drizzle-orm';
import {
  bigint,
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
import { bytea, instant, isOneOf, jsonb, tenantIdColumn } from './columns.js';

export const NODE_STATES = ['joined', 'active', 'quarantined', 'released', 'revoked'] as const;

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
    labels: jsonb<Readonly<Record<string, string>>>('labels').notNull().default({}),
    kernelRelease: text('kernel_release').notNull(),
    architecture: text('architecture').notNull(),
    agentVersion: text('agent_version').notNull(),
    kubernetesVersion: text('kubernetes_version'),
    hooks: jsonb<readonly NodeHook[]>('hooks').notNull(),
    state: text('state', { enum: NODE_STATES }).notNull(),
    /** Of the certificate issued last, shown or not. */
    certificateSerial: text('certificate_serial'),
    certificateNotAfter: instant('certificate_not_after'),
    /** Rises with every join under the name: see domain/node-certificates.ts. */
    joinNumber: integer('join_number').notNull().default(0),
    /** sha256 of the SubjectPublicKeyInfo that it joined with. */
    publicKeySha256: bytea('public_key_sha256'),
    /** Of the newest certificate that the node has shown since it joined; 0: none yet. */
    shownGeneration: integer('shown_generation').notNull().default(0),
    shownSerial: text('shown_serial'),
    shownAt: instant('shown_at'),
    quarantinedAt: instant('quarantined_at'),
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
