import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodePolicy } from '../../../proto/ts/policy/canonical.js';
import { formatPolicy } from '../../../proto/ts/policy/format.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { LIMITS } from '../../../proto/ts/wire/limits.js';
import { layouts, models, strewn } from './strewn-documents.js';

const format = (text: string): string => {
  const result = formatPolicy(text);
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join());
  return result.text;
};
const codes = (text: string): string[] => {
  const result = formatPolicy(text);
  return result.ok ? [] : result.problems.map(({ code }) => code);
};

/** A selector's condition as it stands in a formatted document, and as it is written. */
const condition = (text: string): string =>
  `process:\n  selectors:\n    - name: a\n${text.replace(/^(?=.)/gm, '      ')}`;

describe('formatPolicy', () => {
  it.each([
    {
      title: 'orders keys, indents by two, drops quotes, joins short lists',
      text: `unknownContainer: "allow"
process:
    responses:
    -   actions:
          - "log"
          - 'alert'
        match: [ "a" ]
    selectors:
    - "operation" : ['exec']
      name:  'a'
      processExecutable: ["/bin/sh", '/{a,b}']
      containerPrivileged: true
version: 1.0.0
`,
      expected: `version: 1.0.0
process:
  selectors:
    - name: a
      operation: [exec]
      containerPrivileged: true
      processExecutable: [/bin/sh, "/{a,b}"]
  responses:
    - match: [a]
      actions: [log, alert]
unknownContainer: allow
`,
    },
    {
      title: 'writes flow style and JSON in block style',
      text: '{"process": {"selectors": [{"operation": ["exec"], "name": "a"}, {"name": "true"}], "responses": []}}',
      expected: `process:
  selectors:
    - name: a
      operation: [exec]
    - name: "true"
  responses: []
`,
    },
    {
      title: 'keeps comments where they belong when keys move',
      text: `# Policy of the shop

# what runs
process: # now
    # who answers
    responses: # r
    # one
    - actions: [log] # only log
      # what
      match: [a] # m
      # exclude: [b]
    # the selectors
    selectors:
    # shells
    - # too
      operation: [exec]
      # its name
      name: a
      # processName: [zsh]

    - name: b
# the version
version: 1
# bye
`,
      expected: `# Policy of the shop

# the version
version: 1

# what runs
process: # now
  # the selectors
  selectors:
    # shells
    # too
    # its name
    - name: a
      operation: [exec]
      # processName: [zsh]

    - name: b
  # who answers
  responses: # r
    # one
    # what
    - match: [a] # m
      actions: [log] # only log
      # exclude: [b]
# bye
`,
    },
    {
      title: 'keeps comments of lists, in block style',
      text: 'a: [ # head\n  x, # of x\n  # above y\n  y # of y\n  # tail\n] # behind\nb:\n# above z\n- z\n',
      expected:
        '# head\na: # behind\n  - x # of x\n  # above y\n  - y # of y\n  # tail\nb:\n  # above z\n  - z\n',
    },
    {
      title: 'keeps one blank line of several, and none at the ends',
      text: '\n\nprocess:\n\n\n  selectors:\n\n    - name: a\n\n\n\n    # c\n\n    - name: b\n\n\n',
      expected: 'process:\n  selectors:\n    - name: a\n\n    # c\n\n    - name: b\n',
    },
    {
      title: 'writes LF, a last line break, and no byte order mark',
      text: '\ufeff# c\r\nprocess:\r\n  selectors: # d',
      expected: '# c\nprocess:\n  selectors: # d\n',
    },
    {
      title: 'keeps what no policy has',
      text: '%YAML 1.2\n---\n? [a, b]\n: - - x\n    - y: {}\nunknown: [{b: 1, a: 2}]\nname: x\noperation: y\nlong: "a\\nb"\ntag: !!str 1\n...\n',
      expected:
        '%YAML 1.2\n---\n? [a, b]\n: - - x\n    - y: {}\nunknown:\n  - b: 1\n    a: 2\nname: x\noperation: y\nlong: |-\n  a\n  b\ntag: !!str 1\n',
    },
    {
      title: 'keeps anchors, aliases and merge keys',
      text: 'process:\n  selectors:\n    - &a\n      operation: &o [exec]\n      name: a\n    - {name: b, <<: *a, processName: *o}\n',
      expected:
        'process:\n  selectors:\n    - &a\n      name: a\n      operation: &o [exec]\n    - <<: *a\n      name: b\n      processName: *o\n',
    },
    {
      title: 'keeps an order that aliases need',
      text: 'process:\n  responses: &r\n    - actions: &l [log]\n      match: *l\n      exclude: [x]\n  selectors: *r\nfile:\n  responses: *r\n  selectors: [{name: x, operation: &l [a]}]\n',
      expected:
        'process:\n  responses: &r\n    - actions: &l [log]\n      match: *l\n      exclude: [x]\n  selectors: *r\nfile:\n  selectors:\n    - name: x\n      operation: &l [a]\n  responses: *r\n',
    },
    {
      title: 'keeps an order in which an anchor is defined again',
      text: 'process:\n  responses:\n    - match: &x [a]\n  selectors:\n    - name: a\n      operation: &x [exec]\n    - name: b\n      operation: *x\n',
      expected:
        'process:\n  responses:\n    - match: &x [a]\n  selectors:\n    - name: a\n      operation: &x [exec]\n    - name: b\n      operation: *x\n',
    },
    {
      title: 'a text in which # begins no comment',
      text: '--- |\n# a\nb\n',
      expected: '|\n  # a\n  b\n',
    },
    { title: 'an empty document', text: '\n', expected: '' },
    { title: 'only comments', text: '\n# a\n\n\n#b  \n', expected: '# a\n\n#b\n' },
  ])('$title', ({ text, expected }) => {
    expect(format(text)).toBe(expected);
    expect(format(expected)).toBe(expected);
  });

  it('writes a list in flow style as long as the line has 100 columns', () => {
    const values = (length: number): string => `[${'a'.repeat(50)}, ${'b'.repeat(length)}]`;
    const fits = condition(`processName: ${values(26)}\n`);
    expect(fits.split('\n').at(-2)).toHaveLength(99);
    expect(format(fits)).toBe(fits);
    const full = condition(`processName: ${values(27)}\n`);
    expect(format(full)).toBe(full);
    const block = condition(`processName:\n  - ${'a'.repeat(50)}\n  - ${'b'.repeat(28)}\n`);
    expect(format(condition(`processName: ${values(28)}\n`))).toBe(block);
    expect(format(block)).toBe(block);
  });

  it.each([
    ['"exec"', 'exec'],
    ["'a b'", 'a b'],
    ['"1000-1999"', '1000-1999'],
    ['"true"', '"true"'],
    ["'12'", '"12"'],
    ['"0x1F"', '"0x1F"'],
    ['"1e3"', '"1e3"'],
    ['"Null"', '"Null"'],
    ['"~"', '"~"'],
    ['"yes"', '"yes"'],
    ['yes', 'yes'],
    ['"2024-01-31"', '"2024-01-31"'],
    ['""', '""'],
    ["'*'", '"*"'],
    ["'a: b'", '"a: b"'],
    ["'a #b'", '"a #b"'],
    ["'it''s'", "it's"],
    ['"a\\"b"', 'a"b'],
    ["'\"a'", "'\"a'"],
    ["'\\*'", '\\*'],
    ['"a\\tb"', 'a\tb'],
    ['"\\x07"', '"\\u0007"'],
    ['"<<"', '"<<"'],
    ['>-\n  a\n  b', 'a b'],
    ['| # c\n  a\n\n  b\n', '| # c\n  a\n\n  b'],
    ['"a\\n\\n"', '"a\\n\\n"'],
    ['"a\n  b"', 'a b'],
    ['0x10', '0x10'],
    ['~', '~'],
  ])('writes %s as %s', (value, expected) => {
    expect(format(condition(`containerImageTag: ${value}\n`))).toBe(
      condition(`containerImageTag: ${expected}\n`),
    );
  });

  it.each([
    ['POLICY_YAML_SYNTAX', 'a: [\n'],
    ['POLICY_YAML_SYNTAX', 'a: 1\n---\nb: 2\n'],
    ['POLICY_YAML_SYNTAX', 'a: *b\n'],
    ['POLICY_TOO_DEEP', '['.repeat(100)],
    ['POLICY_TOO_LARGE', `#${'x'.repeat(LIMITS.policyDocumentBytes)}\n`],
    ['POLICY_NOT_UTF8', 'a: \u0007\n'],
    // Indented by two it would be larger.
    ['POLICY_TOO_LARGE', `a: |\n${' b\n'.repeat(80_000)}`],
  ])('refuses: %s', (code, text) => {
    expect(codes(text)).toContain(code);
  });

  it('refuses no invalid policy', () => {
    expect(codes('process: {selectors: 1, selectors: x, foo: [bar]}\n')).toEqual([]);
  });
});

describe('of documents with comments anywhere', () => {
  const comments = (text: string): string[] => (text.match(/# (?:above|beside) \d+/g) ?? []).sort();
  const bytes = (text: string): Uint8Array | undefined => {
    const { policy } = parsePolicy(text);
    return policy && encodePolicy(policy);
  };

  it('formatting keeps the meaning and every comment, and is done once', () => {
    fc.assert(
      fc.property(models, layouts(true), (model, layout) => {
        const text = strewn(model, layout);
        const formatted = format(text);
        expect(bytes(formatted)).toEqual(bytes(JSON.stringify(model)));
        expect(comments(formatted)).toEqual(comments(text));
        expect(format(formatted)).toBe(formatted);
      }),
      { numRuns: 300 },
    );
  });

  it('one model has one layout, but for comments and blank lines', () => {
    fc.assert(
      fc.property(models, layouts(false), (model, layout) => {
        const bare = (text: string): string =>
          format(text.replace(/ *# (?:above|beside) \d+/g, '')).replace(/\n+/g, '\n');
        expect(bare(strewn(model, layout))).toBe(bare(JSON.stringify(model)));
      }),
      { numRuns: 200 },
    );
  });
});

describe('of anything that YAML reads', () => {
  const words = [
    ...['process', 'selectors', 'name', 'a', ': ', ':', '- ', '\n', '\n  ', '\n    ', '\n- '],
    ...['[', ']', '{', '}', ', ', '&a ', '*a ', '<<', '"x y"', "'true'", ' # c', '\n# d', '|\n'],
    ...['\n      # f', '? ', '!!str ', '---\n', '\r\n', '"q\\n"', '~', '- a: b', '>-\n', '\t'],
  ];

  it('formatting is done once', () => {
    let formattedOnes = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 20 }), (parts) => {
        const result = formatPolicy(parts.join(''));
        if (!result.ok) return;
        formattedOnes += 1;
        expect(format(result.text)).toBe(result.text);
      }),
      { numRuns: 3000 },
    );
    expect(formattedOnes).toBeGreaterThan(500);
  });
});
