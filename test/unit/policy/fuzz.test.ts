import { describe, expect, it } from '@jest/globals';
import { BOMBS, TABLE_BOMBS } from '../../fuzz/bombs.js';
import { checkInput } from '../../fuzz/checks.js';
import { Fuzzer } from '../../fuzz/fuzzer.js';
import { isTooLarge, textOf } from '../../fuzz/input.js';
import { readSeeds } from '../../fuzz/seeds.js';

/** `npm run fuzz` goes on from other seeds, and for longer. */
const SEED = 20_250_117;
const EXECUTIONS = 1200;

describe(`documents changed at random, from seed ${SEED}`, () => {
  it(`${EXECUTIONS} of them keep every rule`, () => {
    const fuzzer = new Fuzzer(SEED, 'all', readSeeds());
    for (let at = 0; at < EXECUTIONS; at += 1) {
      const input = fuzzer.next();
      const { failures } = fuzzer.run(input);
      if (failures.length > 0) {
        throw new Error(`input ${at}: ${failures.join('\n')}\n\n${textOf(input).slice(0, 4000)}`);
      }
    }
    const { accepted, codes, codeSets } = fuzzer.stats;
    // They reach what they are for.
    expect(accepted).toBeGreaterThan(EXECUTIONS / 10);
    expect(codes).toBeGreaterThan(25);
    expect(codeSets).toBeGreaterThan(100);
  });

  it('are the same again', () => {
    const [one, other] = [1, 2].map(() => new Fuzzer(SEED, 'parser', readSeeds().slice(0, 20)));
    for (let at = 0; at < 120; at += 1) {
      const inputs = [one, other].map((fuzzer) => {
        const input = fuzzer?.next() ?? '';
        fuzzer?.run(input);
        return input;
      });
      expect(inputs[0]).toEqual(inputs[1]);
    }
  });
});

describe('the worst documents', () => {
  it('are as large as a document may be', () => {
    const tooLarge = [...BOMBS, ...TABLE_BOMBS].filter(({ source }) => isTooLarge(source));
    expect(tooLarge.map(({ name }) => name)).toEqual([]);
  });

  // A part of them, for the time it takes; `npm run fuzz` begins with all.
  const some = BOMBS.filter((_, at) => at % 4 === 0);

  it.each(some)('$name: read within a second', ({ source }) => {
    expect(checkInput(source, 'parser').failures).toEqual([]);
  });

  it.each(TABLE_BOMBS)('$name: accepted, and its table refused or made in time', ({ source }) => {
    const { accepted, failures } = checkInput(source, 'all');
    expect(failures).toEqual([]);
    expect(accepted).toBe(true);
  });
});
