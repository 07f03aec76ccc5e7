import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { formatProblem, MAX_PROBLEMS, PROBLEM_CODES } from '../../../proto/ts/policy/problems.js';
import { LIMITS } from '../../../proto/ts/wire/limits.js';
import { withConditions, withResponse } from './documents.js';

const GOOD = `version: 1.0.0   # kept by people
process:
  selectors:
    - name: drifted
      operation: [exec]
      executableOrigin: [writable, memory]
    - name: buildPods
      containerImageName: [kaniko]
  responses:
    - match: [drifted]
      exclude: [buildPods]
      actions: [alert, block]
`;
describe('a policy that is accepted', () => {
  it('comes out normalised', () => {
    expect(parsePolicy(GOOD)).toMatchObject({
      policy: {
        process: {
          selectors: [
            {
              name: 'buildPods',
              operations: ['fork', 'exec'],
              executableOrigins: [],
              texts: { containerImageName: ['kaniko'] },
              flags: {},
              userIds: [],
              capabilities: [],
            },
            {
              name: 'drifted',
              operations: ['exec'],
              executableOrigins: ['writable', 'memory'],
              texts: {},
              flags: {},
              userIds: [],
              capabilities: [],
            },
          ],
          responses: [{ match: [1], exclude: [0], actions: ['alert', 'block'] }],
        },
        unknownContainer: 'allow',
      },
      problems: [],
    });
  });

  it('says where selectors and responses stand', () => {
    const twice = `${GOOD}    - match: [buildPods, drifted]\n      actions: [log]\n`;
    const { places } = parsePolicy(twice);
    expect(places?.process?.selectors.get('drifted')).toEqual({
      line: 4,
      column: 7,
      path: 'process.selectors[0]',
    });
    // In the order of the normalised policy, which is that of the names.
    expect(places?.process?.responses.map(({ line, path }) => [line, path])).toEqual([
      [13, 'process.responses[1]'],
      [10, 'process.responses[0]'],
    ]);
  });

  it.each([
    ['as bytes', new TextEncoder().encode(GOOD)],
    ['with a byte order mark', `\ufeff${GOOD}`],
    ['with CRLF', GOOD.replaceAll('\n', '\r\n')],
    [
      'as JSON',
      JSON.stringify({
        process: {
          selectors: [{ name: 'a', operation: ['fork'] }],
          responses: [{ match: ['a'], actions: ['log'] }],
        },
      }),
    ],
    ['with a numeric version', GOOD.replace('1.0.0', '1.0')],
    ['with unknownContainer', `${GOOD}unknownContainer: enforce\n`],
    [
      'with anchors',
      'process:\n  selectors: [&s {name: a, operation: &o [exec]}, {name: b, operation: *o}]\n  responses: [{match: &m [a, b], actions: [log]}, {match: *m, actions: [alert]}]\n',
    ],
    [
      'with merge keys',
      'process:\n  selectors:\n    - &a {name: a, operation: [exec], executableOrigin: [memory]}\n    - {<<: *a, name: b}\n  responses: [{match: [a, b], actions: [alert, block]}]\n',
    ],
    ['with a registry port', withConditions('containerImageFullName: ["localhost:5000/team/a_b"]')],
    ['with an IPv6 registry', withConditions('containerImageFullName: ["[::1]:5000/api"]')],
  ])('%s', (_what, source) => {
    expect(parsePolicy(source).problems).toEqual([]);
  });
});

describe('a policy that is refused', () => {
  it.each<[keyof typeof PROBLEM_CODES, string, string, string | Uint8Array]>([
    ['POLICY_TOO_LARGE', '1:1', '', `# ${'x'.repeat(LIMITS.policyDocumentBytes)}`],
    ['POLICY_NOT_UTF8', '1:1', '', Uint8Array.from([0x61, 0x3a, 0xff])],
    ['POLICY_NOT_UTF8', '1:1', '', 'a: \ud800'],
    ['POLICY_NOT_UTF8', '2:3', '', '# a\n# \0\n'],
    ['POLICY_TOO_DEEP', '1:65', '', '['.repeat(1000)],
    ['POLICY_YAML_SYNTAX', '1:4', '', 'a: b: c'],
    ['POLICY_YAML_SYNTAX', '2:4', '', '---\n---\n'],
    ['POLICY_YAML_SYNTAX', '1:10', '', 'process: *nowhere'],
    ['POLICY_YAML_SYNTAX', '1:10', '', 'process: !!set {a}'],
    ['POLICY_DUPLICATE_KEY', '3:1', 'version', 'version: 1\nunknownContainer: allow\nversion: 2\n'],
    ['POLICY_ALIAS_LIMIT', '2:14', '', 'process: &a\n  selectors: *a'],
    ['POLICY_WRONG_TYPE', '1:1', '', '[]'],
    ['POLICY_WRONG_TYPE', '1:9', 'process', 'process:'],
    [
      'POLICY_WRONG_TYPE',
      '4:18',
      'process.selectors[0].operation',
      withConditions('operation: exec'),
    ],
    [
      'POLICY_WRONG_TYPE',
      '4:28',
      'process.selectors[0].containerImageName[0]',
      withConditions('containerImageName: [3]'),
    ],
    ['POLICY_UNKNOWN_KEY', '1:1', 'proces', 'proces: {}'],
    [
      'POLICY_UNKNOWN_KEY',
      '4:7',
      'process.selectors[0].executableOrigins',
      withConditions('executableOrigins: [memory]'),
    ],
    [
      'POLICY_UNKNOWN_KEY',
      '6:20',
      'process.responses[0].excludes',
      withResponse('{match: [a], excludes: [a], actions: [log]}'),
    ],
    [
      'POLICY_UNKNOWN_KEY',
      '4:7',
      'process.selectors[0].constructor',
      withConditions('constructor: [a]'),
    ],
    [
      'POLICY_WRONG_SECTION',
      '4:7',
      'process.selectors[0].targetFilePath',
      withConditions('targetFilePath: [/etc/**]'),
    ],
    [
      'POLICY_WRONG_SECTION',
      '4:19',
      'process.selectors[0].operation[0]',
      withConditions('operation: [createFile]'),
    ],
    [
      'POLICY_BAD_GLOB',
      '4:27',
      'process.selectors[0].processExecutable[0]',
      withConditions("processExecutable: ['/usr/bin/[']"),
    ],
    [
      'POLICY_RELATIVE_PATH',
      '4:27',
      'process.selectors[0].processExecutable[0]',
      withConditions('processExecutable: [bin/sh]'),
    ],
    [
      'POLICY_BLOCK_WITH_ARGS',
      '1:96',
      'process.responses[0].actions[1]',
      'process: {selectors: [{name: a, processArgs: [-c]}], responses: [{match: [a], actions: [alert, block]}]}',
    ],
    [
      'POLICY_BLOCK_WITHOUT_PATH',
      '1:93',
      'file.responses[0].actions[1]',
      'file: {selectors: [{name: a, processName: [sh]}], responses: [{match: [a], actions: [alert, block]}]}',
    ],
    ['POLICY_MISSING_KEY', '1:1', '', ''],
    [
      'POLICY_MISSING_KEY',
      '2:3',
      'process',
      'process:\n  selectors: [{name: a, operation: [exec]}]',
    ],
    ['POLICY_MISSING_KEY', '6:7', 'process.responses[0]', withResponse('match: [a]')],
    [
      'POLICY_MISSING_KEY',
      '1:24',
      'process.selectors[0]',
      'process: {selectors: [ {operation: [exec]}], responses: [{match: [x], actions: [log]}]}',
    ],
    [
      'POLICY_EMPTY_LIST',
      '6:15',
      'process.responses[0].match',
      withResponse('{match: [], actions: [log]}'),
    ],
    [
      'POLICY_BAD_NAME',
      '1:30',
      'process.selectors[0].name',
      'process: {selectors: [{name: "a b", operation: [exec]}], responses: [{match: [a], actions: [log]}]}',
    ],
    [
      'POLICY_DUPLICATE_NAME',
      '1:59',
      'process.selectors[1].name',
      'process: {selectors: [{name: a, operation: [exec]},{name: a, operation: [exec]}], responses: [{match: [a], actions: [log]}]}',
    ],
    [
      'POLICY_UNKNOWN_VALUE',
      '4:19',
      'process.selectors[0].operation[0]',
      withConditions('operation: [exek]'),
    ],
    [
      'POLICY_UNKNOWN_VALUE',
      '4:26',
      'process.selectors[0].executableOrigin[0]',
      withConditions('executableOrigin: [tmpfs]'),
    ],
    [
      'POLICY_UNKNOWN_VALUE',
      '6:30',
      'process.responses[0].actions[0]',
      withResponse('{match: [a], actions: [kill]}'),
    ],
    ['POLICY_UNKNOWN_VALUE', '1:19', 'unknownContainer', 'unknownContainer: deny'],
    [
      'POLICY_BAD_VALUE',
      '4:32',
      'process.selectors[0].containerImageFullName[0]',
      withConditions('containerImageFullName: [nginx]'),
    ],
    [
      'POLICY_BAD_VALUE',
      '4:28',
      'process.selectors[0].containerImageName[0]',
      withConditions('containerImageName: [a/b]'),
    ],
    [
      'POLICY_BAD_VALUE',
      '4:28',
      'process.selectors[0].containerImageName[0]',
      withConditions("containerImageName: ['']"),
    ],
    [
      'POLICY_VALUE_TOO_LONG',
      '4:28',
      'process.selectors[0].containerImageName[0]',
      withConditions(`containerImageName: [${'a'.repeat(512)}]`),
    ],
    [
      'POLICY_EXCLUSIVE_CONDITIONS',
      '5:7',
      'process.selectors[0].containerImageName',
      withConditions('containerImageFullName: [r.io/a]\n      containerImageName: [a]'),
    ],
    ['POLICY_NO_CONDITION', '3:7', 'process.selectors[0]', withConditions('')],
    [
      'POLICY_UNKNOWN_SELECTOR',
      '6:16',
      'process.responses[0].match[0]',
      withResponse('{match: [b], actions: [log]}'),
    ],
    [
      'POLICY_BLOCK_WITHOUT_ALERT',
      '6:30',
      'process.responses[0].actions[0]',
      withResponse('{match: [a], actions: [block]}'),
    ],
    [
      'POLICY_LIMIT',
      '2:3',
      'process',
      `process:\n  selectors: [${'{name: a, operation: [exec]},'.repeat(1024)}]\n  responses: [{match: [a], actions: [log]}]`,
    ],
    [
      'POLICY_LIMIT',
      '4:8220',
      'process.selectors[0].containerImageName[4096]',
      withConditions(`containerImageName: [${'a,'.repeat(5000)}]`),
    ],
  ])('%s at %s %s', (code, place, path, source) => {
    const { policy, problems } = parsePolicy(source);
    expect(policy).toBeUndefined();
    const found = problems.map(({ code: one, line, column, path: at }) => [
      one,
      `${line}:${column}`,
      at,
    ]);
    expect(found).toContainEqual([code, place, path]);
  });

  it('with every problem at once, in order, each with a hint where there is one', () => {
    const source = `proces: {}\nprocess:\n  selectors:\n    - {name: a, operatoin: [exec]}\n  responses:\n    - {match: [b], actions: [block]}\n`;
    const lines = parsePolicy(source).problems.map((problem) => formatProblem('p.yaml', problem));
    expect(lines).toEqual([
      'p.yaml:1:1: error POLICY_UNKNOWN_KEY: a policy has no key proces (did you mean process?)',
      'p.yaml:4:14: warning POLICY_UNUSED_SELECTOR: no response names the selector a',
      'p.yaml:4:17: error POLICY_UNKNOWN_KEY: a process selector has no key operatoin (did you mean operation?)',
      'p.yaml:6:16: error POLICY_UNKNOWN_SELECTOR: this section has no selector b (did you mean a?)',
      'p.yaml:6:30: error POLICY_BLOCK_WITHOUT_ALERT: block needs alert beside it (add alert)',
    ]);
  });

  it('in the selectors too where the section has no responses', () => {
    const source = 'process:\n  selectors:\n    - {name: a, operatoin: [exec]}\n';
    const codes = parsePolicy(source).problems.map(({ code }) => code);
    expect(codes).toEqual(['POLICY_MISSING_KEY', 'POLICY_UNKNOWN_KEY']);
  });

  it('also when more problems than are listed stand before the error', () => {
    const names = Array.from({ length: 400 }, (_, at) => `{name: s${at}, operation: [exec]}`);
    const source = `process:\n  selectors: [${names.join(',')}]\n  responses: [{match: [s0], actions: [log]}]\n`;
    const warned = parsePolicy(source);
    expect(warned.policy).toBeDefined();
    expect(warned.problems).toHaveLength(MAX_PROBLEMS + 1);
    expect(parsePolicy(`${source}zzz: 1\n`).policy).toBeUndefined();
  });
});

describe('the list of codes', () => {
  it('stands in the README with the same words', () => {
    const readme = readFileSync(
      new URL('../../../proto/ts/policy/README.md', import.meta.url),
      'utf8',
    );
    for (const [code, meaning] of Object.entries(PROBLEM_CODES)) {
      expect(readme).toContain(`| \`${code}\` | ${meaning} |`);
    }
  });
});
