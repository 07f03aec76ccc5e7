import { randomBomb } from './bomb-shapes.js';
import { DICTIONARY } from './dictionary.js';
import { type FuzzInput, MAX_INPUT_BYTES } from './input.js';
import type { Random } from './random.js';

type Mutation = (text: string, random: Random, other: string) => string;

/** The likelier ones stand more than once. */
const MUTATIONS: readonly Mutation[] = [
  flipCharacter,
  insertToken,
  insertToken,
  replaceWord,
  replaceWord,
  replaceWord,
  swapWords,
  duplicateLines,
  deleteLines,
  moveLines,
  indentLines,
  spliceLines,
  spliceAnywhere,
  deleteRange,
  repeatToken,
  nestValue,
  enlargeValue,
  changeLineEnds,
];

/** Nearly half of the documents are changed once, the others more often. */
export function mutate(text: string, other: string, random: Random): FuzzInput {
  let mutated = text;
  do mutated = random.pick(MUTATIONS)(mutated, random, other).slice(0, MAX_INPUT_BYTES);
  while (random.chance(0.55));
  return random.chance(0.1) ? flipBytes(mutated, random) : mutated;
}

function flipBytes(text: string, random: Random): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  for (let flips = random.between(1, 4); flips > 0 && bytes.length > 0; flips -= 1) {
    const at = random.below(bytes.length);
    bytes[at] = random.chance(0.5) ? (bytes[at] ?? 0) ^ (1 << random.below(8)) : random.below(256);
  }
  return bytes;
}

function flipCharacter(text: string, random: Random): string {
  const at = random.below(text.length);
  const code = text.charCodeAt(at) ^ (1 << random.below(random.chance(0.9) ? 7 : 16));
  return replaced(text, at, at + 1, String.fromCharCode(code || 1));
}

function insertToken(text: string, random: Random): string {
  const at = placeIn(text, random);
  return replaced(text, at, at, token(random));
}

function replaceWord(text: string, random: Random): string {
  const { from, to } = wordIn(text, random);
  return replaced(text, from, to, token(random));
}

function swapWords(text: string, random: Random): string {
  const [first, second] = [wordIn(text, random), wordIn(text, random)].sort(
    (a, b) => a.from - b.from,
  );
  if (!first || !second || first.to > second.from) return text;
  const [one, two] = [text.slice(first.from, first.to), text.slice(second.from, second.to)];
  return replaced(replaced(text, second.from, second.to, one), first.from, first.to, two);
}

function duplicateLines(text: string, random: Random): string {
  const { lines, from, to } = linesIn(text, random);
  const times = random.chance(0.02) ? random.magnitude(3000) : random.magnitude(3);
  const copies = random.times(times, () => lines.slice(from, to)).flat();
  return [...lines.slice(0, to), ...copies, ...lines.slice(to)].join('\n');
}

function deleteLines(text: string, random: Random): string {
  const { lines, from, to } = linesIn(text, random);
  return [...lines.slice(0, from), ...lines.slice(to)].join('\n');
}

function moveLines(text: string, random: Random): string {
  const { lines, from, to } = linesIn(text, random);
  const rest = [...lines.slice(0, from), ...lines.slice(to)];
  const at = random.between(0, rest.length);
  return [...rest.slice(0, at), ...lines.slice(from, to), ...rest.slice(at)].join('\n');
}

function indentLines(text: string, random: Random): string {
  const { lines, from, to } = linesIn(text, random);
  const by = random.pick([-4, -2, -1, 1, 2, 4]);
  const moved = lines.map((line, at) => {
    if (at < from || at >= to) return line;
    return by > 0 ? ' '.repeat(by) + line : line.replace(new RegExp(`^ {0,${-by}}`), '');
  });
  return moved.join('\n');
}

function spliceLines(text: string, random: Random, other: string): string {
  const { lines, from } = linesIn(text, random);
  const tail = linesIn(other, random);
  return [...lines.slice(0, from), ...tail.lines.slice(tail.from)].join('\n');
}

function spliceAnywhere(text: string, random: Random, other: string): string {
  const from = placeIn(other, random);
  const piece = other.slice(from, from + random.magnitude(400));
  const at = placeIn(text, random);
  return replaced(text, at, at + (random.chance(0.5) ? piece.length : 0), piece);
}

function deleteRange(text: string, random: Random): string {
  const at = placeIn(text, random);
  return replaced(text, at, at + random.magnitude(40), '');
}

/** Long runs of `*`, `{`, `[` and the like, mostly within the limits of a value. */
function repeatToken(text: string, random: Random): string {
  const at = placeIn(text, random);
  const unit = random.chance(0.5)
    ? random.pick(['*', '{', '[', '?', '\\', '{a,', '**/', '*a', '[a-', '{a,b}', '/**/a', '}', ']'])
    : token(random);
  const times = random.magnitude(random.chance(0.03) ? 60_000 : 600);
  return replaced(text, at, at, unit.repeat(Math.ceil(times / Math.max(1, unit.length))));
}

function nestValue(text: string, random: Random): string {
  const { from, to } = wordIn(text, random);
  const depth = random.magnitude(random.chance(0.03) ? 30_000 : 100);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{a: ', '}'],
    ['{? ', '}'],
    ['- ', ''],
    ['? ', ''],
    ['&x [', ']'],
  ]);
  const closed = random.chance(0.8) ? close.repeat(depth) : '';
  return replaced(text, from, to, open.repeat(depth) + text.slice(from, to) + closed);
}

/** A scalar, a list or a bomb in the place of a word. */
function enlargeValue(text: string, random: Random): string {
  const { from, to } = wordIn(text, random);
  const size = random.magnitude(random.chance(0.03) ? MAX_INPUT_BYTES : 2000);
  const kind = random.below(4);
  if (kind === 0) return replaced(text, from, to, 'a'.repeat(size));
  if (kind === 1) return replaced(text, from, to, `[${`${token(random)},`.repeat(size / 4)}]`);
  if (kind === 2) return `${text}\n${randomBomb(random, size)}`;
  return replaced(text, from, to, randomBomb(random, size));
}

function changeLineEnds(text: string, random: Random): string {
  return random.pick([
    () => text.replaceAll('\n', '\r\n'),
    () => text.replaceAll('\n', '\r'),
    () => `\ufeff${text}`,
    () => text.trimEnd(),
    () => text.replaceAll('  ', '\t'),
    () => `---\n${text}...\n`,
  ])();
}

function token(random: Random): string {
  return random.pick(random.pick(DICTIONARY));
}

/** A word or a mark; the empty place at the end where there is none. */
function wordIn(text: string, random: Random): { from: number; to: number } {
  const pattern = /[\w.-]+|[^\w\s]/g;
  pattern.lastIndex = placeIn(text, random);
  const found = pattern.exec(text);
  return found
    ? { from: found.index, to: found.index + found[0].length }
    : { from: text.length, to: text.length };
}

function linesIn(text: string, random: Random): { lines: string[]; from: number; to: number } {
  const lines = text.split('\n');
  const from = random.below(lines.length);
  return { lines, from, to: from + random.magnitude(Math.min(12, lines.length - from)) };
}

function placeIn(text: string, random: Random): number {
  return random.between(0, text.length);
}

function replaced(text: string, from: number, to: number, by: string): string {
  return text.slice(0, from) + by + text.slice(to);
}
