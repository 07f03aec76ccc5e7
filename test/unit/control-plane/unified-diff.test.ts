import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { unifiedDiff } from '../../../control-plane/domain/unified-diff.js';

/** What a patch makes of a text, after every line that it keeps or removes was found there. */
function patched(before: string, patch: string): string {
  const old = before.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const now: string[] = [];
  const lines = patch.match(/[^\n]*\n/g) ?? [];
  let at = 0;
  lines.forEach((line, index) => {
    if (index < 2 || line.startsWith('\\')) return;
    const [, from, length = '1'] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? [];
    if (from !== undefined) {
      const start = length === '0' ? Number(from) : Number(from) - 1;
      now.push(...old.slice(at, start));
      at = start;
      return;
    }
    const ended = lines[index + 1]?.startsWith('\\') ? line.slice(1, -1) : line.slice(1);
    if (line.startsWith('+')) now.push(ended);
    else {
      expect(old[at]).toBe(ended);
      at += 1;
      if (line.startsWith(' ')) now.push(ended);
    }
  });
  return [...now, ...old.slice(at)].join('');
}

const changedLines = (patch: string) =>
  patch.split('\n').filter((line) => /^[+-](?!(--|\+\+) )/.test(line)).length;

describe('unifiedDiff', () => {
  it('is empty where nothing differs', () => {
    expect(unifiedDiff('f', 'a\n', 'a\n')).toBe('');
  });

  it('shows three lines around a change', () => {
    const before = 'a\nb\nc\nd\ne\nf\ng\nh\n';
    expect(unifiedDiff('f.yaml', before, before.replace('e', 'E'))).toBe(
      '--- f.yaml\n+++ f.yaml\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n',
    );
  });

  it('has a hunk for each place', () => {
    const before = Array.from({ length: 30 }, (_, at) => `${at}\n`).join('');
    const after = before.replace('\n2\n', '\ntwo\n').replace('\n27\n', '\n');
    expect(unifiedDiff('f', before, after).match(/^@@ .*$/gm)).toEqual([
      '@@ -1,6 +1,6 @@',
      '@@ -25,6 +25,5 @@',
    ]);
  });

  it.each([
    ['', 'a\n', '@@ -0,0 +1 @@\n+a\n'],
    ['a\n', '', '@@ -1 +0,0 @@\n-a\n'],
    ['a', 'a\n', '@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n'],
  ])('%j to %j', (before, after, hunks) => {
    expect(unifiedDiff('f', before, after)).toBe(`--- f\n+++ f\n${hunks}`);
  });

  const lines = (letters: string) =>
    fc
      .tuple(fc.array(fc.constantFrom(...letters), { maxLength: 40 }), fc.boolean())
      .map(([list, ended]) => list.join('\n') + (ended && list.length > 0 ? '\n' : ''));

  it('makes the one text of the other', () => {
    fc.assert(
      fc.property(lines('abc'), lines('abc'), (before, after) => {
        expect(patched(before, unifiedDiff('f', before, after))).toBe(after);
      }),
    );
  });

  it('changes as few lines as can be', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }),
        fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }),
        (before, after) => {
          const text = (list: string[]) => list.map((line) => `${line}\n`).join('');
          const patch = unifiedDiff('f', text(before), text(after));
          const kept = longestCommon(before, after);
          expect(changedLines(patch)).toBe(before.length + after.length - 2 * kept);
        },
      ),
    );
  });

  it('takes texts that have nothing in common, however long', () => {
    const before = Array.from({ length: 20_000 }, (_, at) => `a${at}\n`).join('');
    const after = before.replaceAll('a', 'b');
    const startedAt = performance.now();
    const patch = unifiedDiff('f', before, after);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(patched(before, patch)).toBe(after);
  });
});

function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const one of a) {
    const next = [0];
    b.forEach((other, at) => {
      const both = (row[at] ?? 0) + (one === other ? 1 : 0);
      next.push(Math.max(both, row[at + 1] ?? 0, next[at] ?? 0));
    });
    row = next;
  }
  return row[b.length] ?? 0;
}
