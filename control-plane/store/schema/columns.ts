import { sql } from 'drizzle-orm';
import { type AnyPgColumn, customType, timestamp, uuid } from 'drizzle-orm/pg-core';
import { toJsonText } from '../json.js';

/** Bytes, as a Buffer. */
export const bytea = customType<{ data: Uint8Array; driverData: Buffer }>({
  dataType: () => 'bytea',
  toDriver: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
});

/** A transaction's 64-bit id; decimal text, compared by Postgres only. */
export const xid8 = customType<{ data: string; driverData: string }>({
  dataType: () => 'xid8',
});

/** JSON that may hold text out of a container: see toJsonText. The driver parses what it reads. */
export const jsonb = <T>(name: string) =>
  customType<{ data: T; driverData: T | string }>({
    dataType: () => 'jsonb',
    toDriver: (value) => toJsonText(value),
    fromDriver: (value) => value as T,
  })(name);

/** Milliseconds, so that a JavaScript Date holds all of it and may serve as a page's cursor. */
export const instant = (name: string) => timestamp(name, { precision: 3, withTimezone: true });

export const createdAt = () => instant('created_at').notNull().defaultNow();

export const tenantIdColumn = () => uuid('tenant_id').notNull();

/** A check that a text column holds one of a closed list. */
export const isOneOf = (column: AnyPgColumn, values: readonly string[]) =>
  sql`${column} in (${sql.raw(values.map((value) => `'${value}'`).join(', '))})`;
