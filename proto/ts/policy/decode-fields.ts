import { BulkheadError } from '../wire/errors.js';
import type { FieldReader } from './protobuf.js';

export function word<K extends string>(
  numbers: Record<K, number>,
  number: number,
  what: string,
): K {
  for (const key in numbers) if (numbers[key] === number) return key;
  throw malformed(`there is no ${what} ${number}`);
}

export function words<K extends string>(
  numbers: Record<K, number>,
  reader: FieldReader,
  what: string,
): readonly K[] {
  const max = Object.keys(numbers).length;
  return reader.packed(max).map((number) => word(numbers, number, what));
}

export function append<T>(list: T[], entry: T, what: string, max: number): void {
  if (list.length === max) throw tooMany(what);
  list.push(entry);
}

export function unknownField(message: string, field: number): BulkheadError {
  return malformed(`${message} has a field ${field} that this version does not know`);
}

export function tooMany(what: string): BulkheadError {
  return malformed(`it holds too many ${what}`);
}

export function malformed(message: string, cause?: unknown): BulkheadError {
  return new BulkheadError('BUNDLE_MALFORMED', message, { cause });
}
