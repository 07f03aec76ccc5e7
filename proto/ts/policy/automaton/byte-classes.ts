import { FIRST_SET, SLASH } from './pattern-code.js';

/** Bytes that no pattern tells apart share a class. */
export interface ByteClasses {
  /** By byte: its class, from FIRST_CLASS on. */
  readonly of: Uint8Array;
  readonly count: number;
  readonly slash: number;
  /** By code: the classes that it takes. Sets that are every byte but `/` are in `wholeSets`. */
  readonly taken: ReadonlyMap<number, readonly number[]>;
  readonly wholeSets: ReadonlySet<number>;
  /** Of NUL, which no pattern names: rows are written as exceptions to what happens with it. */
  readonly other: number;
}

/** Below it stand the cells of a state that are no transitions (layout.ts). */
export const FIRST_CLASS = 2;

export function byteClasses(patterns: Iterable<string>, sets: readonly Uint8Array[]): ByteClasses {
  const literal = new Uint8Array(256);
  literal[SLASH] = 1;
  for (const codes of patterns) {
    for (let at = 0; at < codes.length; at += 1) {
      const code = codes.charCodeAt(at);
      if (code < 0x100) literal[code] = 1;
    }
  }
  const classes = new Map<string, number>();
  const of = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    const membership = sets.map((set) => set[byte]).join('');
    const key = literal[byte] === 1 ? `byte ${byte}` : membership;
    const known = classes.get(key) ?? FIRST_CLASS + classes.size;
    classes.set(key, known);
    of[byte] = known;
  }
  const taken = new Map<number, readonly number[]>();
  for (let byte = 0; byte < 256; byte += 1) taken.set(byte, [of[byte] ?? 0]);
  const wholeSets = new Set<number>();
  sets.forEach((set, id) => {
    const members = [...of].filter((_, byte) => set[byte] === 1);
    taken.set(FIRST_SET + id, [...new Set(members)]);
    if (members.length === 255 && set[SLASH] === 0) wholeSets.add(FIRST_SET + id);
  });
  return { of, count: classes.size, slash: of[SLASH] ?? 0, other: of[0] ?? 0, taken, wholeSets };
}
