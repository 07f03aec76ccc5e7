import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { MAX_PROBLEMS } from '../../../proto/ts/policy/problems.js';
import { LIMITS } from '../../../proto/ts/wire/limits.js';
import { withConditions } from './documents.js';

describe('hostile documents', () => {
  const size = LIMITS.policyDocumentBytes;
  const fill = (unit: string): string => unit.repeat(Math.floor(size / unit.length));

  it.each([
    ['nested lists', fill('[')],
    ['nested sequences', fill('- ')],
    ['nested keys', fill('? ')],
    ['indentation', Array.from({ length: 700 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
    ['repeated keys', fill('a:\n')],
    ['tags', fill('!x ')],
    ['directives', fill('%A\n')],
    ['documents', fill('---\n')],
    ['quotes', fill("'")],
    ['block scalars', fill('|\n')],
    ['one scalar', fill('a')],
    ['aliases', `a: &a [1]\nb: [${'*a,'.repeat(80_000)}]`],
    [
      'an alias bomb',
      [
        'a: &a [x,x,x,x,x,x,x,x]',
        ...'bcdefgh'
          .split('')
          .map((key, at) => `${key}: &${key} [${`*${'abcdefgh'[at]},`.repeat(8)}]`),
        'process: {selectors: *h, responses: *h}',
      ].join('\n'),
    ],
    [
      'a merge bomb',
      [
        'a: &a {x: 1}',
        ...'bcdefgh'
          .split('')
          .map((key, at) => `${key}: &${key} {<<: [${`*${'abcdefgh'[at]},`.repeat(8)}]}`),
        '<<: *h',
      ].join('\n'),
    ],
    [
      'a chain of merges',
      `${Array.from(
        { length: 5000 },
        (_, at) => `k${at}: &k${at} {<<: ${at > 0 ? `*k${at - 1}` : '{x: 1}'}}`,
      ).join('\n')}\n<<: *k4999`,
    ],
    ['a merge of itself', '&a\n<<: *a'],
    ['a million values', withConditions(`containerImageName: [${'a,'.repeat(120_000)}]`)],
  ])('%s: refused within a second', (_what, source) => {
    const start = process.cpuUsage();
    const { policy, problems } = parsePolicy(source);
    // Time of the processor: another process beside it must not fail this.
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(1.5);
    expect(policy).toBeUndefined();
    expect(problems.length).toBeLessThanOrEqual(MAX_PROBLEMS + 1);
  });

  it('that aliases make larger than any document could be are refused', () => {
    const values = Array.from({ length: 400 }, (_, at) => `${'a'.repeat(500)}${at}`);
    const first = `- {name: s0, containerImageName: &v [${values.join(',')}]}`;
    const more = [1, 2, 3, 4].map((at) => `- {name: s${at}, containerImageName: *v}`);
    const selectors = [first, ...more].map((line) => `    ${line}\n`).join('');
    const source = `process:\n  selectors:\n${selectors}  responses:\n    - {match: [s0, s1, s2, s3, s4], actions: [log]}\n`;
    expect(parsePolicy(source)).toMatchObject({ problems: [{ code: 'POLICY_ALIAS_LIMIT' }] });
  });

  it('never make it throw', () => {
    const words = [
      'process',
      'selectors',
      'responses',
      'name',
      'match',
      'actions',
      'operation',
      'exec',
      'block',
      'alert',
      ':',
      '-',
      ' ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '&a',
      '*a',
      '<<',
      '"',
      "'",
      '|',
      '#',
      '!t',
      '%',
      '\t',
      '?',
      '---',
    ];
    const soup = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(soup, (parts) => {
        parsePolicy(parts.join(''));
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        parsePolicy(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});
