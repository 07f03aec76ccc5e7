import { POLICY_LIMITS } from './model.js';

/** path: `*`, `?` and `[...]` stay within a component. name: they do not know components. */
export type GlobKind = 'path' | 'name';

export type GlobPart =
  | { readonly kind: 'text'; readonly text: string }
  /** One byte, of those that are 1; index 0 to 255. */
  | { readonly kind: 'set'; readonly bytes: Uint8Array }
  /** Any run of bytes without `/`. */
  | { readonly kind: 'component' }
  /** Any run of bytes. */
  | { readonly kind: 'any' }
  /** After a `/`: any number of whole components with the `/` behind each. */
  | { readonly kind: 'components' };

export type Glob = readonly GlobPart[];

/** Why a text is no glob, lower case. */
export class GlobFault {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const SLASH = 0x2f;
const SPECIAL = /[*?[{\\]/;
/** Only a run at the end, as most patterns are. */
const PLAIN = /^[^*?[{\\]*$/;
const PLAIN_WITH_TAIL = /^[^*?[{\\]*\/\*{1,2}$/;

export function hasGlob(text: string): boolean {
  return SPECIAL.test(text);
}

/** Stands for itself when it is read as a glob. */
export function escapeGlob(text: string): string {
  return text.replaceAll(/[*?[{\\]/g, '\\$&');
}

/** The alternatives of `{a,b}`, nested ones too, each without braces. */
export function expandBraces(text: string): readonly string[] | GlobFault {
  if (!text.includes('{')) return [text];
  const scanner = new BraceScanner(text);
  return scanner.sequence(true) ?? scanner.fault;
}

/** The normal text of a glob without alternatives: equal for patterns that differ only in how they are written. */
export function normaliseGlob(text: string, kind: GlobKind): string | GlobFault {
  if (PLAIN.test(text) || (kind === 'path' && PLAIN_WITH_TAIL.test(text))) return text;
  const glob = parseGlob(text, kind);
  return glob instanceof GlobFault ? glob : formatGlob(glob, kind);
}

/** Reads a glob without alternatives. */
export function parseGlob(text: string, kind: GlobKind): Glob | GlobFault {
  const parts: GlobPart[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at];
    if (char === '\\') {
      const escaped = characterAt(text, at + 1);
      if (escaped === undefined) return new GlobFault('a \\ stands at its end');
      appendText(parts, escaped);
      at += 1 + escaped.length;
    } else if (char === '*') {
      const end = endOfRun(text, at);
      // The / behind is part of `components`.
      at = end + (appendRun(parts, end - at, slashAt(text, end), kind) ?? 0);
    } else if (char === '?') {
      parts.push({ kind: 'set', bytes: setOf(() => true, kind) });
      at += 1;
    } else if (char === '[') {
      const end = endOfClass(text, at);
      if (end === undefined) return new GlobFault('a [ has no ] behind it');
      const part = parseClass(text.slice(at + 1, end), kind);
      if (part instanceof GlobFault) return part;
      if (part.kind === 'text') appendText(parts, part.text);
      else parts.push(part);
      at = end + 1;
    } else {
      const end = endOfText(text, at);
      appendText(parts, text.slice(at, end));
      at = end;
    }
  }
  return parts;
}

function formatGlob(glob: Glob, kind: GlobKind): string {
  return glob
    .map((part) => {
      if (part.kind === 'text') return escapeGlob(part.text);
      if (part.kind === 'set') return formatSet(part.bytes, kind);
      if (part.kind === 'components') return '**/';
      return part.kind === 'any' && kind === 'path' ? '**' : '*';
    })
    .join('');
}

function endOfText(text: string, at: number): number {
  let end = at;
  while (end < text.length && !SPECIAL.test(text[end] ?? '')) end += 1;
  return Math.max(end, at + 1);
}

function endOfRun(text: string, at: number): number {
  let end = at;
  while (text[end] === '*') end += 1;
  return end;
}

function characterAt(text: string, at: number): string | undefined {
  const code = text.codePointAt(at);
  return code === undefined ? undefined : String.fromCodePoint(code);
}

function appendText(parts: GlobPart[], text: string): void {
  const last = parts.at(-1);
  if (last?.kind === 'text') parts[parts.length - 1] = { kind: 'text', text: last.text + text };
  else parts.push({ kind: 'text', text });
}

/** `slash`: how long the / behind the run is written. Returns that where it belongs to the part. */
function appendRun(
  parts: GlobPart[],
  stars: number,
  slash: number | undefined,
  kind: GlobKind,
): number | undefined {
  if (kind === 'path' && stars === 1) {
    parts.push({ kind: 'component' });
    return undefined;
  }
  const last = parts.at(-1);
  const opens = last?.kind === 'components' || (last?.kind === 'text' && last.text.endsWith('/'));
  if (kind === 'path' && opens && slash !== undefined) {
    if (last.kind !== 'components') parts.push({ kind: 'components' });
    return slash;
  }
  // Whole components and then any run: any run says it all.
  if (last?.kind === 'components') parts.pop();
  if (parts.at(-1)?.kind !== 'any') parts.push({ kind: 'any' });
  return undefined;
}

/** How long a / is written there. */
function slashAt(text: string, at: number): number | undefined {
  if (text[at] === '/') return 1;
  return text.startsWith('\\/', at) ? 2 : undefined;
}

/** The place of the `]` that ends the class which begins at `at`; one that stands first is a member. */
function endOfClass(text: string, at: number): number | undefined {
  let end = at + 1;
  if (text[end] === '!' || text[end] === '^') end += 1;
  if (text[end] === ']' && text.indexOf(']', end + 1) !== -1) end += 1;
  for (; end < text.length; end += 1) {
    if (text[end] === '\\') end += 1;
    else if (text[end] === ']') return end;
  }
  return undefined;
}

function parseClass(body: string, kind: GlobKind): GlobPart | GlobFault {
  const negated = body.startsWith('!') || body.startsWith('^');
  const members = classMembers(negated ? body.slice(1) : body, kind);
  if (members instanceof GlobFault) return members;
  const bytes = setOf((byte) => members.has(byte) !== negated, kind);
  const only = bytes.indexOf(1);
  // One ASCII byte is a text.
  if (only !== -1 && only < 0x80 && only === bytes.lastIndexOf(1)) {
    return { kind: 'text', text: String.fromCharCode(only) };
  }
  if (only === -1) return new GlobFault('a class in [] has no byte that it matches');
  return { kind: 'set', bytes };
}

function classMembers(body: string, kind: GlobKind): ReadonlySet<number> | GlobFault {
  if (body === '') return new GlobFault('a class in [] is empty');
  const codes: { code: number; literal: boolean }[] = [];
  for (let at = 0; at < body.length; at += 1) {
    const escaped = body[at] === '\\' && at + 1 < body.length;
    const code = body.charCodeAt(escaped ? at + 1 : at);
    if (code >= 0x80) return new GlobFault('only ASCII may stand in []: use {a,b}');
    if (code === SLASH && kind === 'path') return new GlobFault('a / never matches in []');
    codes.push({ code, literal: escaped });
    if (escaped) at += 1;
  }
  const members = new Set<number>();
  for (let at = 0; at < codes.length; at += 1) {
    const [from, dash, to] = [codes[at], codes[at + 1], codes[at + 2]];
    if (from && to && dash?.code === 0x2d && !dash.literal) {
      if (from.code > to.code) return new GlobFault('a range in [] is the wrong way round');
      for (let code = from.code; code <= to.code; code += 1) members.add(code);
      at += 2;
    } else if (from) members.add(from.code);
  }
  return members;
}

function setOf(has: (byte: number) => boolean, kind: GlobKind): Uint8Array {
  const bytes = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    if (has(byte) && (kind === 'name' || byte !== SLASH)) bytes[byte] = 1;
  }
  return bytes;
}

/** Whatever is above ASCII is in or out as a whole, so a class lists only ASCII. */
function formatSet(bytes: Uint8Array, kind: GlobKind): string {
  const negated = bytes[0x80] === 1;
  const listed: number[] = [];
  for (let byte = 0; byte < 0x80; byte += 1) {
    if (kind === 'path' && byte === SLASH) continue;
    if ((bytes[byte] === 1) !== negated) listed.push(byte);
  }
  if (negated && listed.length === 0) return '?';
  return `[${negated ? '!' : ''}${formatRanges(listed)}]`;
}

function formatRanges(codes: readonly number[]): string {
  let text = '';
  for (let at = 0; at < codes.length; ) {
    let end = at;
    // In a path a range may run over the / that no class holds.
    while (codes[end + 1] === (codes[end] ?? 0) + 1) end += 1;
    const [first = 0, last = 0] = [codes[at], codes[end]];
    text += formatMember(first);
    if (last - first > 1) text += '-';
    if (last !== first) text += formatMember(last);
    at = end + 1;
  }
  return text;
}

function formatMember(code: number): string {
  const char = String.fromCharCode(code);
  return /[\\\]\-^!]/.test(char) ? `\\${char}` : char;
}

/** Writes out alternatives; everything else, escapes and classes included, is passed on as it stands. */
class BraceScanner {
  readonly #text: string;
  #at = 0;
  fault = new GlobFault('a { has no } behind it');

  constructor(text: string) {
    this.#text = text;
  }

  /** Up to the end, or inside braces up to `,` or `}`. undefined: `fault`. */
  sequence(outermost: boolean): string[] | undefined {
    let written = [''];
    /** What stands the same behind each of them. */
    let tail = '';
    for (;;) {
      const char = this.#text[this.#at];
      const ends = char === undefined || (!outermost && (char === ',' || char === '}'));
      if (ends) {
        if (char === undefined && !outermost) return undefined;
        return tail === '' ? written : written.map((head) => head + tail);
      }
      const pieces: string[] | undefined = char === '{' ? this.#alternatives() : this.#piece();
      if (!pieces) return undefined;
      const [only = ''] = pieces;
      if (pieces.length === 1) {
        tail += only;
        continue;
      }
      if (written.length * pieces.length > POLICY_LIMITS.alternativesPerValue) {
        const max = POLICY_LIMITS.alternativesPerValue;
        this.fault = new GlobFault(`the braces stand for more than ${max} alternatives`);
        return undefined;
      }
      const between = tail;
      written = written.flatMap((head) => pieces.map((piece) => head + between + piece));
      tail = '';
    }
  }

  #alternatives(): string[] | undefined {
    const all: string[] = [];
    while (this.#text[this.#at] !== '}' || all.length === 0) {
      this.#at += 1;
      const some = this.sequence(false);
      if (!some) return undefined;
      all.push(...some);
    }
    this.#at += 1;
    return all;
  }

  #piece(): string[] | undefined {
    const from = this.#at;
    const char = this.#text[from];
    let end = from + 1;
    if (char === '\\') end = from + 2;
    else if (char === '[') {
      const last = endOfClass(this.#text, from);
      if (last === undefined) {
        this.fault = new GlobFault('a [ has no ] behind it');
        return undefined;
      }
      end = last + 1;
    }
    this.#at = end;
    return [this.#text.slice(from, end)];
  }
}
