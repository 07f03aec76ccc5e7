/** A JSON Schema, as far as our routes use it. */
export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly additionalProperties?: boolean | Schema;
}

/** What is wrong, and the value. */
export interface Bad {
  readonly what: string;
  readonly value: unknown;
}

const OTHERS: readonly unknown[] = [null, true, 0, -1, 1e300, '', 'x', [], [[]], {}, { a: 1 }];
const HOSTILE_TEXTS = [
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202e',
  "'; drop table tenants; --",
  '%00',
];

/**
 * Values that a schema refuses, derived from it: of another type, outside of each limit, without each
 * key it requires, with one that it does not name; and the same of every part of `good`, which it accepts.
 */
export function badValues(schema: Schema, good: unknown): readonly Bad[] {
  return [...wrongTypes(schema), ...outsideLimits(schema), ...wrongParts(schema, good)];
}

function wrongTypes(schema: Schema): Bad[] {
  const wrong = OTHERS.filter((value) => !accepts(schema, value));
  return wrong.map((value) => ({ what: `is ${JSON.stringify(value)}`, value }));
}

function outsideLimits(schema: Schema): Bad[] {
  const bad: Bad[] = [];
  const add = (what: string, value: unknown) => bad.push({ what, value });
  if (schema.maxLength !== undefined && schema.maxLength < 100_000) {
    add('is too long', 'x'.repeat(schema.maxLength + 1));
  }
  if (schema.minimum !== undefined) add('is too small', schema.minimum - 1);
  if (schema.maximum !== undefined) add('is too large', schema.maximum + 1);
  if (schema.type === 'integer') add('is no whole number', 1.5);
  if (schema.pattern !== undefined || schema.format !== undefined) {
    const texts = HOSTILE_TEXTS.filter(
      (text) => schema.pattern === undefined || !new RegExp(schema.pattern, 'u').test(text),
    );
    for (const text of texts) add(`is ${JSON.stringify(text)}`, text);
  }
  if (schema.type === 'array' && schema.maxItems !== undefined && schema.maxItems <= 1000) {
    add('has too many items', new Array(schema.maxItems + 1).fill('x'));
  }
  return bad;
}

function wrongParts(schema: Schema, good: unknown): Bad[] {
  if (typeof good !== 'object' || good === null || Array.isArray(good)) return [];
  const bad: Bad[] = [];
  for (const key of schema.required ?? []) {
    const { [key]: _left, ...rest } = good as Record<string, unknown>;
    bad.push({ what: `has no ${key}`, value: rest });
  }
  if (schema.additionalProperties === false) {
    bad.push({ what: 'has a key more', value: { ...good, surplus: 1 } });
    bad.push({ what: 'has a prototype', value: JSON.parse('{"constructor":{"prototype":{}}}') });
  }
  for (const [key, part] of Object.entries(schema.properties ?? {})) {
    const inner = badValues(part, (good as Record<string, unknown>)[key]);
    bad.push(
      ...inner.map(({ what, value }) => ({
        what: `${key} ${what}`,
        value: { ...good, [key]: value },
      })),
    );
  }
  return bad;
}

/** Near enough to leave out what might pass: it says yes too often, never no. */
function accepts(schema: Schema, value: unknown): boolean {
  if (schema.anyOf) return schema.anyOf.some((one) => accepts(one, value));
  if (schema.const !== undefined) return value === schema.const;
  if (schema.enum) return schema.enum.includes(value);
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' && (schema.minLength ?? 0) <= value.length;
    case 'integer':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'array':
      return Array.isArray(value) && value.length >= (schema.minItems ?? 0);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return true;
  }
}
