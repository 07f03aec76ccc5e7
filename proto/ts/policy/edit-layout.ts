import {
  type Collection,
  commaAfter,
  type Entry,
  isBlank,
  isFlow,
  type YamlSource,
} from './edit-document.js';

/** A piece of a text, and what is to stand in its place. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What is to be inserted, as lines of a block collection and as it stands between commas. */
export interface Snippet {
  /** For entries at this column: the first line without its indentation, the others with it. */
  readonly block: (column: number) => string;
  readonly flow: string;
}

/** The text has a layout that cannot be edited by lines. */
export class ForeignLayout extends Error {}

/** The splices must not overlap; those at one place keep their order. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, text: inserted } of [...splices].sort((a, b) => a.start - b.start)) {
    parts.push(text.slice(at, start), inserted);
    at = end;
  }
  return parts.join('') + text.slice(at);
}

/** Takes entries out, with the comments that belong to them. */
export function removal(
  source: YamlSource,
  collection: Collection,
  gone: ReadonlySet<number>,
): Splice[] {
  const remove = isFlow(collection) ? removeFlow : removeBlock;
  const splices: Splice[] = [];
  for (let first = 0; first < collection.items.length; first++) {
    if (!gone.has(first)) continue;
    let last = first;
    while (gone.has(last + 1)) last += 1;
    splices.push(...remove(source, collection, first, last));
    first = last;
  }
  return splices;
}

/** Puts something behind the entry at this index, in the style of the collection. */
export function insertion(
  source: YamlSource,
  collection: Collection,
  after: number,
  { block, flow }: Snippet,
): Splice[] {
  if (isFlow(collection)) return insertFlow(source, collection, after, flow);
  const entry = entryAt(source, collection, after);
  if (source.text.slice(source.lineStart(entry.start), entry.start).includes('\t')) {
    throw new ForeignLayout('a tab stands before an entry');
  }
  const column = source.column(entry.start);
  return [
    newLines(source, extentEnd(source, entry), column, block, hasGap(source, collection, after)),
  ];
}

/** Puts lines below the entry of a block mapping that has no value yet. */
export function insertionBelow(source: YamlSource, entry: Entry, block: Snippet['block']): Splice {
  if (colonOf(entry.token) === undefined) throw new ForeignLayout('a key has no colon');
  return newLines(source, source.lineEnd(entry.end), source.column(entry.start) + 2, block, false);
}

/** Puts lines at the end of a document that has no content. */
export function insertionAtEnd(source: YamlSource, block: Snippet['block']): Splice {
  const end = /^\.\.\.(?=\s|$)/m.exec(source.text)?.index ?? source.text.length;
  return newLines(source, end, 0, block, false);
}

/** Puts a value behind the colon of an entry that has none. */
export function valueInsertion({ start, end, token }: Entry, text: string): Splice {
  if (colonOf(token) === undefined) throw new ForeignLayout('a key has no colon');
  return insert(Math.max(start, end), ` ${text}`);
}

/** Puts another value in the place of an entry's, in one line. */
export function replacement(source: YamlSource, entry: Entry, text: string): Splice[] {
  const { token, end } = entry;
  const colon = colonOf(token);
  if (colon === undefined) throw new ForeignLayout('a key has no colon');
  const props = token.sep?.find(
    ({ type, offset }) => offset > colon && (type === 'anchor' || type === 'tag'),
  );
  const start = props?.offset ?? token.value?.offset;
  if (start === undefined) return [valueInsertion(entry, text)];
  const to = source.text[end - 1] === '\n' ? beforeBreak(source.text, end) : end;
  const below = source.lineEnd(colon);
  if (start < below) return [{ start, end: to, text }];
  // A comment in the line of the key stays there.
  return [insert(colon + 1, ` ${text}`), cut(beforeBreak(source.text, below), to)];
}

/** The text of an entry without the comments and anchors in it. */
export function copyOf(
  source: YamlSource,
  collection: Collection,
  at: number,
  changes: readonly Splice[],
): string {
  const { text } = source;
  const { start, end } = entryAt(source, collection, at);
  if (!isFlow(collection) && !source.beginsLine(start)) {
    throw new ForeignLayout('an entry does not begin its line');
  }
  const cuts = [...source.comments, ...source.anchors]
    .filter((mark) => mark.start >= start && mark.end <= end)
    .map((mark) => withoutMark(source, mark.start, mark.end));
  const moved = [...cuts, ...changes].map((splice) => ({
    start: splice.start - start,
    end: splice.end - start,
    text: splice.text,
  }));
  return applySplices(text.slice(start, end), moved).replace(/\r?\n$/, '');
}

function withoutMark(source: YamlSource, start: number, end: number): Splice {
  const { text } = source;
  if (text[start] === '#' && source.beginsLine(start)) {
    return cut(source.lineStart(start), source.lineEnd(end));
  }
  const behind = end + (/^[ \t]*/.exec(text.slice(end, source.lineEnd(end)))?.[0].length ?? 0);
  const goesOn = behind < source.lineEnd(end) && !/[#\r\n]/.test(text.charAt(behind));
  return goesOn ? cut(start, behind) : cut(spacesBefore(text, start), end);
}

function removeBlock(
  source: YamlSource,
  collection: Collection,
  first: number,
  last: number,
): Splice[] {
  const { start } = entryAt(source, collection, first);
  const entries = source.entries(collection);
  const previous = entries[first - 1];
  const next = entries[last + 1];
  let to = extentEnd(source, { start, end: entryAt(source, collection, last).end });
  if (!source.beginsLine(start)) {
    if (!next) throw new ForeignLayout('nothing would be left of an entry');
    // The line goes on with what stands below.
    return [cut(start, to + spaceAt(source.text, to))];
  }
  const bound = previous ? extentEnd(source, previous) : 0;
  let from = commentsAbove(source, start, bound);
  if (previous) from = source.skipBlankAbove(from, bound);
  else if (next) to = skipBlankBelow(source, to);
  if (to === source.text.length && !source.text.endsWith('\n'))
    from = beforeBreak(source.text, from);
  return [cut(from, to)];
}

/** Whether a blank line stands between the entries around this one. */
function hasGap(source: YamlSource, collection: Collection, at: number): boolean {
  const entries = source.entries(collection);
  const lower = entries[Math.max(at, 1)];
  const upper = entries[Math.max(at, 1) - 1];
  if (!lower || !upper) return false;
  return source.blankAbove(commentsAbove(source, lower.start, extentEnd(source, upper)));
}

function newLines(
  source: YamlSource,
  at: number,
  column: number,
  block: Snippet['block'],
  gap: boolean,
): Splice {
  const { text, eol } = source;
  const lines = `${gap ? eol : ''}${' '.repeat(column)}${block(column)}`;
  const inLine = at > 0 && text[at - 1] !== '\n' && source.lineStart(at) !== at;
  return { start: at, end: at, text: inLine ? eol + lines : lines + eol };
}

function removeFlow(
  source: YamlSource,
  collection: Collection,
  first: number,
  last: number,
): Splice[] {
  const { text } = source;
  const { start } = entryAt(source, collection, first);
  const { end } = entryAt(source, collection, last);
  const previous = source.entries(collection)[first - 1];
  const isLast = last + 1 === collection.items.length;
  const commaBefore = previous && commaAfter(collection, first - 1);
  const comma = commaAfter(collection, last);
  const tail = comma === undefined ? end : comma + 1;
  if (source.beginsLine(start) && endsLine(source, tail)) {
    const line = cut(commentsAbove(source, start, previous?.end ?? 0), source.lineEnd(tail));
    const dangling = isLast && comma === undefined ? commaBefore : undefined;
    return dangling === undefined ? [line] : [cut(dangling, dangling + 1), line];
  }
  const from = spacesBefore(text, start);
  if (!isLast) {
    return [endsLine(source, tail) ? cut(from, tail) : cut(start, tail + spaceAt(text, tail))];
  }
  if (commaBefore === undefined) return [cut(start, tail)];
  const parted = source.comments.some((one) => one.start > commaBefore && one.start < start);
  return parted ? [cut(commaBefore, commaBefore + 1), cut(from, end)] : [cut(commaBefore, end)];
}

function insertFlow(
  source: YamlSource,
  collection: Collection,
  after: number,
  flow: string,
): Splice[] {
  const entry = source.entries(collection)[after];
  if (!entry) return [insert((collection.range?.[0] ?? 0) + 1, flow)];
  const { start, end } = entry;
  const comma = commaAfter(collection, after);
  const tail = comma === undefined ? end : comma + 1;
  if (!source.beginsLine(start)) return [insert(end, `, ${flow}`)];
  const line = source.text.slice(source.lineStart(start), start) + flow;
  if (endsLine(source, tail)) {
    const at = source.lineEnd(tail);
    return comma === undefined
      ? [insert(end, ','), insert(at, line + source.eol)]
      : [insert(at, `${line},${source.eol}`)];
  }
  return [insert(end, comma === undefined ? `,${source.eol}${line}` : `, ${flow}`)];
}

/** Behind the last line of a block entry: comments that stand deeper than it belong to it. */
function extentEnd(source: YamlSource, { start, end }: Pick<Entry, 'start' | 'end'>): number {
  const { text } = source;
  const column = source.column(start);
  let extent = text[end - 1] === '\n' ? end : source.lineEnd(end);
  for (let at = extent; at < text.length; at = source.lineEnd(at)) {
    const line = text.slice(at, source.lineEnd(at));
    if (source.commentLines.has(at)) {
      if (line.search(/\S/) <= column) break;
      extent = source.lineEnd(at);
    } else if (!isBlank(line)) break;
  }
  return extent;
}

/** Where the comments begin that stand directly above the line of this offset. */
function commentsAbove(source: YamlSource, offset: number, bound: number): number {
  let from = source.lineStart(offset);
  while (from > bound) {
    const above = source.lineStart(from - 1);
    if (above < bound || !source.commentLines.has(above)) break;
    from = above;
  }
  return from;
}

function skipBlankBelow(source: YamlSource, lineStart: number): number {
  let to = lineStart;
  while (to < source.text.length && isBlank(source.text.slice(to, source.lineEnd(to)))) {
    to = source.lineEnd(to);
  }
  return to;
}

/** Nothing but a comment stands between here and the end of the line. */
function endsLine(source: YamlSource, offset: number): boolean {
  return /^[ \t]*(?:#.*)?\r?\n/.test(source.text.slice(offset, source.lineEnd(offset)));
}

function entryAt(source: YamlSource, collection: Collection, at: number): Entry {
  const entry = source.entries(collection)[at];
  if (!entry) throw new ForeignLayout('an entry has no place in the text');
  return entry;
}

function colonOf({ sep }: Entry['token']): number | undefined {
  return sep?.find(({ type }) => type === 'map-value-ind')?.offset;
}

function spacesBefore(text: string, offset: number): number {
  let from = offset;
  while (text[from - 1] === ' ' || text[from - 1] === '\t') from -= 1;
  return from;
}

function spaceAt(text: string, offset: number): number {
  const space = text.slice(offset).search(/\S/);
  return space === -1 ? text.length - offset : space;
}

function beforeBreak(text: string, lineStart: number): number {
  if (text[lineStart - 1] !== '\n') return lineStart;
  return text[lineStart - 2] === '\r' ? lineStart - 2 : lineStart - 1;
}

function cut(start: number, end: number): Splice {
  return { start, end, text: '' };
}

function insert(at: number, text: string): Splice {
  return { start: at, end: at, text };
}
