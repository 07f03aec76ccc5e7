import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import { printJsonSafely, printYamlSafely } from '../../../../control-plane/cli/api/formats.js';
import { tableLines } from '../../../../control-plane/cli/api/table.js';

const TABLE = {
  titles: ['NAME', 'LABELS'],
  rows: [
    ['a', 'env=prod'],
    ['a longer name', '-'],
  ],
};
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

describe('tableLines', () => {
  it('aligns columns, with titles or without', () => {
    expect(tableLines(TABLE, true, undefined)).toEqual([
      'NAME            LABELS',
      'a               env=prod',
      'a longer name   -',
    ]);
    expect(tableLines(TABLE, false, undefined)[0]).toBe('a               env=prod');
  });

  it('fits a terminal by cutting the widest column', () => {
    const table = { titles: ['ID', 'TITLE'], rows: [['12345678', 'x'.repeat(200)]] };
    const [head, row] = tableLines(table, true, 40);
    expect(head).toBe('ID         TITLE');
    expect(row).toBe(`12345678   ${'x'.repeat(28)}…`);
  });

  it('is never wider than a terminal that has room for its columns', () => {
    const cell = fc.string({ maxLength: 60, unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell)),
        fc.integer({ min: 30, max: 200 }),
        (rows, width) => {
          for (const line of tableLines({ titles: ['A', 'B', 'C'], rows }, true, width)) {
            expect(line.length).toBeLessThanOrEqual(width);
          }
        },
      ),
    );
  });

  it('counts what is as wide as two', () => {
    const table = { titles: ['A', 'B'], rows: [['界', 'x']] };
    expect(tableLines(table, true, undefined)).toEqual(['A    B', '界   x']);
  });

  it('shows nothing that steers a terminal', () => {
    const rows = [['\u001b[2J\u001b]0;title\u0007', 'a\nb\u009b1m\u202e']];
    const [line] = tableLines({ titles: ['A', 'B'], rows }, false, undefined);
    expect(line).toBe('\\u{1b}[2J\\u{1b}]0;title\\u{7}   a\\u{a}b\\u{9b}1m\\u{202e}');
  });
});

describe('JSON and YAML for a terminal', () => {
  const value = fc.record({
    items: fc.array(
      fc.record({
        name: fc.string({ unit: 'binary' }),
        note: fc.constant('a\u009b\u202e\u{e0001}\nb'),
      }),
    ),
  });
  const printed = async (print: typeof printYamlSafely | typeof printJsonSafely, what: unknown) => {
    let text = '';
    const write = (more: string) => {
      text += more;
    };
    await print({ isTerminal: true, columns: 80, write }, what);
    return text;
  };

  it.each([
    ['JSON', printJsonSafely, (text: string): unknown => JSON.parse(text)],
    ['YAML', printYamlSafely, (text: string): unknown => parse(text)],
  ] as const)('%s means the same, and steers nothing', async (_name, print, read) => {
    await fc.assert(
      fc.asyncProperty(value, async (what) => {
        const text = await printed(print, what);
        expect(read(text)).toEqual(what);
        expect(UNSEEN.test(text.replaceAll(/[\n\t]/g, ''))).toBe(false);
      }),
    );
  });
});
