import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, hashOf } from '../../../control-plane/domain/canonical-json.js';

describe('canonical JSON', () => {
  const values = fc.jsonValue({ stringUnit: 'binary' });
  /** Few and easy to mistake for each other, so that equal ones come up too. */
  const { alike } = fc.letrec((tie) => ({
    text: fc.constantFrom('', '"', ',', '1', 'null', '{}', '[]', 'a', '","'),
    alike: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      fc.constantFrom(null, true, 1, 11, 'null', 'true', '1', '', ',', '"'),
      fc.array(tie('alike'), { maxLength: 2 }),
      fc.dictionary(tie('text') as fc.Arbitrary<string>, tie('alike'), { maxKeys: 2 }),
    ),
  }));

  it('is JSON that says the same', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), values), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson({ a: [turned] })).toBe(canonicalJson({ a: [value] }));
      }),
    );
  });

  it('differs where the values do', () => {
    fc.assert(
      fc.property(alike, alike, (a, b) => {
        const isSame = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(isSame);
        expect(hashOf(a).equals(hashOf(b))).toBe(isSame);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [{ b: 1, a: 2, '€': 3, '\r': 4, '1': 5 }, '{"\\r":4,"1":5,"a":2,"b":1,"€":3}'],
    [{ a: undefined, b: null }, '{"b":null}'],
    [
      [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27, -0],
      '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
    ],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [{ bytes: Buffer.of(0, 255) }, '{"bytes":"00ff"}'],
    [new Uint8Array([1]), '"01"'],
    [2n ** 63n, '"9223372036854775808"'],
    ['\ud800 \u0000 "', '"\\ud800 \\u0000 \\""'],
    [JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
    [Object.create(null), '{}'],
  ])('of %p is %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
    expect(hashOf(value)).toEqual(createHash('sha256').update(text).digest());
  });

  it.each([
    ['NaN', Number.NaN],
    ['infinity', { a: Number.POSITIVE_INFINITY }],
    ['nothing at all', undefined],
    ['nothing in a list', [undefined]],
    ['a hole in a list', new Array(1)],
    ['a function', { a: () => 1 }],
    ['a symbol', Symbol('a')],
    ['a map', new Map([[1, 2]])],
    ['a set', new Set([1])],
    ['an error', new Error('a')],
    ['a list of 16-bit numbers', new Uint16Array(1)],
    ['a Date of no time', new Date(Number.NaN)],
  ])('is refused for %s, which would lose something', (_what, value) => {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});

/** Another way to the same end: objects as lists of their entries in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, entry]) => [key, sorted(entry)] as const);
  return { sorted: entries.sort(([a], [b]) => (a < b ? -1 : 1)) };
}
