import { LIMITS } from '../../proto/ts/wire/limits.js';
import { DICTIONARY } from './dictionary.js';
import type { Random } from './random.js';

/** The size of the largest document. */
export const SIZE = LIMITS.policyDocumentBytes;

/** Every mark that YAML gives a meaning to, alone and as it stands in a document. */
export const INDICATORS: readonly string[] = [
  ...['-', '- ', '-\n', '?', '? ', '?\n', ':', ': ', ':\n', ',', '[', ']', '{', '}', '#'],
  ...['#\n', ' #', '&', '&a ', '&a\n', '*', '*a ', '*a\n', '!', '! ', '!x ', '!!str ', '!<a> '],
  ...['|', '|\n', '>', '>\n', "'", "''", '"', '""', '"\\', '%', '%\n', '%A\n', '@', '`'],
  ...['---\n', '...\n', '--- ', '\n', '\r', '\r\n', '\t', ' ', ' \n', 'a', 'a:', 'a:\n', 'a: '],
  ...['{a: ', '[a, ', '? - ', '<<: ', '- - ', '-\t', '\\', '~', '\ufeff', '\0', '\u00e9'],
  ...['\u{1f600}', '\ud800', '[]', '{},', '"a":'],
];

/** One of a kind and a size that chance chose. */
export function randomBomb(random: Random, size: number): string {
  const steps = random.magnitude(30);
  const width = random.magnitude(30);
  return random.pick([
    () => fill(random.pick(INDICATORS), size),
    () => inside('', fill(random.pick(INDICATORS), size), ''),
    () => laughs(steps, width),
    () => mergeLaughs(steps, width),
    () => blowup(`[${'a,'.repeat(size / 8)}]`, size / 8),
    () => mergeBlowup(size / 50, size / 25),
    () => anchorsAndAliases(size / 20),
    () => many(size / 10, (at) => `k${at}: ${random.pick(random.pick(DICTIONARY))}`),
    () =>
      many(Math.sqrt(size), (at) => `${' '.repeat(at)}${random.pick(['-', 'a:', '? a', '- - a'])}`),
    () => pathsOf(paths(size / (8 * width + 12), random.pick(random.pick(DICTIONARY)), 8 * width)),
    () => pathsOf(multiplying(random.magnitude(40))),
  ])();
}

export function fill(unit: string, size: number = SIZE): string {
  return unit.repeat(Math.floor(size / Buffer.byteLength(unit)));
}

export function many(count: number, line: (at: number) => string): string {
  return Array.from({ length: count }, (_, at) => line(at)).join('\n');
}

/** For flow collections, where a line that is not indented ends them. */
export function inOneLine(count: number, item: (at: number) => string): string {
  return Array.from({ length: count }, (_, at) => item(at)).join('');
}

export function laughs(steps: number, width: number): string {
  return many(steps, (at) => {
    const value = at === 0 ? 'x' : `*k${at - 1}`;
    return `k${at}: &k${at} [${Array.from({ length: width }, () => value).join(',')}]`;
  });
}

export function mergeLaughs(steps: number, width: number): string {
  const lines = many(steps, (at) => {
    if (at === 0) return 'k0: &k0 {x: 1}';
    return `k${at}: &k${at} {<<: [${Array.from({ length: width }, () => `*k${at - 1}`).join(',')}]}`;
  });
  return `${lines}\n<<: *k${Math.ceil(steps) - 1}`;
}

export function blowup(value: string, times: number): string {
  return `a: &a ${value}\nprocess: {selectors: [${'*a,'.repeat(times)}]}`;
}

export function mergeBlowup(keys: number, times: number): string {
  const first = `&a {${inOneLine(keys, (at) => `k${at}: 1,`)}}`;
  return `process: {selectors: [${first},${'{<<: *a},'.repeat(times)}]}`;
}

export function anchorsAndAliases(count: number): string {
  return `${many(count, (at) => `- &n${at} a`)}\n${many(count, (at) => `- *n${at}`)}`;
}

export function selectorsOf(head: string, selectors: string): string {
  return `${head}\nprocess:\n  selectors: ${selectors}\n  responses: [{match: [s0], actions: [log]}]\n`;
}

export function named(at: number): string {
  return `{name: s${at}, operation: [exec]},`;
}

export function dangling(
  selectors: number,
  name: string,
  references: number,
  other: string,
): string {
  const selected = inOneLine(selectors, (at) => `{name: ${name}${at}, operation: [exec]},`);
  const named = inOneLine(references, (at) => `${other}${at},`);
  return `process:\n  selectors: [${selected}]\n  responses: [{match: [${named}], actions: [log]}]\n`;
}

/** The values of a condition in the process section. */
export function conditionOf(condition: string, items: string): string {
  return `process:\n  selectors: [{name: a, ${condition}: [${items}]}]\n  responses: [{match: [a], actions: [log]}]\n`;
}

/** In the place of a condition's value. */
export function inside(before: string, value: string, after: string): string {
  return `process:\n  selectors:\n    - name: a\n      containerName: ${before}${value}${after}\n  responses:\n    - {match: [a], actions: [log]}\n`;
}

export function pathsOf(items: string): string {
  return `file:\n  selectors:\n    - name: a\n      targetFilePath: [${items}]\n  responses:\n    - {match: [a], actions: [log]}\n`;
}

export function paths(count: number, unit: string, size: number): string {
  return inOneLine(count, (at) => `${quoted(`/${fill(unit, size)}${at}`)},`);
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function letter(at: number): string {
  return String.fromCharCode(0x61 + (at % 26));
}

/** Each remembers on its own whether it has begun. */
export function multiplying(count: number): string {
  return inOneLine(
    count,
    (at) => `'/**/${at.toString(36)}*x${(at * 7).toString(36)}*y/**/z${at}',`,
  );
}

/** Whether a byte stood so many places before the end takes a state for every combination. */
export function doubling(count: number): string {
  return inOneLine(count, (at) => `'/**a${'?'.repeat(at % 240)}',`);
}
