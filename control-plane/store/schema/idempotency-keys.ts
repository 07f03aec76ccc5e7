import { sql } from 'drizzle-orm';
import { check, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, createdAt, tenantIdColumn } from './columns.js';
import { tenants } from './tenants.js';

/** What a request that makes something was answered, for when it is repeated. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    /** Who asked, as createdBy has it: nobody meets the keys of another. */
    caller: text('caller').notNull(),
    key: text('key').notNull(),
    requestSha256: bytea('request_sha256').notNull(),
    status: integer('status'),
    /** Sealed, since an answer may hold a secret that is shown once. */
    answerEncrypted: bytea('answer_encrypted'),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.caller, table.key] }),
    index('idempotency_keys_age').on(table.tenantId, table.createdAt),
    check('idempotency_keys_key_length', sql`octet_length(${table.key}) between 1 and 255`),
    check('idempotency_keys_sha256_length', sql`octet_length(${table.requestSha256}) = 32`),
    check('idempotency_keys_answer_length', sql`octet_length(${table.answerEncrypted}) <= 4194304`),
  ],
);
