import { CODES, FIRST_SET, PatternCoder, SLASH } from './automaton/pattern-code.js';
import type { GlobKind } from './glob.js';

const utf8 = new TextEncoder();

/**
 * Whether a pattern in its normal form matches a text: for the few texts of a container's facts, where
 * an automaton would not pay. Takes (length of the pattern) x (length of the text) steps at most.
 */
export function matchesGlob(pattern: string, text: string, kind: GlobKind): boolean {
  if (!/[*?[\\]/.test(pattern)) return pattern === text;
  const coder = new PatternCoder(kind);
  const codes = coder.encode(pattern);
  let here = reach(new Uint8Array(codes.length + 1), codes, 0);
  for (const byte of utf8.encode(text)) {
    const next = new Uint8Array(codes.length + 1);
    for (let at = 0; at < codes.length; at += 1) {
      if (here[at] !== 1) continue;
      const code = codes.charCodeAt(at);
      const stays =
        code === CODES.any ||
        code === CODES.components ||
        (code === CODES.component && byte !== SLASH);
      // Behind components only a / leads; whatever else ends a run may do so here.
      if (stays && code === CODES.components) next[at] = 1;
      else if (stays) reach(next, codes, at);
      const goesOn =
        code === byte ||
        (code === CODES.components && byte === SLASH) ||
        (code >= FIRST_SET && coder.sets[code - FIRST_SET]?.[byte] === 1);
      if (goesOn) reach(next, codes, at + 1);
    }
    here = next;
  }
  return here[codes.length] === 1;
}

/** Marks a place in the pattern, and those behind runs, which may be empty. */
function reach(places: Uint8Array, codes: string, from: number): Uint8Array {
  let at = from;
  places[at] = 1;
  while (isRun(codes.charCodeAt(at))) {
    at += 1;
    places[at] = 1;
  }
  return places;
}

function isRun(code: number): boolean {
  return code === CODES.component || code === CODES.any || code === CODES.components;
}
