import { type Glob, GlobFault, type GlobKind, parseGlob } from '../glob.js';

/**
 * A pattern as a string of codes, one UTF-16 unit each, so that patterns sort and compare as
 * strings do: 0 to 255 is that byte, the runs follow, and from FIRST_SET on a set of bytes.
 */
export const CODES = {
  /** Any run of bytes without `/`. */
  component: 0x100,
  /** Any run of bytes. */
  any: 0x101,
  /** Any number of whole components, each with the `/` behind it. */
  components: 0x102,
} as const;
export const FIRST_SET = 0x200;
export const SLASH = 0x2f;

const PLAIN = /^[ -)+->@-Z^-~]*$/;
const PLAIN_WITH_TAIL = /^[ -)+->@-Z^-~]*\/\*{1,2}$/;

/** Encodes patterns and remembers the sets of bytes in them. */
export class PatternCoder {
  readonly #kind: GlobKind;
  /** By code - FIRST_SET. */
  readonly sets: Uint8Array[] = [];
  readonly #ids = new Map<string, number>();
  readonly #utf8 = new TextEncoder();

  constructor(kind: GlobKind) {
    this.#kind = kind;
  }

  /** @throws RangeError when the pattern is no glob: it was not read by the parser before */
  encode(pattern: string): string {
    if (PLAIN.test(pattern)) return pattern;
    if (this.#kind === 'path' && PLAIN_WITH_TAIL.test(pattern)) {
      const at = pattern.indexOf('*');
      const run = pattern.length - at === 1 ? CODES.component : CODES.any;
      return pattern.slice(0, at) + String.fromCharCode(run);
    }
    const glob = parseGlob(pattern, this.#kind);
    if (glob instanceof GlobFault) throw new RangeError(glob.message);
    return this.#codesOf(glob);
  }

  #codesOf(glob: Glob): string {
    const codes = glob.map((part) => {
      if (part.kind === 'text') return String.fromCharCode(...this.#utf8.encode(part.text));
      if (part.kind === 'set') return String.fromCharCode(FIRST_SET + this.#idOf(part.bytes));
      return String.fromCharCode(CODES[part.kind]);
    });
    return codes.join('');
  }

  #idOf(bytes: Uint8Array): number {
    const key = bytes.join('');
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.sets.length;
    // Codes are UTF-16 units; a policy may have 4096 values.
    if (FIRST_SET + id > 0xffff) throw new RangeError('too many different sets of bytes');
    this.sets.push(bytes);
    this.#ids.set(key, id);
    return id;
  }
}

/** Whether the pattern is read from its beginning alone, or what follows a `**` floats. */
export function headOf(codes: string): number {
  const last = codes.length - 1;
  let literal = 0;
  for (let at = 0; at < last; at += 1) {
    const code = codes.charCodeAt(at);
    const floats = code === CODES.any || code === CODES.components;
    if (floats) return literal === at && at > 1 ? HEADS.anchoredThenFloating : HEADS.floating;
    if (code < 0x100) literal += 1;
  }
  return codes.charCodeAt(last) === CODES.components ? HEADS.floating : HEADS.anchored;
}

/**
 * Patterns of one kind share an automaton well; those of two kinds would multiply its states: inside
 * each directory that an anchored pattern names, a floating one can be anywhere. So each kind has a start
 * state of its own, and a walk begins at each.
 */
export const HEADS = { anchored: 0, anchoredThenFloating: 1, floating: 2 } as const;
export const HEAD_COUNT = 3;
