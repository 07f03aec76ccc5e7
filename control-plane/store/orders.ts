import { asc, desc, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';

/** How a list is ordered, and where its next page begins. */
export interface Order {
  readonly by: readonly SQL[];
  /** Only what stands behind the key of a cursor: keyOf of the last row. */
  after(key: readonly string[] | undefined): SQL | undefined;
  keyOf(row: Readonly<Record<string, unknown>>): readonly string[];
}

/**
 * The order of `sort`, the name of one of the columns, falling where a '-' stands before it. Rows
 * with the same value go by id, so that every row has its place.
 */
export function orderOf<Columns extends Readonly<Record<string, PgColumn>>>(
  sort: (keyof Columns & string) | `-${keyof Columns & string}`,
  columns: Columns,
  id: PgColumn,
): Order {
  const falls = sort.startsWith('-');
  const name = falls ? sort.slice(1) : sort;
  const column = columns[name];
  if (!column) throw new Error(`no such order: ${sort}`);
  const direction = falls ? desc : asc;
  return {
    by: [direction(column), direction(id)],
    after(key) {
      if (!key) return undefined;
      const [value, lastId] = key;
      // The cursor is text; the cast takes the type of the column.
      const place = sql`(${value}::${sql.raw(column.getSQLType())}, ${lastId}::uuid)`;
      return falls ? sql`(${column}, ${id}) < ${place}` : sql`(${column}, ${id}) > ${place}`;
    },
    keyOf(row) {
      const value = row[name];
      return [value instanceof Date ? value.toISOString() : String(value), String(row.id)];
    },
  };
}

/** Whatever the text holds, it means itself: starts_with has no wildcards. */
export function startsWith(column: PgColumn, prefix: string): SQL {
  return sql`starts_with(${column}, ${prefix})`;
}
