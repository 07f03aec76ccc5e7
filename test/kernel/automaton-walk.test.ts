import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  AUTOMATON_LIMITS,
  AutomatonTooLarge,
  buildAutomaton,
} from '../../proto/ts/policy/automaton/build.js';
import { serialiseAutomaton } from '../../proto/ts/policy/automaton/serialise.js';
import { AutomatonWalk } from '../../proto/ts/policy/automaton/walk.js';
import { readTextValue } from '../../proto/ts/policy/values.js';
import { ROOT } from '../support/sources.js';
import { globPatterns, pathTexts } from '../unit/policy/reference/worlds.js';

/** The walk that bpf/include/automaton.h describes, compiled for user space. */
describe('the walk of the kernel', () => {
  let folder = '';
  let program = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulkhead-walk-'));
    program = join(folder, 'walk');
    const flags = [
      '-std=gnu11',
      '-O1',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-fsanitize=address,undefined',
    ];
    execFileSync('cc', [...flags, '-o', program, join(ROOT, 'test/kernel/acts/walk.c')]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function walkInC(automaton: Uint8Array, paths: readonly Uint8Array[]): Uint32Array {
    writeFileSync(join(folder, 'automaton'), automaton);
    const framed = paths.flatMap((path) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(path.length);
      return [length, path];
    });
    writeFileSync(join(folder, 'paths'), Buffer.concat(framed));
    const output = execFileSync(program, [join(folder, 'automaton'), join(folder, 'paths')]);
    return new Uint32Array(Uint8Array.from(output).buffer);
  }

  it('matches what the walk in TypeScript does', () => {
    const lists = fc.array(fc.array(globPatterns, { maxLength: 3 }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(lists, fc.nat({ max: 70 }), fc.array(pathTexts), (some, empty, paths) => {
        const all = [...Array.from({ length: empty }, () => []), ...some.map(asPaths)];
        const automaton = build(all);
        fc.pre(automaton !== undefined);
        const walk = new AutomatonWalk(automaton);
        const wanted = paths.flatMap((path) => {
          walk.run(path);
          return [...walk.matched];
        });
        expect([...walkInC(serialiseAutomaton(automaton), paths)]).toEqual(wanted);
      }),
      { numRuns: 150 },
    );
  });

  it('also over a large automaton', () => {
    const patterns = Array.from({ length: 3000 }, (_, at) => {
      const directory = `/srv/${(at * 7919).toString(36)}`;
      return (
        [`${directory}/file`, `${directory}/**`, `/**/${at}.so`, `${directory}/*.py`][at % 4] ?? ''
      );
    });
    const lists = Array.from({ length: 40 }, (_, list) =>
      patterns.filter((_one, at) => at % 40 === list),
    );
    const automaton = buildAutomaton(lists, 'path');
    const walk = new AutomatonWalk(automaton);
    const paths = patterns.map((pattern) =>
      new TextEncoder().encode(pattern.replace('/**/', '/a/b/').replace(/\*+/, 'x')),
    );
    const wanted = paths.flatMap((path) => {
      walk.run(path);
      return [...walk.matched];
    });
    expect(wanted.some((word) => word !== 0)).toBe(true);
    expect([...walkInC(serialiseAutomaton(automaton), paths)]).toEqual(wanted);
  });
});

function asPaths(patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => {
    const read = readTextValue(pattern.startsWith('/') ? pattern : `/${pattern}`, 'path');
    return 'code' in read ? [] : read.values;
  });
}

/** undefined: it is larger than a small test wants. */
function build(lists: readonly (readonly string[])[]) {
  try {
    return buildAutomaton(lists, 'path', { ...AUTOMATON_LIMITS, states: 5000 });
  } catch (error) {
    if (error instanceof AutomatonTooLarge) return undefined;
    throw error;
  }
}
