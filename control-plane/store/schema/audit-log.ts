import { sql } from 'drizzle-orm';
import { bigint, check, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { AUDIT_ACTOR_KINDS, type AuditDetails } from '../../domain/audit.js';
import { bytea, instant, isOneOf, jsonb, tenantIdColumn } from './columns.js';
import { tenants } from './tenants.js';

/** Written once: no role holds UPDATE or DELETE. A trigger keeps each row behind its tenant's head. */
export const auditLog = pgTable(
  'audit_log',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    sequence: bigint('sequence', { mode: 'bigint' }).notNull(),
    time: instant('time').notNull(),
    actorKind: text('actor_kind', { enum: AUDIT_ACTOR_KINDS }).notNull(),
    actorId: text('actor_id').notNull(),
    actorName: text('actor_name').notNull(),
    action: text('action').notNull(),
    targetKind: text('target_kind').notNull(),
    targetId: text('target_id').notNull(),
    beforeSha256: bytea('before_sha256'),
    afterSha256: bytea('after_sha256'),
    details: jsonb<AuditDetails>('details').notNull(),
    sourceAddress: text('source_address'),
    userAgent: text('user_agent'),
    requestId: text('request_id'),
    previousHash: bytea('previous_hash').notNull(),
    hash: bytea('hash').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.sequence] }),
    index('audit_log_target').on(table.tenantId, table.targetKind, table.targetId, table.sequence),
    index('audit_log_actor').on(table.tenantId, table.actorId, table.sequence),
    index('audit_log_time').on(table.tenantId, table.time),
    check('audit_log_sequence', sql`${table.sequence} >= 1`),
    check('audit_log_actor_kind', isOneOf(table.actorKind, AUDIT_ACTOR_KINDS)),
    check('audit_log_actor_id_length', sql`octet_length(${table.actorId}) between 1 and 253`),
    check('audit_log_actor_name_length', sql`octet_length(${table.actorName}) between 1 and 253`),
    check(
      'audit_log_action_form',
      sql`${table.action} ~ '^[a-z][a-z-]{0,30}\\.[a-z][a-z-]{0,30}$'`,
    ),
    check('audit_log_target_kind_form', sql`${table.targetKind} ~ '^[a-z][a-z-]{0,30}$'`),
    check('audit_log_target_id_length', sql`octet_length(${table.targetId}) between 1 and 253`),
    check('audit_log_before_length', sql`octet_length(${table.beforeSha256}) = 32`),
    check('audit_log_after_length', sql`octet_length(${table.afterSha256}) = 32`),
    // Postgres' text of it, which has blanks and long numbers; 4096 bytes of our own are the limit.
    check('audit_log_details_form', sql`jsonb_typeof(${table.details}) = 'object'`),
    check('audit_log_details_length', sql`octet_length(${table.details}::text) <= 8192`),
    check('audit_log_source_length', sql`octet_length(${table.sourceAddress}) between 1 and 64`),
    check('audit_log_user_agent_length', sql`octet_length(${table.userAgent}) between 1 and 256`),
    check('audit_log_request_id_length', sql`octet_length(${table.requestId}) between 1 and 128`),
    check('audit_log_previous_hash_length', sql`octet_length(${table.previousHash}) = 32`),
    check('audit_log_hash_length', sql`octet_length(${table.hash}) = 32`),
  ],
);

/** The last record of each chain. Moved by the trigger on audit_log alone. */
export const auditHeads = pgTable(
  'audit_heads',
  {
    tenantId: uuid('tenant_id')
      .primaryKey()
      .references(() => tenants.id),
    sequence: bigint('sequence', { mode: 'bigint' }).notNull(),
    hash: bytea('hash').notNull(),
  },
  (table) => [
    check('audit_heads_sequence', sql`${table.sequence} >= 0`),
    check('audit_heads_hash_length', sql`octet_length(${table.hash}) = 32`),
  ],
);
