import { sql } from 'drizzle-orm';
import { check, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { bytea, createdAt, instant, isOneOf } from './columns.js';

export const PLATFORM_KEY_KINDS = ['ca', 'bundle-signing'] as const;
export const PLATFORM_KEY_STATES = ['active', 'next', 'retired'] as const;

/** Global: the control plane's own keys. */
export const platformKeys = pgTable(
  'platform_keys',
  {
    id: text('id').primaryKey(),
    kind: text('kind', { enum: PLATFORM_KEY_KINDS }).notNull(),
    state: text('state', { enum: PLATFORM_KEY_STATES }).notNull(),
    publicDer: bytea('public_der').notNull(),
    privateEncrypted: bytea('private_encrypted').notNull(),
    createdAt: createdAt(),
    notAfter: instant('not_after'),
  },
  (table) => [
    uniqueIndex('platform_keys_active').on(table.kind).where(sql`${table.state} = 'active'`),
    check('platform_keys_kind', isOneOf(table.kind, PLATFORM_KEY_KINDS)),
    check('platform_keys_state', isOneOf(table.state, PLATFORM_KEY_STATES)),
  ],
);
