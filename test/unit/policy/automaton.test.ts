import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  AUTOMATON_LIMITS,
  AutomatonTooLarge,
  buildAutomaton,
} from '../../../proto/ts/policy/automaton/build.js';
import { AutomatonWalk } from '../../../proto/ts/policy/automaton/walk.js';
import { expandBraces, GlobFault, normaliseGlob } from '../../../proto/ts/policy/glob.js';
import { matchesGlob } from '../../../proto/ts/policy/glob-match.js';
import { matchesGlob as naive } from './reference/naive-glob.js';
import { globCases, globPatterns, pathTexts } from './reference/worlds.js';

const kinds = fc.constantFrom('path' as const, 'name' as const);
/** Many lists, so that sets of them take more than a word; most are short, since such patterns multiply. */
const lists = fc
  .array(fc.array(globPatterns, { maxLength: 2 }), { minLength: 1, maxLength: 6 })
  .chain((some) => fc.constantFrom(some, [...Array.from({ length: 40 }, () => []), ...some]));

describe('the automaton', () => {
  it('agrees with a naive matcher on every list of patterns', () => {
    fc.assert(
      fc.property(
        lists,
        kinds,
        fc.array(pathTexts, { minLength: 1, maxLength: 8 }),
        fc.array(globCases, { maxLength: 4 }),
        (patterns, kind, texts, cases) => {
          const all = [...patterns, cases.map(({ pattern }) => pattern)];
          const built = smallAutomaton(all.map(normal(kind)), kind);
          fc.pre(built !== undefined);
          const walk = new AutomatonWalk(built);
          for (const text of [...texts, ...cases.map((one) => one.text)]) {
            walk.run(text);
            const wanted = all.map((list) => list.some((pattern) => naive(pattern, text, kind)));
            expect(all.map((_, at) => isSet(walk.matched, at))).toEqual(wanted);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has as few states as there are texts that go on differently', () => {
    fc.assert(
      fc.property(fc.array(globPatterns, { minLength: 1, maxLength: 4 }), (patterns) => {
        const lists = patterns.map((one) => normal('path')([one]));
        const built = smallAutomaton(lists, 'path', 300);
        fc.pre(built !== undefined);
        expect(built.states).toBe(countDistinctStates(built));
      }),
      { numRuns: 100 },
    );
  });

  it('costs exact and prefix patterns no more than their bytes', () => {
    const patterns = Array.from({ length: 4000 }, (_, at) => {
      const name = `/opt/app-${at % 97}/${(at * 7919).toString(36)}`;
      return at % 3 === 0 ? `${name}/**` : at % 3 === 1 ? `${name}/*` : name;
    });
    const bytes = patterns.reduce((sum, pattern) => sum + pattern.length, 0);
    const alone = buildAutomaton([patterns], 'path');
    expect(alone.states).toBeLessThan(bytes);
    // Beside patterns that float, they cost the same as alone.
    const floating = Array.from({ length: 500 }, (_, at) => `/**/lib${(at * 31).toString(36)}.so`);
    const together = buildAutomaton([patterns, floating], 'path');
    const other = buildAutomaton([floating], 'path');
    expect(together.states).toBeLessThanOrEqual(alone.states + other.states);
  });

  it('names the patterns that make it too large', () => {
    const names = Array.from(
      { length: 24 },
      (_, at) => `/**/*x${'abcdefgh'[at % 8]}${at}*y${at}/z`,
    );
    const cheap = Array.from({ length: 500 }, (_, at) => `/usr/bin/tool-${at}`);
    try {
      buildAutomaton([[...cheap, ...names]], 'path');
      throw new Error('it was built');
    } catch (error) {
      if (!(error instanceof AutomatonTooLarge)) throw error;
      expect(error.costly).toHaveLength(5);
      for (const pattern of error.costly) expect(names).toContain(pattern);
    }
  });

  it('is not built beyond its limits', () => {
    const patterns = Array.from({ length: 100 }, (_, at) => `/srv/${at}/file`);
    const { states, bytes } = buildAutomaton([patterns], 'path');
    expect(() => buildAutomaton([patterns], 'path', { ...AUTOMATON_LIMITS, states: 10 })).toThrow(
      AutomatonTooLarge,
    );
    expect(() =>
      buildAutomaton([patterns], 'path', { ...AUTOMATON_LIMITS, bytes: bytes - 1 }),
    ).toThrow(AutomatonTooLarge);
    expect(buildAutomaton([patterns], 'path', { ...AUTOMATON_LIMITS, bytes }).states).toBe(states);
  });
});

describe('a single pattern', () => {
  it('matches what a naive matcher says', () => {
    fc.assert(
      fc.property(globCases, kinds, ({ pattern, text }, kind) => {
        const decoded = Buffer.from(text).toString('utf8');
        fc.pre(Buffer.from(decoded).equals(Buffer.from(text)));
        const got = normal(kind)([pattern]).some((one) => matchesGlob(one, decoded, kind));
        expect(got).toBe(naive(pattern, decoded, kind));
      }),
      { numRuns: 3000 },
    );
  });

  it('has one normal form, which stands for itself', () => {
    fc.assert(
      fc.property(globPatterns, kinds, (pattern, kind) => {
        for (const one of normal(kind)([pattern])) expect(normaliseGlob(one, kind)).toBe(one);
      }),
      { numRuns: 3000 },
    );
  });
});

function normal(kind: 'path' | 'name'): (patterns: readonly string[]) => string[] {
  return (patterns) =>
    patterns.flatMap((pattern) => {
      const alternatives = expandBraces(pattern);
      if (alternatives instanceof GlobFault) throw new Error(alternatives.message);
      return alternatives.map((one) => {
        const text = normaliseGlob(one, kind);
        if (text instanceof GlobFault) throw new Error(text.message);
        return text;
      });
    });
}

/** undefined: it is larger, says nothing more than a small one, and takes long. */
function smallAutomaton(
  patterns: readonly (readonly string[])[],
  kind: 'path' | 'name',
  states = 5000,
) {
  try {
    return buildAutomaton(patterns, kind, { ...AUTOMATON_LIMITS, states });
  } catch (error) {
    if (error instanceof AutomatonTooLarge) return undefined;
    throw error;
  }
}

function isSet(words: Uint32Array, bit: number): boolean {
  return (((words[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
}

/**
 * Reads the states out of the cells, and merges pair by pair what cannot be told apart (the table
 * filling algorithm), without the partition refinement that made them.
 */
function countDistinctStates(automaton: ReturnType<typeof buildAutomaton>): number {
  const { cells, starts, classes, slashClass, outputs, words } = automaton;
  const alphabet = [...new Set(classes)];
  const target = (value: number) => value & 0x7f_ffff;
  const step = (state: number, one: number): number => {
    const own = cells[state + one] ?? 0;
    if (own >>> 24 === one) return target(own);
    const rest = cells[state] ?? 0;
    return one !== slashClass && rest >>> 24 === 0 ? target(rest) : 0;
  };
  const says = (state: number): string => {
    const cell = cells[state + 1] ?? 0;
    const from = (cell >>> 24 === 1 ? target(cell) : 0) * 3 * words;
    return outputs.slice(from, from + 3 * words).join();
  };
  const states = [0];
  for (const start of starts)
    if (start !== 0 && !states.includes(target(start))) states.push(target(start));
  for (let at = 1; at < states.length; at += 1) {
    for (const one of alphabet) {
      const next = step(states[at] ?? 0, one);
      if (!states.includes(next)) states.push(next);
    }
  }
  const differ = new Set<string>();
  const key = (a: number, b: number) => (a < b ? `${a},${b}` : `${b},${a}`);
  const pairs = states.flatMap((a, at) => states.slice(at + 1).map((b) => [a, b] as const));
  for (const [a, b] of pairs) if (says(a) !== says(b)) differ.add(key(a, b));
  for (let before = -1; before !== differ.size; ) {
    before = differ.size;
    for (const [a, b] of pairs) {
      if (differ.has(key(a, b))) continue;
      if (alphabet.some((one) => differ.has(key(step(a, one), step(b, one)))))
        differ.add(key(a, b));
    }
  }
  // The dead state is a state as any other here, but it is not counted.
  return (
    states.filter((a, at) => !states.slice(0, at).some((b) => !differ.has(key(a, b)))).length - 1
  );
}
