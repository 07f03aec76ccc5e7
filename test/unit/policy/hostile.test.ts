import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { MAX_PROBLEMS } from '../../../proto/ts/policy/problems.js';
import { LIMITS } from '../../../proto/ts/wire/limits.js';
import { DICTIONARY } from '../../fuzz/dictionary.js';
import { withConditions } from './documents.js';

const VALID = withConditions('containerName: [a]');

/** A chain of merge keys, each step to the one before. */
const merges = (steps: number): string => {
  const lines = Array.from({ length: steps }, (_, at) => `k${at + 1}: &k${at + 1} {<<: *k${at}}`);
  return `k0: &k0 {unknownContainer: allow}\n${lines.join('\n')}\n<<: *k${steps}\n`;
};

/** Lists of aliases of a list of aliases: 10 to the power of `steps` references. */
const references = (steps: number): string => {
  const lists = Array.from(
    { length: steps },
    (_, at) => `k${at + 1}: &k${at + 1} {<<: [${`*k${at},`.repeat(10)}]}`,
  );
  return `k0: &k0 {unknownContainer: allow}\n${lists.join('\n')}\n<<: *k${steps}\n`;
};

describe('a hostile document is refused for what it is', () => {
  it.each([
    ['too many bytes', '#'.repeat(LIMITS.policyDocumentBytes + 1), 'POLICY_TOO_LARGE'],
    ['too many bytes of long characters', '\u{1f600}'.repeat(70_000), 'POLICY_TOO_LARGE'],
    [
      'too many tokens',
      withConditions(`containerName: [${'a,'.repeat(70_000)}]`),
      'POLICY_TOO_LARGE',
    ],
    ['nested lists', '['.repeat(1000), 'POLICY_TOO_DEEP'],
    ['nested sequences', '- '.repeat(1000), 'POLICY_TOO_DEEP'],
    ['nested keys', '? '.repeat(1000), 'POLICY_TOO_DEEP'],
    ['half a character', `${VALID}# \ud83d`, 'POLICY_NOT_UTF8'],
    ['a NUL', `${VALID}# \0`, 'POLICY_NOT_UTF8'],
    ['an anchor within itself', 'process: &a {selectors: *a}', 'POLICY_ALIAS_LIMIT'],
    ['a merge of itself', '&a\n<<: *a', 'POLICY_ALIAS_LIMIT'],
    ['a chain of merges', merges(20), 'POLICY_ALIAS_LIMIT'],
    ['a tree of merges', references(8), 'POLICY_ALIAS_LIMIT'],
    ['an alias of nothing', 'process: *a', 'POLICY_YAML_SYNTAX'],
  ])('%s', (_what, source, code) => {
    const { policy, problems } = parsePolicy(source);
    expect(policy).toBeUndefined();
    expect(problems.map((problem) => problem.code)).toContain(code);
  });

  it('that aliases make larger than any document could be', () => {
    const values = Array.from({ length: 400 }, (_, at) => `${'a'.repeat(500)}${at}`);
    const first = `- {name: s0, containerImageName: &v [${values.join(',')}]}`;
    const more = [1, 2, 3, 4].map((at) => `- {name: s${at}, containerImageName: *v}`);
    const selectors = [first, ...more].map((line) => `    ${line}\n`).join('');
    const source = `process:\n  selectors:\n${selectors}  responses:\n    - {match: [s0, s1, s2, s3, s4], actions: [log]}\n`;
    expect(parsePolicy(source)).toMatchObject({ problems: [{ code: 'POLICY_ALIAS_LIMIT' }] });
  });

  it('with a list of problems that ends', () => {
    const { problems } = parsePolicy(withConditions(`containerName: [${'"[",'.repeat(3000)}]`));
    expect(problems).toHaveLength(MAX_PROBLEMS + 1);
    expect(problems.at(-1)?.code).toBe('POLICY_TOO_MANY_PROBLEMS');
  });
});

describe('a document at a limit is accepted', () => {
  it('of bytes', () => {
    const source = VALID + '#'.repeat(LIMITS.policyDocumentBytes - VALID.length);
    expect(parsePolicy(source).problems).toEqual([]);
  });
});

describe('whatever it is given, parsePolicy does not throw', () => {
  const words = fc.constantFrom(...DICTIONARY.flat());

  it('words of the language and of YAML in any order', () => {
    const soup = fc.array(fc.oneof(words, fc.string({ maxLength: 3 })), { maxLength: 60 });
    fc.assert(
      fc.property(soup, (parts) => {
        parsePolicy(parts.join(''));
      }),
      { numRuns: 2000 },
    );
  });

  it('bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        parsePolicy(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});
