import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  EVENT_KEYS,
  eventToJson,
  readEvent,
} from '../../../control-plane/cli/policy/read-event.js';
import { FACT_KEYS, factsToJson, readFacts } from '../../../control-plane/cli/policy/read-facts.js';
import {
  readSideDocument,
  type SideDocument,
} from '../../../control-plane/cli/policy/side-document.js';
import type { PathBytes, PolicyEvent } from '../../../proto/ts/policy/event.js';
import { formatProblem } from '../../../proto/ts/policy/problems.js';
import { MAX_USER_ID } from '../../../proto/ts/policy/user-ids.js';
import { ROOT } from '../../support/sources.js';
import { events, knownFacts } from '../policy/reference/worlds.js';

function read<T>(text: string, from: (document: SideDocument) => T | undefined) {
  const { value, problems } = readSideDocument(new TextEncoder().encode(text), from);
  return { value, problems: problems.map((problem) => formatProblem('e', problem)) };
}

const asEvent = (document: SideDocument) => {
  const fields = document.fields(document.root, 'an event', EVENT_KEYS);
  return fields && readEvent(document, document.root, fields);
};
const asFacts = (document: SideDocument) => readFacts(document, document.root);

/** The stock of users holds -1 too, which is none. */
const isRealUser = ({ userId = 0 }: PolicyEvent) => userId <= MAX_USER_ID;

/** With its paths as bytes and without what is undefined, so that equal means equal. */
function comparable(event: PolicyEvent): object {
  const bytes = (path: PathBytes | undefined) =>
    typeof path === 'string' ? [...new TextEncoder().encode(path)] : path && [...path];
  const { executable, parentExecutable, targetPath, ...rest } = event;
  const paths = { executable, parentExecutable, targetPath };
  const told = Object.entries(paths).map(([key, path]) => [key, bytes(path)]);
  const named = rest.capabilities === undefined ? undefined : BigInt.asUintN(41, rest.capabilities);
  const all = { ...rest, ...Object.fromEntries(told), capabilities: named };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

describe('an event', () => {
  it('is read with all that it tells', () => {
    const text = `{"operation": ["createFile", "createExecutable"], "executable": "/bin/cp",
      "targetPath": {"base64": "L3RtcC//"}, "targetVolume": "directory", "userId": 4294967294,
      "capabilities": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}`;
    expect(read(text, asEvent)).toEqual({
      problems: [],
      value: {
        operations: ['createFile', 'createExecutable'],
        executable: '/bin/cp',
        targetPath: new Uint8Array([0x2f, 0x74, 0x6d, 0x70, 0x2f, 0xff]),
        targetVolume: 'directory',
        userId: 4294967294,
        capabilities: 0x200001n,
      },
    });
    expect(read('{operation: exec, args: [], interactive: false, origin: null}', asEvent)).toEqual({
      problems: [],
      value: { operations: ['exec'], args: [], interactive: false },
    });
  });

  it('may be YAML', () => {
    const text = 'operation: exec\nargs: [sh, -c]\nexecutable: "/tmp/\\U0001F600"\n';
    expect(read(text, asEvent).value).toEqual({
      operations: ['exec'],
      args: ['sh', '-c'],
      executable: '/tmp/😀',
    });
  });

  it.each([
    ['[]', '1:1: error POLICY_WRONG_TYPE: this is a list, not a mapping'],
    ['', '1:1: error POLICY_WRONG_TYPE: this is empty, not a mapping'],
    ['{', expect.stringMatching(/^1:2: error POLICY_YAML_SYNTAX/)],
    ['{}', '1:1: error POLICY_MISSING_KEY: the event has no operation (add operation)'],
    [
      '{operation: null}',
      '1:1: error POLICY_MISSING_KEY: the event has no operation (add operation)',
    ],
    ['{operation: []}', '1:13: error POLICY_EMPTY_LIST: the list is empty'],
    ['{operation: {}}', '1:13: error POLICY_WRONG_TYPE: this is a mapping, not a string'],
    [
      '{operation: exce}',
      '1:13: error POLICY_UNKNOWN_VALUE: there is no operation exce (did you mean exec?)',
    ],
    [
      '{operation: [exec, openFile]}',
      '1:13: error POLICY_WRONG_SECTION: one act is not both exec and openFile (make it two events)',
    ],
    [
      '{operation: exec, targetPath: /x}',
      '1:31: error POLICY_WRONG_SECTION: exec has no targetPath (the file that runs is its executable)',
    ],
    [
      '{operation: exec, targetVolume: file}',
      '1:33: error POLICY_WRONG_SECTION: exec has no targetVolume',
    ],
    ['{operation: exec, executable: sh}', '1:31: error POLICY_RELATIVE_PATH: a path begins with /'],
    [
      '{operation: exec, executable: [/sh]}',
      '1:31: error POLICY_WRONG_TYPE: this is a list, not a string',
    ],
    [
      '{operation: exec, executable: {base64: "L3R"}}',
      '1:40: error POLICY_BAD_VALUE: this is not base64',
    ],
    [
      '{operation: exec, executable: {}}',
      '1:31: error POLICY_MISSING_KEY: the path has no base64 (add base64)',
    ],
    [
      '{operation: exec, executables: /sh}',
      '1:19: error POLICY_UNKNOWN_KEY: an event has no key executables (did you mean executable?)',
    ],
    [
      '{operation: exec, userId: 4294967295}',
      '1:27: error POLICY_BAD_VALUE: a user id is a number up to 4294967294',
    ],
    [
      '{operation: exec, capabilities: [CAP_SYSADMIN]}',
      '1:34: error POLICY_UNKNOWN_VALUE: there is no capability CAP_SYSADMIN (did you mean CAP_SYS_ADMIN?)',
    ],
    [
      '{operation: exec, interactive: 1}',
      '1:32: error POLICY_WRONG_TYPE: this is a number, not a boolean (write true or false)',
    ],
    [
      '{operation: exec, args: [-c, 1]}',
      '1:30: error POLICY_WRONG_TYPE: this is a number, not a string (put it in quotes)',
    ],
    [
      '{operation: exec, operation: fork}',
      '1:19: error POLICY_DUPLICATE_KEY: the key operation stands here twice',
    ],
    [
      '{args: &a [x], operation: exec, executable: *a}',
      '1:45: error POLICY_WRONG_TYPE: an alias cannot stand here (write it out)',
    ],
  ])('%s is refused', (text, problem) => {
    const expected =
      typeof problem === 'string'
        ? `e:${problem}`
        : expect.stringMatching(/^e:1:2: error POLICY_YAML_SYNTAX/);
    expect(read(text, asEvent).problems).toEqual([expected]);
  });

  it('comes back from its own form', () => {
    fc.assert(
      fc.property(events.filter(isRealUser), (event) => {
        const { value, problems } = read(JSON.stringify(eventToJson(event)), asEvent);
        expect(problems).toEqual([]);
        expect(value && comparable(value)).toEqual(comparable(event));
      }),
    );
  });
});

describe('the README of the command line', () => {
  const readme = readFileSync(join(ROOT, 'control-plane/cli/README.md'), 'utf8');

  it.each([...EVENT_KEYS, ...FACT_KEYS])('names %s', (key) => {
    expect(
      readme.split('\n').some((line) => line.startsWith('| ') && line.includes(`\`${key}\``)),
    ).toBe(true);
  });
});

describe('facts', () => {
  it('that are left out are what the container does not have', () => {
    expect(read('{}', asFacts)).toEqual({
      problems: [],
      value: {
        id: '',
        name: '',
        imageFullName: '',
        imageTag: '',
        imageDigest: '',
        podName: '',
        podNamespace: '',
        podUid: '',
        privileged: false,
        clusterId: '',
        clusterName: '',
        podLabels: {},
        workload: '',
        serviceAccount: '',
        nodeLabels: {},
      },
    });
  });

  it('may be unknown one by one', () => {
    const { value } = read('{unknown: [privileged, podLabels, clusterId], name: a}', asFacts);
    expect(value).toMatchObject({ name: 'a', clusterName: '' });
    for (const key of ['privileged', 'podLabels', 'clusterId'])
      expect(value).not.toHaveProperty(key);
  });

  it('have images in their normal form', () => {
    const nameOf = (name: string) =>
      read(`{imageFullName: "${name}"}`, asFacts).value?.imageFullName;
    expect(nameOf('nginx/unit')).toBe('docker.io/nginx/unit');
    expect(nameOf('index.docker.io/nginx')).toBe('docker.io/library/nginx');
    expect(nameOf('[::1]:5000/x')).toBe('[::1]:5000/x');
  });

  it.each([
    [
      '{podNamespac: x}',
      '1:2: error POLICY_UNKNOWN_KEY: a container has no key podNamespac (did you mean podNamespace?)',
    ],
    [
      '{imageFullName: nginx}',
      '1:17: error POLICY_BAD_VALUE: an image name in full has a registry and a path ' +
        '(write docker.io/library/nginx)',
    ],
    [
      '{imageFullName: "docker.io/a:1"}',
      '1:17: error POLICY_BAD_VALUE: imageFullName has no tag and digest (write imageTag and imageDigest)',
    ],
    ['{imageTag: "1.*"}', '1:12: error POLICY_BAD_VALUE: imageTag is a name, not a pattern'],
    [
      '{imageDigest: sha256:1}',
      '1:15: error POLICY_BAD_VALUE: a digest is sha256: and 64 hexadecimal digits in lower case',
    ],
    [
      '{workload: web}',
      '1:12: error POLICY_BAD_VALUE: a workload is written Kind/name (as in Deployment/web)',
    ],
    [
      '{podLabels: {a: 1}}',
      '1:17: error POLICY_WRONG_TYPE: this is a number, not a string (put it in quotes)',
    ],
    [
      '{clusterId: x, unknown: [clusterId]}',
      '1:26: error POLICY_BAD_VALUE: clusterId is given, not unknown',
    ],
    [
      '{unknown: [podName]}',
      expect.stringMatching(
        /^e:1:12: error POLICY_UNKNOWN_VALUE: there is no fact to leave unknown: podName/,
      ),
    ],
  ])('%s is refused', (text, problem) => {
    const { problems } = read(text, asFacts);
    expect(problems).toEqual([typeof problem === 'string' ? `e:${problem}` : problem]);
  });

  it('come back from their own form', () => {
    fc.assert(
      fc.property(knownFacts, (facts) => {
        const { value, problems } = read(JSON.stringify(factsToJson(facts)), asFacts);
        expect(problems).toEqual([]);
        expect(value).toEqual(facts);
      }),
    );
  });
});
