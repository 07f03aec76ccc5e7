import { type Static, Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Page, PageRequest } from '../store/pages.js';

/** Shapes that several routes share. Requests are closed: what a schema does not name is refused. */

export const Id = Type.String({ format: 'uuid' });
/** The public id of a join token or an API key. */
export const TokenId = Type.String({ pattern: '^[0-9a-f]{16}$' });
export const Instant = Type.String({ format: 'date-time' });
/** Printable, no space at either end. */
export const Name = Type.String({
  minLength: 1,
  maxLength: 253,
  pattern: '^[^\\p{C}\\s]([^\\p{C}]*[^\\p{C}\\s])?$',
});
export function closed<T extends Record<string, ReturnType<typeof Type.Optional> | object>>(
  properties: T,
) {
  return Type.Object(properties, { additionalProperties: false });
}

/** Query values arrive as text and are not coerced: '50', never 50. */
export const PageQuery = {
  limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,2}$' })),
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })),
};
const PageQueryObject = Type.Object(PageQuery);

export function pageFromQuery(query: Static<typeof PageQueryObject>): PageRequest {
  return { limit: query.limit === undefined ? undefined : Number(query.limit), after: query.after };
}

/** The format lets a leap second through, which JavaScript has no time for. @throws BulkheadError INVALID_ARGUMENT */
export function instantFromText(name: string, text: string): Date {
  const instant = new Date(text);
  if (!Number.isNaN(instant.getTime())) return instant;
  throw new BulkheadError('INVALID_ARGUMENT', `${name}: no such time`);
}

export function pageToJson<Row, Json>(
  page: Page<Row>,
  toJson: (row: Row) => Json,
): { items: Json[]; nextCursor?: string } {
  const items = page.items.map(toJson);
  return page.nextCursor === undefined ? { items } : { items, nextCursor: page.nextCursor };
}
