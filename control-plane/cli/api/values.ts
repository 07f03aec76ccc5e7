import { didYouMean } from '../arguments.js';
import { UsageError } from '../command.js';
import type { Value } from '../resources/resource.js';

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** An argument as the API takes it; `name` is for messages. @throws UsageError */
export function valueFromText(
  name: string,
  text: string,
  { as, words }: Pick<Value, 'as' | 'words'>,
  now: number,
): string | number | boolean | readonly string[] | Readonly<Record<string, string>> {
  if (words && !words.includes(text)) {
    const hint = didYouMean(text, words) || `: ${words.join(', ')}`;
    throw new UsageError(`${name} has no ${text}${hint}`);
  }
  switch (as) {
    case 'integer':
      if (!/^-?\d{1,9}$/.test(text)) throw new UsageError(`${name} is a number, not ${text}`);
      return Number(text);
    case 'boolean':
      if (text !== 'true' && text !== 'false') {
        throw new UsageError(`${name} is true or false, not ${text}`);
      }
      return text === 'true';
    case 'minutes': {
      const ms = durationMs(text);
      if (ms === undefined || ms < UNIT_MS.m) {
        throw new UsageError(`${name} is a time as in 90m, 24h, 7d, not ${text}`);
      }
      return Math.round(ms / UNIT_MS.m);
    }
    case 'list':
      return text.split(',').map((word) => word.trim());
    case 'labels':
      return labelsFromText(name, text);
    case 'past':
      return instantFrom(name, text, now, -1);
    case 'future':
      return instantFrom(name, text, now, 1);
    default:
      return text;
  }
}

function instantFrom(name: string, text: string, now: number, sign: 1 | -1): string {
  if (INSTANT.test(text)) return text;
  const ms = durationMs(text);
  if (ms !== undefined) return new Date(now + sign * ms).toISOString();
  const example = '2026-01-31T12:00:00Z, 90m, 24h, 7d';
  throw new UsageError(`${name} is a time as in ${example}, not ${text}`);
}

function durationMs(text: string): number | undefined {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : undefined;
}

function labelsFromText(name: string, text: string): Readonly<Record<string, string>> {
  if (text === '') return {};
  const labels = new Map<string, string>();
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const key = part.slice(0, at).trim();
    if (at < 1 || key === '') throw new UsageError(`${name} is key=value,..., not ${text}`);
    if (labels.has(key)) throw new UsageError(`${name} has ${key} twice`);
    labels.set(key, part.slice(at + 1).trim());
  }
  return Object.fromEntries(labels);
}
