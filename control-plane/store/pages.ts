import { BulkheadError } from '../../proto/ts/wire/errors.js';

export interface PageRequest {
  /** 1..200, default 50. */
  readonly limit?: number | undefined;
  /** nextCursor of the page before. */
  readonly after?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; absent on the last page. */
  readonly nextCursor?: string;
}

export const PAGE_LIMIT_MAX = 200;
const PAGE_LIMIT_DEFAULT = 50;

/** @throws BulkheadError INVALID_ARGUMENT */
export function pageLimit(request: PageRequest): number {
  const limit = request.limit ?? PAGE_LIMIT_DEFAULT;
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_LIMIT_MAX) {
    throw new BulkheadError('INVALID_ARGUMENT', `limit must be 1 to ${PAGE_LIMIT_MAX}`);
  }
  return limit;
}

/** The key after which the page begins: as many strings as the list's order has columns. */
export function pageStart(request: PageRequest, columns: number): readonly string[] | undefined {
  if (request.after === undefined) return undefined;
  const key = decodeCursor(request.after);
  if (key.length !== columns) throw invalidCursor();
  return key;
}

/** `rows` were read with limit + 1: the one too many says that there is a next page. */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => T,
  keyOf: (row: Row) => readonly string[],
): Page<T> {
  const shown = rows.slice(0, limit);
  const items = shown.map(toItem);
  const last = shown.at(-1);
  if (rows.length <= limit || last === undefined) return { items };
  return { items, nextCursor: Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') };
}

function decodeCursor(text: string): readonly string[] {
  if (text.length > 2048) throw invalidCursor();
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    // What JSON.parse says repeats the text, which is whatever the caller took for a cursor.
    throw invalidCursor();
  }
  if (!Array.isArray(value) || !value.every((part) => typeof part === 'string')) {
    throw invalidCursor();
  }
  return value;
}

function invalidCursor(): BulkheadError {
  return new BulkheadError('INVALID_ARGUMENT', 'not a cursor of this list');
}
