import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { splitDocuments } from '../../../../control-plane/cli/apply/documents.js';

describe('splitDocuments', () => {
  it('tells where each begins, and leaves out what is empty', () => {
    expect(splitDocuments('# first\na: 1\n---\n\n# none\n---\nb: 2\n...\n---\nc: 3')).toEqual([
      { text: '# first\na: 1', line: 1 },
      { text: '   \nb: 2', line: 6 },
      { text: '   \nc: 3', line: 9 },
    ]);
  });

  it('takes no --- inside of a line, and what stands behind one', () => {
    expect(splitDocuments('--- {a: 1}\n--- # note\nb: "x ---"\n----\n')).toEqual([
      { text: '    {a: 1}', line: 1 },
      { text: '    # note\nb: "x ---"\n----\n', line: 2 },
    ]);
  });

  it('finds the documents that YAML has', () => {
    const line = fc.constantFrom(
      '---',
      '...',
      'a: 1',
      'b: |',
      '  text',
      '# note',
      '',
      '--- {c: 2}',
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.join('\n');
        const parsed = parseAllDocuments(text);
        const sound = Array.isArray(parsed) && parsed.every(({ errors }) => errors.length === 0);
        fc.pre(sound);
        const found = splitDocuments(text).map((one) => parseAllDocuments(one.text));
        const values = (documents: typeof parsed) =>
          [...documents].map((one) => one.toJS()).filter((value) => value !== null);
        expect(found.flatMap(values)).toEqual(values(parsed));
      }),
    );
  });
});
