import { describe, expect, it } from '@jest/globals';
import {
  checkSelector,
  isWithin,
  type LabelSelector,
  selectorFromText,
  selectorMatches,
  selectorToText,
} from '../../../control-plane/domain/label-selector.js';

const LABELS = { env: 'prod', team: 'pay', 'example.com/zone': '', constructor2: 'x' };

describe('a selector', () => {
  it.each<[LabelSelector, boolean]>([
    [{}, true],
    [{ matchLabels: {}, matchExpressions: [] }, true],
    [{ matchLabels: { env: 'prod' } }, true],
    [{ matchLabels: { env: 'prod', team: 'other' } }, false],
    [{ matchLabels: { 'example.com/zone': '' } }, true],
    [{ matchExpressions: [{ key: 'env', operator: 'In', values: ['dev', 'prod'] }] }, true],
    [{ matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['dev', 'prod'] }] }, false],
    [{ matchExpressions: [{ key: 'gpu', operator: 'NotIn', values: ['dev'] }] }, true],
    [{ matchExpressions: [{ key: 'gpu', operator: 'Exists' }] }, false],
    [{ matchExpressions: [{ key: 'gpu', operator: 'DoesNotExist' }] }, true],
    [{ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, false],
    [{ matchLabels: { toString: 'x' } }, false],
  ])('%j: %s', (selector, matches) => {
    expect(selectorMatches(selector, LABELS)).toBe(matches);
  });

  it.each<[LabelSelector, string]>([
    [{ matchExpressions: [{ key: 'a', operator: 'In' }] }, 'a: In takes at least one value'],
    [
      { matchExpressions: [{ key: 'a', operator: 'NotIn', values: [] }] },
      'a: NotIn takes at least one value',
    ],
    [
      { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] },
      'a: Exists takes no values',
    ],
  ])('%j is refused', (selector, message) => {
    expect(() => checkSelector('clusters', selector)).toThrow(`clusters: ${message}`);
  });
});

describe('a selector as text', () => {
  it('has every form of kubectl', () => {
    const text =
      ' env=prod, tier == db,x!=1 ,team in ( a, b ), zone notin (c),gpu,!example.com/old ';
    expect(selectorFromText('labels', text)).toEqual({
      matchExpressions: [
        { key: 'env', operator: 'In', values: ['prod'] },
        { key: 'tier', operator: 'In', values: ['db'] },
        { key: 'x', operator: 'NotIn', values: ['1'] },
        { key: 'team', operator: 'In', values: ['a', 'b'] },
        { key: 'zone', operator: 'NotIn', values: ['c'] },
        { key: 'gpu', operator: 'Exists' },
        { key: 'example.com/old', operator: 'DoesNotExist' },
      ],
    });
    expect(selectorFromText('labels', '')).toEqual({ matchExpressions: [] });
    expect(selectorFromText('labels', 'zone=')).toEqual({
      matchExpressions: [{ key: 'zone', operator: 'In', values: [''] }],
    });
  });

  it.each([
    [',', 1],
    ['env=prod,', 1],
    ['env=prod,,a', 10],
    ['env = a b', 1],
    ['a,team in ()x', 3],
    ['a,b in (c', 3],
    ['=x', 1],
    ['a=<script>', 1],
    ['  é=x', 3],
  ])('%j is refused at character %s', (text, place) => {
    expect(() => selectorFromText('labels', text)).toThrow(
      `labels: no requirement at character ${place}`,
    );
  });

  it.each(['env=prod,tier!=db,team in (a,b),zone notin (c,d),gpu,!example.com/old,empty=', ''])(
    '%j is written as it was read',
    (text) => {
      expect(selectorToText(selectorFromText('labels', text))).toBe(text);
    },
  );

  it('holds what it was made of, in either form', () => {
    const selector = { matchLabels: { env: 'prod' }, matchExpressions: [] };
    expect(selectorToText(selector)).toBe('env=prod');
  });

  it('ends soon, whatever it is', () => {
    for (const text of [
      `a in (${'b,'.repeat(50_000)}`,
      `${'a'.repeat(100_000)}`,
      'a,'.repeat(50_000),
    ]) {
      expect(() => selectorFromText('labels', text)).toThrow('no requirement');
    }
  });
});

describe('a selector within another', () => {
  it.each<[LabelSelector, LabelSelector, boolean]>([
    [{ matchLabels: { env: 'dev' } }, {}, true],
    [{}, { matchLabels: { env: 'dev' } }, false],
    [{ matchLabels: { env: 'dev', team: 'a' } }, { matchLabels: { env: 'dev' } }, true],
    [{ matchLabels: { env: 'prod' } }, { matchLabels: { env: 'dev' } }, false],
    [
      { matchExpressions: [{ key: 'env', operator: 'In', values: ['dev'] }] },
      { matchLabels: { env: 'dev' } },
      true,
    ],
    [
      { matchExpressions: [{ key: 'e', operator: 'In', values: ['b', 'a', 'a'] }] },
      { matchExpressions: [{ key: 'e', operator: 'In', values: ['a', 'b'] }] },
      true,
    ],
  ])('%j in %j: %s', (inner, outer, within) => {
    expect(isWithin(inner, outer)).toBe(within);
  });
});
