import { describe, expect, it } from '@jest/globals';
import { isScalar, isSeq, parseDocument, visit } from 'yaml';
import { CONDITION_WORDS, OPERATION_WORDS } from '../../../proto/ts/policy/language.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { PROBLEM_CODES, type ProblemCode } from '../../../proto/ts/policy/problems.js';
import { type CorpusDocument, placed, readCorpus } from './d4c/corpus.js';

const accepted = readCorpus('accepted');
const refused = readCorpus('refused');

/** Codes that no document of the corpus expects, and why. */
const NOT_HERE: Partial<Record<ProblemCode, string>> = {
  POLICY_TOO_LARGE: 'takes 256 KiB or 120,000 tokens',
  POLICY_TOO_MANY_PROBLEMS: 'takes more than 200 problems, each of which would be listed',
  POLICY_TABLE_FULL: 'takes more than a document of a readable size holds',
  POLICY_UNSUPPORTED: 'tells of nodes of another version; these can do all of the language',
};

describe('a document that D4C accepts, or one with our additions', () => {
  it.each(accepted)('$name', ({ source, expected }) => {
    const { policy, problems } = parsePolicy(source);
    expect(problems.map(placed).sort()).toEqual(expected);
    expect(policy).toBeDefined();
  });
});

describe('a document that is refused', () => {
  it.each(refused)('$name', ({ source, expected }) => {
    const { policy, problems } = parsePolicy(source);
    const errors = problems.filter(({ severity }) => severity === 'error');
    expect(errors.map(placed).sort()).toEqual(expected);
    expect(policy).toBeUndefined();
  });
});

describe('the corpus', () => {
  it('is as large as it was meant to be', () => {
    expect(accepted.length).toBeGreaterThanOrEqual(60);
    expect(refused.length).toBeGreaterThanOrEqual(60);
  });

  it('has every condition and every operation in what is accepted', () => {
    const words = new Set(accepted.flatMap(wordsOf));
    const conditions = Object.keys(CONDITION_WORDS);
    const operations = Object.keys(OPERATION_WORDS).map((word) => `operation ${word}`);
    expect([...conditions, ...operations].filter((word) => !words.has(word))).toEqual([]);
  });

  it('expects every code, but for those that say why not', () => {
    const lines = [...accepted, ...refused].flatMap(({ expected }) => expected);
    const codes = new Set(lines.map((line) => line.split(' ')[1]));
    expect([...codes, ...Object.keys(NOT_HERE)].sort()).toEqual(Object.keys(PROBLEM_CODES).sort());
  });

  it('still has the bytes that editors like to mend', () => {
    const texts = [...accepted, ...refused].map(({ source }) => Buffer.from(source));
    const isSomewhere = (bytes: Buffer): boolean => texts.some((text) => text.includes(bytes));
    expect(isSomewhere(Buffer.from('\r\n'))).toBe(true);
    expect(isSomewhere(Buffer.from('\ufeff'))).toBe(true);
    expect(isSomewhere(Buffer.from([0xe9, 0x5d]))).toBe(true);
    expect(texts.some((text) => !text.toString().endsWith('\n'))).toBe(true);
  });
});

/** The keys of a document, and `operation WORD` for what an operation names. */
function wordsOf({ source }: CorpusDocument): string[] {
  const words: string[] = [];
  visit(parseDocument(new TextDecoder().decode(source)), {
    Pair(_key, { key, value }) {
      if (!isScalar(key) || typeof key.value !== 'string') return;
      words.push(key.value);
      if (key.value !== 'operation' || !isSeq(value)) return;
      const named = value.items.map((item) => (isScalar(item) ? String(item.value) : ''));
      words.push(...named.map((word) => `operation ${word}`));
    },
  });
  return words;
}
