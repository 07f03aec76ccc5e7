import { isMap } from 'yaml';
import { isFlow, type YamlSource } from './edit-document.js';
import type { Snippet } from './edit-layout.js';
import { Refusal } from './edit-places.js';
import { formatValue, inOrder, type Role } from './format.js';
import { formatString } from './format-scalar.js';

type PlainScalar = string | number | boolean;
/** The value of a condition, as the language writes it. */
export type ConditionValue = PlainScalar | readonly PlainScalar[];

/** What an edit can write. */
export type Plain = PlainScalar | PlainMapping | readonly Plain[];
export interface PlainMapping {
  readonly [key: string]: Plain;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** A selector or response as it is to be written: keys in order, what is undefined left out. */
export function plainMapping(value: object, role: Role): PlainMapping {
  const values = new Map<string, Plain>();
  for (const [key, one] of Object.entries(value)) {
    if (one === undefined) continue;
    if (!isConditionValue(one)) throw new Refusal('bad-value', `${key} cannot have such a value`);
    values.set(key, one);
  }
  const keys = inOrder(role, [...values.keys()]);
  return Object.fromEntries(keys.map((key) => [key, values.get(key) ?? '']));
}

export function isConditionValue(value: unknown): value is ConditionValue {
  return isPlainList(value) ? value.length > 0 && value.every(isPlainScalar) : isPlainScalar(value);
}

/** The pairs of a mapping; `role` is what they belong to. */
export function pairsSnippet(source: YamlSource, pairs: PlainMapping, role: Role): Snippet {
  return { block: blockText(source, pairs, role), flow: flowText(source, pairs).slice(1, -1) };
}

/** The items of a list. */
export function itemsSnippet(source: YamlSource, items: readonly Plain[], role: Role): Snippet {
  return { block: blockText(source, items, role), flow: flowText(source, items).slice(1, -1) };
}

/** In flow style, quoted throughout in a document that looks like JSON. */
export function flowText(source: YamlSource, value: Plain): string {
  if (isPlainList(value)) {
    return `[${value.map((item) => flowText(source, item)).join(', ')}]`;
  }
  if (typeof value === 'object') {
    const pairs = Object.entries(value).map(
      ([key, one]) => `${flowText(source, key)}: ${flowText(source, one)}`,
    );
    return `{${pairs.join(', ')}}`;
  }
  const likeJson = isMap(source.root) && isFlow(source.root);
  return typeof value === 'string' && !likeJson ? formatString(value, true) : JSON.stringify(value);
}

function blockText(source: YamlSource, value: Plain, role: Role): Snippet['block'] {
  return (column) => {
    const lines =
      isPlainList(value) && value.every(isPlainScalar)
        ? value.map((item) => `- ${typeof item === 'string' ? formatString(item, false) : item}`)
        : formatValue(value, role, column);
    if (!lines) throw new Refusal('bad-value', 'the value cannot be written');
    return lines.join(source.eol + ' '.repeat(column));
  };
}

function isPlainList(value: unknown): value is readonly Plain[] {
  return Array.isArray(value);
}

function isPlainScalar(value: unknown): value is PlainScalar {
  if (typeof value === 'string') return !LONE_SURROGATE.test(value);
  return typeof value === 'boolean' || Number.isFinite(value);
}
