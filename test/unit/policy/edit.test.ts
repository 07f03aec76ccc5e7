import { describe, expect, it } from '@jest/globals';
import {
  addResponse,
  addSelector,
  duplicateResponse,
  duplicateSelector,
  type EditResult,
  removeResponse,
  removeSelector,
  renameSelector,
  setCondition,
} from '../../../proto/ts/policy/edit.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { LIMITS } from '../../../proto/ts/wire/limits.js';

const BASE = `# Policy of the shop
process:   # what runs
  selectors:
    # shells
    - name: shells        # interactive
      operation: [ exec ] # only exec
      # processName: [zsh]

    # builds
    - name: "builds"
      kubernetesNamespace:
        - ci-*   # all of them
        - 'build'
  responses:
    - match: [shells, 'builds']   # both
      exclude:
        # never the builds
        - builds
      actions: [log]
# the end
`;
const FLOW = `process: {selectors: [{name: a, operation: [exec]}, {name: b, operation: [fork]}], responses: [{match: [a, b], actions: [log]}]}
`;
const JSON_TEXT = `{
  "process": {
    "selectors": [
      {
        "name": "a",
        "operation": ["exec"]
      }
    ],
    "responses": [
      { "match": ["a"], "actions": ["log"] }
    ]
  }
}
`;

const applied = (result: EditResult): string => {
  if (!result.ok) throw new Error(`${result.reason}: ${result.message}`);
  return result.text;
};
const reasonOf = (result: EditResult): string | undefined =>
  result.ok ? undefined : result.reason;

/** The text after one replacement that must be possible. */
const swap = (text: string, old: string, now: string): string => {
  if (text.split(old).length !== 2) throw new Error(`not once: ${old}`);
  return text.replace(old, () => now);
};
const crlf = (text: string): string => text.replaceAll('\n', '\r\n');

interface Change {
  readonly text: string;
  readonly edit: (text: string) => EditResult;
  readonly expected: string;
}
const check = ({ text, edit, expected }: Change): void => {
  expect(applied(edit(text))).toBe(expected);
  expect(applied(edit(crlf(text)))).toBe(crlf(expected));
};

const NEW = { processName: ['sh', 'true'], name: 'new' } as const;

describe('addSelector', () => {
  const add = (text: string): EditResult => addSelector(text, 'process', NEW);
  const cases: (Change & { readonly title: string })[] = [
    {
      title: 'parts it by a blank line where the others are',
      text: BASE,
      edit: add,
      expected: swap(
        BASE,
        "        - 'build'\n",
        '        - \'build\'\n\n    - name: new\n      processName: [sh, "true"]\n',
      ),
    },
    {
      title: 'goes behind comments that belong to the last selector, before those that do not',
      text: 'process:\n  selectors:\n  - name: a\n    operation: [exec]\n    # processName: [sh]\n  # end\n',
      edit: add,
      expected:
        'process:\n  selectors:\n  - name: a\n    operation: [exec]\n    # processName: [sh]\n  - name: new\n    processName: [sh, "true"]\n  # end\n',
    },
    {
      title: 'in flow style',
      text: FLOW,
      edit: add,
      expected: swap(FLOW, '[fork]}]', '[fork]}, {name: new, processName: [sh, "true"]}]'),
    },
    {
      title: 'in JSON',
      text: JSON_TEXT,
      edit: add,
      expected: swap(
        JSON_TEXT,
        '["exec"]\n      }\n',
        '["exec"]\n      },\n      {"name": "new", "processName": ["sh", "true"]}\n',
      ),
    },
    {
      title: 'without a list: at the end of the section',
      text: 'process:\n  responses:\n    - match: [new]\n      actions: [log]\nversion: 1\n',
      edit: add,
      expected:
        'process:\n  responses:\n    - match: [new]\n      actions: [log]\n  selectors:\n    - name: new\n      processName: [sh, "true"]\nversion: 1\n',
    },
    {
      title: 'with an empty list',
      text: 'process:\n  selectors: # none\nfile: {selectors: []}\n',
      edit: add,
      expected:
        'process:\n  selectors: # none\n    - name: new\n      processName: [sh, "true"]\nfile: {selectors: []}\n',
    },
    {
      title: 'with an empty list in flow style',
      text: 'process: {selectors: []}\n',
      edit: add,
      expected: 'process: {selectors: [{name: new, processName: [sh, "true"]}]}\n',
    },
    {
      title: 'with an empty section',
      text: 'process:\n',
      edit: add,
      expected: 'process:\n  selectors:\n    - name: new\n      processName: [sh, "true"]\n',
    },
    {
      title: 'without a section: at the end of the document',
      text: 'unknownContainer: allow # c\n# end\n',
      edit: add,
      expected:
        'unknownContainer: allow # c\nprocess:\n  selectors:\n    - name: new\n      processName: [sh, "true"]\n# end\n',
    },
    {
      title: 'to comments without a last line break',
      text: '# mine\n---\n# x\n# y',
      edit: add,
      expected:
        '# mine\n---\n# x\n# y\nprocess:\n  selectors:\n    - name: new\n      processName: [sh, "true"]',
    },
  ];
  it.each(cases)('$title', check);

  it('begins an empty document', () => {
    expect(applied(add(''))).toBe(
      'process:\n  selectors:\n    - name: new\n      processName: [sh, "true"]\n',
    );
  });

  it('writes long lists in block style', () => {
    const processName = Array.from({ length: 12 }, (_, at) => `a-longer-name-${at}`);
    const text = applied(addSelector('', 'process', { name: 'a', processName }));
    expect(text).toContain('      processName:\n        - a-longer-name-0\n');
    expect(text.split('\n').every((line) => line.length <= 100)).toBe(true);
  });

  it('quotes names and values that YAML would read as something else', () => {
    const values = ['1', 'null', 'a: b', '{x}', '# c', 'plain'];
    const text = applied(addSelector('', 'file', { name: 'yes', processName: values }));
    expect(text).toBe(
      'file:\n  selectors:\n    - name: "yes"\n      processName: ["1", "null", "a: b", "{x}", "# c", plain]\n',
    );
  });

  it.each([
    ['bad-name', { name: '-a' }],
    ['bad-name', { name: 'a'.repeat(129) }],
    ['name-taken', { name: 'builds' }],
    ['bad-value', { name: 'a', processName: [] }],
    ['bad-value', { name: 'a', processUserId: Number.NaN }],
    ['bad-value', { name: 'a', processName: ['\ud800'] }],
  ])('refuses: %s', (reason, selector) => {
    expect(reasonOf(addSelector(BASE, 'process', selector))).toBe(reason);
  });
});

describe('addResponse', () => {
  const response = { actions: ['alert'], match: ['shells'], exclude: undefined };
  it('goes behind the last one', () => {
    check({
      text: BASE,
      edit: (text) => addResponse(text, 'process', response),
      expected: swap(
        BASE,
        '      actions: [log]\n',
        '      actions: [log]\n    - match: [shells]\n      actions: [alert]\n',
      ),
    });
  });

  it('goes into its own line where the others have one', () => {
    check({
      text: JSON_TEXT,
      edit: (text) => addResponse(text, 'process', response),
      expected: swap(
        JSON_TEXT,
        '["log"] }\n',
        '["log"] },\n      {"match": ["shells"], "actions": ["alert"]}\n',
      ),
    });
  });
});

describe('renameSelector', () => {
  it('changes the name and every reference in its section, and nothing else', () => {
    const expected = BASE.replace('name: "builds"', 'name: "ci"')
      .replace("'builds']", "'ci']")
      .replace('- builds', '- ci');
    check({
      text: BASE,
      edit: (text) => renameSelector(text, 'process', 'builds', 'ci'),
      expected,
    });
  });

  it('leaves the other section and values that read the same alone', () => {
    const text =
      'process:\n  selectors: [{name: a, processName: [a]}]\n  responses: [{match: [a, "a"], actions: [log]}]\nfile:\n  selectors: [{name: a, processName: [a]}]\n  responses: [{match: [a], actions: [log]}]\n';
    expect(applied(renameSelector(text, 'process', 'a', 'b'))).toBe(
      text.replace(
        '{name: a, processName: [a]}]\n  responses: [{match: [a, "a"]',
        () => '{name: b, processName: [a]}]\n  responses: [{match: [b, "b"]',
      ),
    );
  });

  it.each(['true', '12', 'null', 'yes', '1e3', '0x1f', 'N'])('quotes the name %s', (name) => {
    const text = FLOW.replace('name: a', `name: "${name}"`).replace('[a, b]', `["${name}", b]`);
    expect(applied(renameSelector(FLOW, 'process', 'a', name))).toBe(text);
    expect(parsePolicy(text).problems).toEqual([]);
  });

  it('changes an anchored list once', () => {
    const text =
      'process:\n  selectors: [{name: a, operation: [exec]}]\n  responses:\n    - match: &m [a] # x\n      actions: [log]\n    - actions: [alert]\n      match: *m\n';
    expect(applied(renameSelector(text, 'process', 'a', 'b'))).toBe(
      text.replace('name: a', 'name: b').replace('&m [a]', '&m [b]'),
    );
  });

  it('changes an anchored name once', () => {
    const text =
      'process:\n  selectors: [{name: &n a, operation: [exec]}]\n  responses: [{match: [*n], actions: [log]}]\n';
    expect(applied(renameSelector(text, 'process', 'a', 'b'))).toBe(text.replace('&n a', '&n b'));
  });

  it.each([
    ['no-such-selector', BASE, 'x', 'y'],
    ['no-such-selector', '', 'x', 'y'],
    ['name-taken', BASE, 'shells', 'builds'],
    ['bad-name', BASE, 'shells', 'a b'],
    ['not-a-policy', 'process: [', 'a', 'b'],
    ['not-a-policy', 'process: {selectors: x}', 'a', 'b'],
    ['too-large', `# ${'x'.repeat(LIMITS.policyDocumentBytes)}\n`, 'a', 'b'],
    ['shared-by-alias', 'process: {selectors: &s [{name: a}]}\nfile: {selectors: *s}\n', 'a', 'b'],
    [
      'shared-by-alias',
      'process: {selectors: [{name: &n a}]}\nfile: {selectors: [{name: x, processName: [*n]}]}\n',
      'a',
      'b',
    ],
    [
      'shared-by-alias',
      'process: {selectors: [{name: a}], responses: [&r {match: [a]}, {<<: *r, actions: [log]}]}\n',
      'a',
      'b',
    ],
    ['shared-by-alias', 'process: {selectors: [&b {name: a}, {<<: *b, name: c}]}\n', 'a', 'b'],
  ])('refuses: %s', (reason, text, from, to) => {
    expect(reasonOf(renameSelector(text, 'process', from, to))).toBe(reason);
  });
});

describe('removeSelector', () => {
  const remove = (text: string, name: string): EditResult =>
    removeSelector(text, 'process', name, { references: 'remove' });

  it.each([
    {
      title: 'takes its comments along, and its name from the responses',
      text: BASE,
      edit: (text: string) => remove(text, 'shells'),
      expected: BASE.replace(/ {4}# shells[\s\S]*?\n\n/, '').replace(
        "[shells, 'builds']",
        "['builds']",
      ),
    },
    {
      title: 'removes an exclude that becomes empty',
      text: BASE,
      edit: (text: string) => remove(text, 'builds'),
      expected: BASE.replace(/\n {4}# builds[\s\S]*?(?= {2}responses)/, '')
        .replace("[shells, 'builds']", '[shells]')
        .replace(/ {6}exclude:[\s\S]*?- builds\n/, ''),
    },
    {
      title: 'removes responses that match nothing else, then lists and the section',
      text: 'version: 1 # v\n\n# all of it\nprocess:\n  selectors:\n    - name: a\n      operation: [exec]\n  responses:\n    - match: [a]\n      actions: [log]\n',
      edit: (text: string) => remove(text, 'a'),
      expected: 'version: 1 # v\n',
    },
    {
      title: 'removes a response between others',
      text: 'process:\n  selectors:\n    - name: a\n    - name: b\n  responses:\n    - match: [b]\n    # about a\n    - actions: [log]\n      match:\n        - a\n      # more about a\n    # about b\n    - match: [b, a, a]\n',
      edit: (text: string) => remove(text, 'a'),
      expected:
        'process:\n  selectors:\n    - name: b\n  responses:\n    - match: [b]\n    # about b\n    - match: [b]\n',
    },
    {
      title: 'removes the first key of an entry',
      text: 'process:\n  selectors:\n    - name: a\n    - name: b\n  responses:\n    - exclude: [a] # x\n      # about b\n      match: [b]\n',
      edit: (text: string) => remove(text, 'a'),
      expected:
        'process:\n  selectors:\n    - name: b\n  responses:\n    - # about b\n      match: [b]\n',
    },
    {
      title: 'in flow style',
      text: FLOW,
      edit: (text: string) => remove(text, 'a'),
      expected:
        'process: {selectors: [{name: b, operation: [fork]}], responses: [{match: [b], actions: [log]}]}\n',
    },
    {
      title: 'in flow style, the last',
      text: FLOW,
      edit: (text: string) => remove(text, 'b'),
      expected:
        'process: {selectors: [{name: a, operation: [exec]}], responses: [{match: [a], actions: [log]}]}\n',
    },
    {
      title: 'in flow style over lines, with comments',
      text: 'process:\n  selectors: [\n    {name: a}, # about a\n    # about b\n    {name: b} # also b\n  ]\n',
      edit: (text: string) => remove(text, 'b'),
      expected: 'process:\n  selectors: [\n    {name: a} # about a\n  ]\n',
    },
    {
      title: 'in JSON',
      text: JSON_TEXT,
      edit: (text: string) => remove(text, 'a'),
      expected: '{\n}\n',
    },
    {
      title: 'of a document without a last line break',
      text: 'process:\n  selectors:\n    - name: b\n    - name: a # c',
      edit: (text: string) => remove(text, 'a'),
      expected: 'process:\n  selectors:\n    - name: b',
    },
    {
      title: 'that merges another',
      text: 'process:\n  selectors:\n    - &b\n      name: b\n    - <<: *b\n      name: a\n',
      edit: (text: string) => remove(text, 'a'),
      expected: 'process:\n  selectors:\n    - &b\n      name: b\n',
    },
  ])('$title', check);

  it.each([
    ['no-such-selector', BASE, 'x'],
    [
      'shared-by-alias',
      'process:\n  selectors: [{name: a}, {name: b}]\n  responses:\n    - match: &m [a, b]\n    - match: *m\n',
      'a',
    ],
    [
      'shared-by-alias',
      'process:\n  selectors: [{name: a, operation: &o [exec]}, {name: b, operation: *o}]\n',
      'a',
    ],
    ['shared-by-alias', 'process:\n  selectors: [&a {name: a}, {<<: *a, name: b}]\n', 'a'],
    ['shared-by-alias', 'process: &p\n  selectors: [{name: a}]\nfile: *p\n', 'a'],
    ['shared-by-alias', 'x: &x\n  selectors: [{name: a}]\nprocess:\n  <<: *x\n', 'a'],
  ])('refuses: %s', (reason, text, name) => {
    expect(reasonOf(remove(text, name))).toBe(reason);
  });

  it('refuses what a response names, where it is not to touch references', () => {
    const keep = { references: 'refuse' } as const;
    expect(reasonOf(removeSelector(BASE, 'process', 'builds', keep))).toBe('still-referenced');
    const text = 'process:\n  selectors: [{name: a}, {name: b}]\n  responses: [{match: [b]}]\n';
    expect(applied(removeSelector(text, 'process', 'a', keep))).toBe(
      text.replace('{name: a}, ', ''),
    );
  });
});

describe('removeResponse', () => {
  const text =
    'process:\n  selectors:\n    - name: a\n  responses:\n    # one\n    - match: [a]\n      # deeper\n\n    # two\n    - match: [a] # x\n\n    - match: [a]\n      actions: [alert]\n    # end\n';

  it.each([
    ['first', 0, / {4}# one[\s\S]*deeper\n\n/],
    ['middle', 1, /\n {4}# two[\s\S]*# x\n/],
    ['last', 2, /\n {4}- match: \[a\]\n {6}actions: \[alert\]\n/],
  ])('removes the %s one with its comments', (_which, index, gone) => {
    check({
      text,
      edit: (document) => removeResponse(document, 'process', index),
      expected: text.replace(gone, ''),
    });
  });

  it('removes the list with its last one', () => {
    check({
      text: BASE,
      edit: (document) => removeResponse(document, 'process', 0),
      expected: BASE.replace(/ {2}responses:[\s\S]*actions: \[log\]\n/, ''),
    });
  });

  it('of a section whose selectors another one shares', () => {
    const shared =
      'process: {selectors: &s [{name: a}], responses: [{match: [a]}]}\nfile: {selectors: *s}\n';
    expect(applied(removeResponse(shared, 'process', 0))).toBe(
      'process: {selectors: &s [{name: a}]}\nfile: {selectors: *s}\n',
    );
  });

  it.each([-1, 3, 0.5, Number.NaN])('refuses the index %s', (index) => {
    expect(reasonOf(removeResponse(text, 'process', index))).toBe('no-such-response');
    expect(reasonOf(removeResponse(text, 'file', 0))).toBe('no-such-response');
  });
});

describe('duplicating', () => {
  it.each([
    {
      title: 'a selector: behind it, without its comments',
      text: BASE,
      edit: (text: string) => duplicateSelector(text, 'process', 'builds', 'copy'),
      expected: swap(
        BASE,
        "        - 'build'\n",
        "        - 'build'\n\n    - name: \"copy\"\n      kubernetesNamespace:\n        - ci-*\n        - 'build'\n",
      ),
    },
    {
      title: 'a selector that is not the last',
      text: BASE,
      edit: (text: string) => duplicateSelector(text, 'process', 'shells', 'true'),
      expected: swap(
        BASE,
        '# processName: [zsh]\n',
        '# processName: [zsh]\n\n    - name: "true"\n      operation: [ exec ]\n',
      ),
    },
    {
      title: 'a selector in flow style',
      text: FLOW,
      edit: (text: string) => duplicateSelector(text, 'process', 'a', 'c'),
      expected: swap(FLOW, '[exec]}', '[exec]}, {name: c, operation: [exec]}'),
    },
    {
      title: 'a selector with anchors and aliases',
      text: 'process:\n  selectors:\n    - &s\n      name: &n a\n      operation: &o [exec]\n      processName: *n\n    - name: b\n      operation: *o\n',
      edit: (text: string) => duplicateSelector(text, 'process', 'a', 'c'),
      expected:
        'process:\n  selectors:\n    - &s\n      name: &n a\n      operation: &o [exec]\n      processName: *n\n    -\n      name: c\n      operation: [exec]\n      processName: *n\n    - name: b\n      operation: *o\n',
    },
    {
      title: 'a response',
      text: BASE,
      edit: (text: string) => duplicateResponse(text, 'process', 0),
      expected: swap(
        BASE,
        '      actions: [log]\n',
        "      actions: [log]\n    - match: [shells, 'builds']\n      exclude:\n        - builds\n      actions: [log]\n",
      ),
    },
    {
      title: 'a response in JSON',
      text: JSON_TEXT,
      edit: (text: string) => duplicateResponse(text, 'process', 0),
      expected: swap(
        JSON_TEXT,
        '["log"] }\n',
        '["log"] },\n      { "match": ["a"], "actions": ["log"] }\n',
      ),
    },
  ])('$title', check);

  it.each([
    ['no-such-selector', BASE, 'x', 'y'],
    ['name-taken', BASE, 'shells', 'builds'],
    ['bad-name', BASE, 'shells', ''],
    ['shared-by-alias', 'x: &a {name: a}\nprocess: {selectors: [*a]}\n', 'a', 'b'],
    ['shared-by-alias', 'x: &a {name: a}\nprocess: {selectors: [{<<: *a}]}\n', 'a', 'b'],
    [
      'shared-by-alias',
      'x: &x [exec]\nprocess: {selectors: [{name: a, operation: *x, processName: &x [y]}]}\n',
      'a',
      'b',
    ],
  ])('refuses a selector: %s', (reason, text, name, newName) => {
    expect(reasonOf(duplicateSelector(text, 'process', name, newName))).toBe(reason);
  });

  it('refuses a response that is not there', () => {
    expect(reasonOf(duplicateResponse(BASE, 'process', 1))).toBe('no-such-response');
  });
});

describe('setCondition', () => {
  const set =
    (condition: string, value: Parameters<typeof setCondition>[4], name = 'builds') =>
    (text: string): EditResult =>
      setCondition(text, 'process', name, condition, value);
  const namespaces =
    "      kubernetesNamespace:\n        - ci-*   # all of them\n        - 'build'\n";

  it.each([
    {
      title: 'adds a condition behind the others',
      text: BASE,
      edit: set('containerPrivileged', true),
      expected: swap(BASE, namespaces, `${namespaces}      containerPrivileged: true\n`),
    },
    {
      title: 'adds values and takes others away, keeping comments',
      text: BASE,
      edit: set('kubernetesNamespace', ['ci-*', 'a', '1']),
      expected: swap(BASE, "        - 'build'\n", '        - a\n        - "1"\n'),
    },
    {
      title: 'takes the first value away with its comment',
      text: BASE,
      edit: set('kubernetesNamespace', ['build']),
      expected: swap(BASE, '        - ci-*   # all of them\n', ''),
    },
    {
      title: 'writes other values in one line',
      text: BASE,
      edit: set('kubernetesNamespace', ['x', '{y}']),
      expected: swap(BASE, namespaces, '      kubernetesNamespace: [x, "{y}"]\n'),
    },
    {
      title: 'leaves what is there',
      text: BASE,
      edit: set('kubernetesNamespace', ['ci-*', 'build']),
      expected: BASE,
    },
    {
      title: 'removes a condition with its comments',
      text: BASE,
      edit: set('kubernetesNamespace', undefined),
      expected: swap(BASE, namespaces, ''),
    },
    {
      title: 'removes nothing where nothing is',
      text: BASE,
      edit: set('processName', undefined),
      expected: BASE,
    },
    {
      title: 'in a flow list',
      text: BASE,
      edit: set('operation', ['exec', 'load'], 'shells'),
      expected: swap(BASE, '[ exec ]', '[ exec, load ]'),
    },
    {
      title: 'replaces a scalar and keeps its comment',
      text: 'process:\n  selectors:\n    - containerPrivileged: true # c\n      name: a\n',
      edit: set('containerPrivileged', false, 'a'),
      expected: 'process:\n  selectors:\n    - containerPrivileged: false # c\n      name: a\n',
    },
    {
      title: 'removes the first key',
      text: 'process:\n  selectors:\n    - containerPrivileged: true # c\n      name: a\n',
      edit: set('containerPrivileged', undefined, 'a'),
      expected: 'process:\n  selectors:\n    - name: a\n',
    },
    {
      title: 'fills an empty value',
      text: 'process:\n  selectors:\n    - name: a\n      operation: # c\n',
      edit: set('operation', ['exec'], 'a'),
      expected: 'process:\n  selectors:\n    - name: a\n      operation: [exec] # c\n',
    },
    {
      title: 'keeps the comment in the line of the key',
      text: 'process:\n  selectors:\n    - name: a\n      operation: # c\n        - exec\n        - fork # d\n',
      edit: set('operation', ['load'], 'a'),
      expected: 'process:\n  selectors:\n    - name: a\n      operation: [load] # c # d\n',
    },
    {
      title: 'writes an own value over an alias or a merged one',
      text: 'process:\n  selectors:\n    - &a\n      name: a\n      operation: &o [exec]\n    - <<: *a\n      name: b\n      processName: *o\n',
      edit: (text: string) => {
        const first = setCondition(text, 'process', 'b', 'processName', ['sh']);
        return first.ok ? setCondition(first.text, 'process', 'b', 'operation', ['load']) : first;
      },
      expected:
        'process:\n  selectors:\n    - &a\n      name: a\n      operation: &o [exec]\n    - <<: *a\n      name: b\n      processName: [sh]\n      operation: [load]\n',
    },
    {
      title: 'in JSON',
      text: JSON_TEXT,
      edit: set('processName', ['sh'], 'a'),
      expected: swap(JSON_TEXT, '["exec"]\n', '["exec"],\n        "processName": ["sh"]\n'),
    },
  ])('$title', check);

  it.each<[string, string, string, Parameters<typeof setCondition>[4]]>([
    ['no-such-selector', 'process: {}\n', 'operation', ['exec']],
    ['bad-value', 'process: {selectors: [{name: builds}]}\n', 'name', 'x'],
    ['bad-value', 'process: {selectors: [{name: builds}]}\n', '<<', 'x'],
    ['bad-value', 'process: {selectors: [{name: builds}]}\n', 'processName', []],
    [
      'shared-by-alias',
      'process: {selectors: [{name: builds, operation: &o [exec]}, {name: b, operation: *o}]}\n',
      'operation',
      ['load'],
    ],
    [
      'shared-by-alias',
      'process: {selectors: [&b {name: builds, operation: [exec]}, {<<: *b, name: b}]}\n',
      'operation',
      ['load'],
    ],
    [
      'shared-by-alias',
      'process: {selectors: [&b {name: b, operation: [exec]}, {<<: *b, name: builds}]}\n',
      'operation',
      undefined,
    ],
    ['not-a-policy', 'process: {selectors: [{name: builds, a: 1, a: 2}]}\n', 'a', undefined],
  ])('refuses: %s', (reason, text, condition, value) => {
    expect(reasonOf(set(condition, value)(text))).toBe(reason);
  });
});

describe('an edit', () => {
  it('refuses to make a document too large', () => {
    const text = `process: {selectors: [{name: a}]}\n#${'x'.repeat(LIMITS.policyDocumentBytes - 40)}\n`;
    expect(reasonOf(addSelector(text, 'process', { name: 'b' }))).toBe('too-large');
  });

  it('refuses hostile documents', () => {
    const texts = [
      '['.repeat(200_000),
      '- '.repeat(100_000),
      `a: &a [1]\nb: [${'*a,'.repeat(80_000)}]`,
    ];
    for (const text of texts) {
      expect(addSelector(text, 'process', { name: 'b' }).ok).toBe(false);
    }
  });
});
