import { createHash } from 'node:crypto';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

/**
 * One text for a value, however it was built: RFC 8785, with keys in the order of their UTF-16 units
 * and numbers as ECMAScript writes them. What JSON does not know: a property that is undefined is left
 * out, a Date is its ISO 8601 text, bytes are lower-case hex, a bigint is its decimal text.
 * @throws BulkheadError INTERNAL for what would lose something: NaN, a hole in a list, a Map, a function
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw noForm('a number that is not finite');
      return JSON.stringify(value);
    case 'bigint':
      return JSON.stringify(value.toString());
    case 'object':
      return value === null ? 'null' : objectToJson(value);
    default:
      throw noForm(typeof value);
  }
}

/** SHA-256 of the canonical JSON as UTF-8: 32 bytes. */
export function hashOf(thing: unknown): Buffer {
  return createHash('sha256').update(canonicalJson(thing)).digest();
}

function objectToJson(value: object): string {
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('hex'));
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw noForm('a Date of no time');
    return JSON.stringify(value.toISOString());
  }
  // Array.from: a hole becomes undefined, which has no form.
  if (Array.isArray(value)) return `[${Array.from(value, canonicalJson).join(',')}]`;
  if (!isPlain(value)) throw noForm('an object of a class');
  const members = Object.entries(value)
    .filter(([, entry]) => entry !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`);
  return `{${members.join(',')}}`;
}

/** Also one of another realm, whose Object is not ours. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function noForm(what: string): BulkheadError {
  return new BulkheadError('INTERNAL', `${what} has no canonical form`);
}
