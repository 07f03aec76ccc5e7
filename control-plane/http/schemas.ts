import { type Static, type TProperties, type TSchema, Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { SELECTOR_TEXT_MAX } from '../domain/assignments.js';
import { LABEL_KEY, LABEL_VALUE } from '../domain/label-selector.js';
import { PAGE_LIMIT_MAX, type Page, type PageRequest } from '../store/pages.js';

/**
 * Shapes that several routes share. Requests are closed: what a schema does not name is refused. A
 * schema with a title becomes a component of the OpenAPI document, under that name.
 */

export const Id = Type.String({ format: 'uuid' });
/** The public id of a join token or an API key. */
export const TokenId = Type.String({ pattern: '^[0-9a-f]{16}$' });
export const Instant = Type.String({ format: 'date-time' });
/** A SHA-256 in hex. */
export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** Printable, no space at either end. */
export const Name = Type.String({
  minLength: 1,
  maxLength: 253,
  pattern: '^[^\\p{C}\\s]([^\\p{C}]*[^\\p{C}\\s])?$',
});
/** Text that Postgres can hold and a terminal can show. */
export const NO_CONTROLS = '^[^\\p{C}]*$';
/** Of a list. */
export const NamePrefix = Type.Optional(
  Type.String({ minLength: 1, maxLength: 253, pattern: NO_CONTROLS }),
);
/** Of things that have labels; selectorFromText reads it. */
export const SelectorText = Type.String({
  maxLength: SELECTOR_TEXT_MAX,
  description: 'As kubectl takes it: `env=prod,tier!=db,team in (a,b),!legacy`; empty: all.',
});
export const Labels = Type.Record(
  Type.String({ pattern: `^${LABEL_KEY}$` }),
  Type.String({ pattern: `^${LABEL_VALUE}$` }),
  { maxProperties: 64, additionalProperties: false },
);
/** Of what can be edited. */
export const Revision = Type.Integer({
  description: 'Rises with every edit; the ETag has it.',
});
/** The answer to what removes something: 204. */
export const Gone = Type.Unsafe<undefined>({ type: 'null', description: 'It is gone.' });
/** A JSON object whose form is told elsewhere. */
export const AnyObject = Type.Unsafe<Readonly<Record<string, unknown>>>({
  type: 'object',
  additionalProperties: true,
});

export function closed<T extends TProperties>(properties: T) {
  return Type.Object(properties, { additionalProperties: false });
}

export function oneOf<const T extends readonly string[]>(values: T) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });
}

/** Of a path or a query, where everything arrives as text and is not coerced: '50', never 50. */
export function integerText(minimum: number, maximum: number) {
  const digits = String(maximum).length - 1;
  const first = minimum === 0 ? '(0|[1-9]' : '([1-9]';
  return Type.String({
    pattern: `^${first}[0-9]{0,${digits}})$`,
    // What the OpenAPI document says instead.
    'x-integer': { minimum, maximum },
  });
}

/** One page of a list. */
export function pageOf<T extends TSchema>(title: string, item: T) {
  return Type.Object(
    {
      items: Type.Array(item),
      nextCursor: Type.Optional(
        Type.String({
          description: 'Opaque: `after` of the next request. Absent on the last page.',
        }),
      ),
    },
    { title },
  );
}

export const PageQuery = {
  limit: Type.Optional(integerText(1, PAGE_LIMIT_MAX)),
  after: Type.Optional(
    Type.String({ minLength: 1, maxLength: 2048, description: '`nextCursor` of the page before.' }),
  ),
};
const PageQueryObject = Type.Object(PageQuery);

export function pageFromQuery(query: Static<typeof PageQueryObject>): PageRequest {
  return { limit: query.limit === undefined ? undefined : Number(query.limit), after: query.after };
}

/** What a list is asked for: its page, and whatever else the query names. */
export function filterFromQuery<Query extends Static<typeof PageQueryObject>>(
  query: Query,
): PageRequest & Omit<Query, 'limit' | 'after'> {
  const { limit: _limit, after: _after, ...filter } = query;
  return { ...filter, ...pageFromQuery(query) };
}

/** The format lets a leap second through, which JavaScript has no time for. @throws BulkheadError INVALID_ARGUMENT */
export function instantFromText(name: string, text: string): Date {
  const instant = new Date(text);
  if (!Number.isNaN(instant.getTime())) return instant;
  throw new BulkheadError('INVALID_ARGUMENT', `${name}: no such time`);
}

/** A value as its JSON has it: times as RFC 3339, bytes in hex, 64-bit numbers as decimal text. */
export type Json<T> = T extends Date | Uint8Array | bigint
  ? string
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<Exclude<T[Key], undefined>> }
      : T;

export function toJson<T>(value: T): Json<T> {
  return jsonOf(value) as Json<T>;
}

export function pageToJson<Row, Item>(
  page: Page<Row>,
  itemToJson: (row: Row) => Item,
): { items: Item[]; nextCursor?: string } {
  const items = page.items.map(itemToJson);
  return page.nextCursor === undefined ? { items } : { items, nextCursor: page.nextCursor };
}

/** What has nothing to be written otherwise is not copied: an event's document is most of its page. */
function isJson(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) {
    return typeof value !== 'bigint' && value !== undefined;
  }
  if (value instanceof Date || value instanceof Uint8Array) return false;
  return Array.isArray(value) ? value.every(isJson) : Object.values(value).every(isJson);
}

function jsonOf(value: unknown): unknown {
  if (isJson(value)) return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== 'object' || value === null) return value;
  const present = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(present.map(([key, item]) => [key, jsonOf(item)]));
}
