import { sql } from 'drizzle-orm';
import { check, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { KEY_STATES } from '../../domain/key-rotation.js';
import { bytea, createdAt, instant, isOneOf, jsonb } from './columns.js';

/** Global: generations of a master key that a KMS plugin has wrapped; only it can tell what they are. */
export const masterKeys = pgTable(
  'master_keys',
  {
    /** As the vault names it: 16 hex digits. */
    id: text('id').primaryKey(),
    state: text('state', { enum: KEY_STATES }).notNull(),
    /** Empty once it is retired. */
    wrapped: bytea('wrapped').notNull(),
    /** The plugin's name of its own key. */
    kmsKeyId: text('kms_key_id').notNull(),
    /** Name to bytes in base64, as the plugin wants them back. */
    kmsAnnotations: jsonb<Readonly<Record<string, string>>>('kms_annotations').notNull(),
    createdAt: createdAt(),
    changedAt: instant('changed_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('master_keys_state_once').on(table.state).where(sql`${table.state} <> 'retired'`),
    check('master_keys_id_form', sql`${table.id} ~ '^[0-9a-f]{16}$'`),
    check('master_keys_state', isOneOf(table.state, KEY_STATES)),
    check('master_keys_wrapped_length', sql`octet_length(${table.wrapped}) <= 1024`),
  ],
);
