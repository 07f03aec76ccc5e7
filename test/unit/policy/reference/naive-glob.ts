/**
 * Globs of the policy language, read from LANGUAGE.md alone and as plainly as can be: braces are
 * written out into patterns without braces, and a table says which rest of a pattern matches which
 * rest of the text. It must stay independent of proto/ts/policy, which is held against it.
 */

/** path: components end at `/`; name: `/` is a byte as every other. */
export type GlobKind = 'path' | 'name';

/** Takes one byte that `accepts` takes, or any number of them where it `repeats`. */
interface Step {
  readonly accepts: (byte: number) => boolean;
  readonly repeats: boolean;
  readonly is: 'slash' | 'anything' | 'other';
}

const SLASH = 0x2f;

/** Whether the whole text matches. Throws on a pattern that is not well formed. */
export function matchesGlob(pattern: string, text: Uint8Array | string, kind: GlobKind): boolean {
  const bytes = bytesOf(text);
  return withoutBraces(pattern).some((plain) => matchesSteps(stepsOf(plain, kind), bytes, kind));
}

/** The UTF-8 bytes that a text stands for. */
export function bytesOf(text: Uint8Array | string): Uint8Array {
  return typeof text === 'string' ? new TextEncoder().encode(text) : text;
}

/** What a pattern stands for: each way to put one alternative in the place of every brace. */
export function withoutBraces(pattern: string): string[] {
  for (let at = 0; at < pattern.length; at = endOfItem(pattern, at)) {
    if (pattern[at] !== '{') continue;
    const { alternatives, end } = readBraces(pattern, at);
    const before = pattern.slice(0, at);
    const tails = withoutBraces(pattern.slice(end));
    return alternatives
      .flatMap(withoutBraces)
      .flatMap((middle) => tails.map((tail) => before + middle + tail));
  }
  return [pattern];
}

function readBraces(pattern: string, open: number): { alternatives: string[]; end: number } {
  const alternatives: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let at = open; at < pattern.length; at = endOfItem(pattern, at)) {
    const character = pattern[at];
    if (character === '{') depth++;
    if (character === '}') depth--;
    if ((character === ',' && depth === 1) || depth === 0) {
      alternatives.push(pattern.slice(from, at));
      from = at + 1;
    }
    if (depth === 0) return { alternatives, end: at + 1 };
  }
  throw new Error(`a brace is not closed in ${pattern}`);
}

/** Where the escaped character, the class or the single character ends that begins at `at`. */
function endOfItem(pattern: string, at: number): number {
  if (pattern[at] === '\\') return at + 2;
  return pattern[at] === '[' ? readClass(pattern, at).end : at + 1;
}

interface ByteClass {
  readonly negated: boolean;
  readonly members: ReadonlySet<number>;
  readonly end: number;
}

function readClass(pattern: string, open: number): ByteClass {
  const members = new Set<number>();
  const negated = pattern[open + 1] === '!' || pattern[open + 1] === '^';
  const first = open + (negated ? 2 : 1);
  let at = first;
  const member = (): number => {
    if (pattern[at] === '\\') at++;
    return pattern.charCodeAt(at++);
  };
  while (at < pattern.length) {
    if (pattern[at] === ']' && at > first) return { negated, members, end: at + 1 };
    const low = member();
    let high = low;
    if (pattern[at] === '-' && pattern[at + 1] !== ']') {
      at++;
      high = member();
    }
    for (let byte = low; byte <= high; byte++) members.add(byte);
  }
  throw new Error(`a class is not closed in ${pattern}`);
}

/** The steps of a pattern without braces. */
function stepsOf(pattern: string, kind: GlobKind): Step[] {
  const inComponent = (byte: number): boolean => kind === 'name' || byte !== SLASH;
  const steps: Step[] = [];
  let at = 0;
  while (at < pattern.length) {
    if (pattern[at] === '*') {
      const stars = pattern.slice(at).search(/[^*]|$/);
      if (stars > 1) steps.push({ accepts: () => true, repeats: true, is: 'anything' });
      else steps.push({ accepts: inComponent, repeats: true, is: 'other' });
      at += stars;
    } else if (pattern[at] === '?') {
      steps.push({ accepts: inComponent, repeats: false, is: 'other' });
      at++;
    } else if (pattern[at] === '[') {
      const { negated, members, end } = readClass(pattern, at);
      const accepts = (byte: number): boolean => inComponent(byte) && members.has(byte) !== negated;
      steps.push({ accepts, repeats: false, is: 'other' });
      at = end;
    } else {
      if (pattern[at] === '\\') at++;
      const point = pattern.codePointAt(at);
      if (point === undefined) throw new Error(`nothing follows the last \\ of ${pattern}`);
      const character = String.fromCodePoint(point);
      steps.push(...Array.from(bytesOf(character), literal));
      at += character.length;
    }
  }
  return steps;
}

function literal(byte: number): Step {
  return {
    accepts: (other) => other === byte,
    repeats: false,
    is: byte === SLASH ? 'slash' : 'other',
  };
}

/** table[step][at] is 1 where the steps from `step` on match the text from `at` on. */
function matchesSteps(steps: readonly Step[], text: Uint8Array, kind: GlobKind): boolean {
  const table = Array.from({ length: steps.length + 1 }, () => new Uint8Array(text.length + 1));
  const holds = (step: number, at: number): boolean => table[step]?.[at] === 1;
  const decide = (step: number, at: number): boolean => {
    const here = steps[step];
    if (here === undefined) return at === text.length;
    const byte = text[at];
    const taken = byte !== undefined && here.accepts(byte);
    if (here.repeats) return holds(step + 1, at) || (taken && holds(step, at + 1));
    if (taken && holds(step + 1, at + 1)) return true;
    // No component at all: of `/**/` only the second `/` is left.
    return kind === 'path' && isWholeComponents(steps, step) && holds(step + 2, at);
  };
  for (let step = steps.length; step >= 0; step--) {
    for (let at = text.length; at >= 0; at--)
      table[step]?.fill(decide(step, at) ? 1 : 0, at, at + 1);
  }
  return holds(0, 0);
}

function isWholeComponents(steps: readonly Step[], step: number): boolean {
  const [first, second, third] = steps.slice(step, step + 3);
  return first?.is === 'slash' && second?.is === 'anything' && third?.is === 'slash';
}
