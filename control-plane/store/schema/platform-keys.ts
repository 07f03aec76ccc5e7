import { sql } from 'drizzle-orm';
import { check, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { KEY_STATES } from '../../domain/key-rotation.js';
import { bytea, createdAt, instant, isOneOf } from './columns.js';

export const PLATFORM_KEY_KINDS = ['ca', 'bundle-signing'] as const;

/** Global: the control plane's own keys. */
export const platformKeys = pgTable(
  'platform_keys',
  {
    id: text('id').primaryKey(),
    kind: text('kind', { enum: PLATFORM_KEY_KINDS }).notNull(),
    state: text('state', { enum: KEY_STATES }).notNull(),
    publicDer: bytea('public_der').notNull(),
    /** Empty once it is retired. */
    privateEncrypted: bytea('private_encrypted').notNull(),
    createdAt: createdAt(),
    /** When it came into its state. */
    changedAt: instant('changed_at').notNull().defaultNow(),
    notAfter: instant('not_after'),
  },
  (table) => [
    uniqueIndex('platform_keys_active').on(table.kind).where(sql`${table.state} = 'active'`),
    uniqueIndex('platform_keys_next').on(table.kind).where(sql`${table.state} = 'next'`),
    uniqueIndex('platform_keys_retiring').on(table.kind).where(sql`${table.state} = 'retiring'`),
    check('platform_keys_kind', isOneOf(table.kind, PLATFORM_KEY_KINDS)),
    check('platform_keys_state', isOneOf(table.state, KEY_STATES)),
  ],
);
