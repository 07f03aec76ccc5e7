import type { Io } from '../command.js';
import { printable, printLines } from '../output.js';
import type { Column, Resource } from '../resources/resource.js';
import type { ApiClient, Item } from './client.js';
import { type Format, printJsonSafely, printYamlSafely } from './formats.js';
import { namesOf } from './lookup.js';
import { tableLines } from './table.js';

export interface Shown {
  readonly resource: Resource;
  readonly columns: readonly Column[];
  readonly format: Format;
  readonly headers: boolean;
}

/** Prints what the API answered: `answer` as it is, or `items` as a table. */
export async function printAnswer(
  client: ApiClient,
  answer: Item,
  items: readonly Item[],
  { resource, columns, format, headers }: Shown,
  io: Io,
): Promise<void> {
  switch (format) {
    case 'json':
      return printJsonSafely(io.stdout, answer);
    case 'yaml':
      return printYamlSafely(io.stdout, answer);
    case 'name':
      return printLines(
        io.stdout,
        items.map((item) => printable(handleOf(resource, item))),
      );
    case 'table':
    case 'wide': {
      const shown = columns.filter(({ wide }) => format === 'wide' || !wide);
      const names = await namesIn(client, items, shown);
      const rows = items.map((item) => shown.map((column) => cellOf(item, column, names)));
      const titles = shown.map(({ title }) => title);
      printLines(io.stdout, tableLines({ titles, rows }, headers, io.stdout.columns));
    }
  }
}

/** What a command takes to mean this one. */
export function handleOf({ naming }: Resource, item: Item): string {
  const { id, version, sequence } = item;
  return String(
    (naming?.unique ? item[naming.field] : undefined) ?? id ?? version ?? sequence ?? '',
  );
}

/** undefined: there is nothing. */
export function fieldOf(item: Item, path: string): unknown {
  let value: unknown = item;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Item)[key];
  }
  return value ?? undefined;
}

type Names = ReadonlyMap<Column, ReadonlyMap<string, string>>;

async function namesIn(
  client: ApiClient,
  items: readonly Item[],
  columns: readonly Column[],
): Promise<Names> {
  const names = new Map<Column, ReadonlyMap<string, string>>();
  for (const column of columns) {
    if (!column.of) continue;
    const ids = items.flatMap((item) => fieldOf(item, column.field) ?? []).map(String);
    names.set(column, await namesOf(client, column.of, [...new Set(ids)]));
  }
  return names;
}

function cellOf(item: Item, column: Column, names: Names): string {
  const value = fieldOf(item, column.field);
  if (value === undefined) return '-';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  switch (column.as) {
    case 'time':
      return text.replace(/\.\d+Z$/, 'Z');
    case 'labels':
      return pairsOf(value).join(',') || '-';
    case 'hooks':
      return partsOf(value, ({ hook, backend }) => `${hook}=${backend}`);
    case 'names':
      return partsOf(value, ({ name }) => String(name));
    default:
      return names.get(column)?.get(text) ?? text;
  }
}

function pairsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([key, label]) => `${key}=${String(label)}`);
}

function partsOf(value: unknown, textOf: (part: Item) => string): string {
  return (Array.isArray(value) && value.map(textOf).join(',')) || '-';
}
