import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AutomatonTooLarge } from '../../../proto/ts/policy/automaton/build.js';
import { bindPolicies } from '../../../proto/ts/policy/bind.js';
import {
  type BehaviourChange,
  diffPolicies,
  type PolicyDiff,
} from '../../../proto/ts/policy/diff/diff.js';
import type { PolicyEvent } from '../../../proto/ts/policy/event.js';
import { Matcher } from '../../../proto/ts/policy/match.js';
import type {
  Action,
  ContainerFacts,
  Operation,
  Policy,
  UnknownContainer,
} from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { slowness } from '../../support/pace.js';
import type {
  PolicyDocument,
  ResponseDocument,
  SectionDocument,
  SelectorConditions,
  SelectorDocument,
} from './reference/reference-matcher.js';
import { documents, events, facts, globPatterns } from './reference/worlds.js';

function policyOf(document: PolicyDocument): Policy {
  // What JSON leaves as it is and no document may hold.
  const { policy, problems } = parsePolicy(JSON.stringify(document).replaceAll('\x7f', '\\x7f'));
  if (!policy) throw new Error(JSON.stringify(problems));
  return policy;
}

type Selectors = Readonly<Record<string, SelectorConditions>>;

function sectionOf(selectors: Selectors, ...responses: ResponseDocument[]): SectionDocument {
  const list = Object.entries(selectors).map(([name, conditions]) => ({ name, ...conditions }));
  return { selectors: list, responses };
}

const processOf = (selectors: Selectors, ...responses: ResponseDocument[]): PolicyDocument => ({
  process: sectionOf(selectors, ...responses),
});
const fileOf = (selectors: Selectors, ...responses: ResponseDocument[]): PolicyDocument => ({
  file: sectionOf(selectors, ...responses),
});

/** A selector `a` that is logged. */
const logs = (conditions: SelectorConditions): PolicyDocument =>
  processOf({ a: conditions }, { match: ['a'], actions: ['log'] });
/** A selector `a` that raises an alert. */
const alerts = (conditions: SelectorConditions): PolicyDocument =>
  fileOf({ a: conditions }, { match: ['a'], actions: ['alert'] });

function summary(change: BehaviourChange): string {
  const { direction, kind, operations, responses, when } = change;
  const by = responses.map(({ match, exclude }) =>
    [match.join('|'), ...exclude.map((name) => `-${name}`)].join(' '),
  );
  return [direction, kind, operations.join('+'), ...by, ...(when === 'known' ? [] : [when])].join(
    ' ',
  );
}

const diffOf = (before: PolicyDocument, after: PolicyDocument): PolicyDiff =>
  diffPolicies(policyOf(before), policyOf(after));

const exec: SelectorConditions = { operation: ['exec'] };
const enforced = (document: PolicyDocument): PolicyDocument => ({
  ...document,
  unknownContainer: 'enforce',
});
const TOOLS: SelectorConditions = { operation: ['exec'], processExecutable: ['/usr/bin/*'] };
const CI: SelectorConditions = { kubernetesNamespace: ['ci-*'] };

describe('what two policies do differently', () => {
  it.each<[string, PolicyDocument, PolicyDocument, string[]]>([
    [
      'a widened glob',
      alerts({ targetFilePath: ['/etc/*'], operation: ['modifyFile'] }),
      alerts({ targetFilePath: ['/etc/**'], operation: ['modifyFile'] }),
      ['newly alerted modifyFile a'],
    ],
    [
      'a narrowed class in a glob',
      logs({ ...exec, processExecutable: ['/bin/[a-f]sh'] }),
      logs({ ...exec, processExecutable: ['/bin/[a-e]sh'] }),
      ['no-longer logged exec a'],
    ],
    [
      'a moved glob',
      alerts({ targetFilePath: ['/etc/**'], operation: ['openFile'] }),
      alerts({ targetFilePath: ['/srv/**'], operation: ['openFile'] }),
      ['newly alerted openFile a', 'no-longer alerted openFile a'],
    ],
    [
      'a narrowed exclude',
      processOf({ a: exec, b: CI }, { match: ['a'], exclude: ['b'], actions: ['alert'] }),
      processOf(
        { a: exec, b: { kubernetesNamespace: ['ci-build'] } },
        { match: ['a'], exclude: ['b'], actions: ['alert'] },
      ),
      ['newly alerted exec a -b'],
    ],
    [
      'an exclude that is no more',
      processOf({ a: exec, b: TOOLS }, { match: ['a'], exclude: ['b'], actions: ['log'] }),
      logs(exec),
      ['newly logged exec a'],
    ],
    [
      'an exclude about what is never matched',
      logs({ ...exec, executableOrigin: ['image'] }),
      processOf(
        {
          a: { ...exec, executableOrigin: ['image'] },
          b: { executableOrigin: ['memory'], operation: ['exec'] },
        },
        { match: ['a'], exclude: ['b'], actions: ['log'] },
      ),
      [],
    ],
    [
      'an exclude that says what another response says all the same',
      logs(exec),
      processOf(
        { a: exec, b: TOOLS },
        { match: ['a'], exclude: ['b'], actions: ['log'] },
        { match: ['b'], actions: ['log'] },
      ),
      [],
    ],
    [
      'an action that moved to another response',
      processOf(
        { a: exec, b: { operation: ['fork'] } },
        { match: ['a'], actions: ['log', 'alert'] },
        { match: ['b'], actions: ['log'] },
      ),
      processOf(
        { a: exec, b: { operation: ['fork'] } },
        { match: ['a'], actions: ['log'] },
        { match: ['b'], actions: ['log', 'alert'] },
      ),
      ['newly alerted fork b', 'no-longer alerted exec a'],
    ],
    [
      'an alert that blocks now',
      processOf({ a: exec }, { match: ['a'], actions: ['alert'] }),
      processOf({ a: exec }, { match: ['a'], actions: ['alert', 'block'] }),
      ['newly denied exec a'],
    ],
    [
      'an added operation',
      logs({ operation: ['exec'] }),
      logs({ operation: ['exec', 'load'] }),
      ['newly logged load a'],
    ],
    [
      'operations that no longer have to be named',
      alerts({ targetFilePath: ['/etc/*'] }),
      alerts({
        targetFilePath: ['/etc/*'],
        operation: [
          'createExecutable',
          'modifyExecutable',
          'createFile',
          'modifyFile',
          'deleteFile',
        ],
      }),
      [],
    ],
    [
      'all of a section',
      logs(exec),
      { ...logs(exec), ...alerts({ targetFilePath: ['/etc/**'] }) },
      ['newly alerted createExecutable+modifyExecutable+createFile+modifyFile+deleteFile a'],
    ],
    [
      'containers that nothing is known of',
      logs({ ...exec, ...CI }),
      enforced(logs({ ...exec, ...CI })),
      ['newly logged exec a unknownContainer'],
    ],
    [
      'containers that nothing is known of, in exclude',
      processOf({ a: exec, b: CI }, { match: ['a'], exclude: ['b'], actions: ['alert'] }),
      enforced(processOf({ a: exec, b: CI }, { match: ['a'], exclude: ['b'], actions: ['alert'] })),
      ['no-longer alerted exec a -b unknownContainer'],
    ],
    [
      'unknownContainer where no condition is about a container',
      logs(TOOLS),
      enforced(logs(TOOLS)),
      [],
    ],
    [
      'a widened condition beside unknownContainer',
      logs({ ...exec, kubernetesNamespace: ['ci-*'] }),
      enforced(logs({ ...exec, kubernetesNamespace: ['ci*'] })),
      ['newly logged exec a', 'newly logged exec a unknownContainer'],
    ],
    [
      'a condition that every container fulfils, and only known ones',
      logs(exec),
      processOf(
        { a: { ...exec, containerPrivileged: true }, b: { ...exec, containerPrivileged: false } },
        { match: ['a', 'b'], actions: ['log'] },
      ),
      ['no-longer logged exec a unknownContainer'],
    ],
    [
      'a condition that every readable path fulfils',
      logs(exec),
      logs({ ...exec, processExecutable: ['/**'] }),
      ['no-longer logged exec a unreadable'],
    ],
    [
      'a pattern beside one that means it too',
      alerts({ targetFilePath: ['/etc/**'] }),
      alerts({ targetFilePath: ['/etc/**', '/etc/ssh/*', '/etc/passwd'] }),
      [],
    ],
    [
      'patterns that together are one',
      logs({ ...exec, processExecutable: ['/bin/[a-m]*', '/bin/[!a-m]*'] }),
      logs({ ...exec, processExecutable: ['/bin/*'] }),
      [],
    ],
    [
      'whole components and one pattern for each depth',
      logs({ ...exec, processExecutable: ['/a/**/b'] }),
      logs({ ...exec, processExecutable: ['/a/b', '/a/*/**/b'] }),
      [],
    ],
    [
      'a path that the kernel never gives',
      alerts({ targetFilePath: ['/srv/?*'] }),
      alerts({ targetFilePath: ['/srv/*'] }),
      [],
    ],
    [
      'an empty component, which no path has',
      logs({ ...exec, processExecutable: ['/*/b'] }),
      logs({ ...exec, processExecutable: ['/?*/b'] }),
      [],
    ],
    [
      'paths that are no text',
      logs({ ...exec, processExecutable: ['/bin/a'] }),
      logs({ ...exec, processExecutable: ['/bin/a', '/bin/[!\u0001-\u007f]'] }),
      ['newly logged exec a'],
    ],
    [
      'bytes of names, which are always text',
      logs({ ...exec, containerName: ['a'] }),
      logs({ ...exec, containerName: ['a', '[!\u0001-\u007f]'] }),
      [],
    ],
    [
      'names beyond ASCII',
      logs({ ...exec, containerName: ['a'] }),
      logs({ ...exec, containerName: ['a', '[!\u0001-\u007f]*'] }),
      ['newly logged exec a'],
    ],
    [
      'a selector that was split into two equal ones',
      logs(TOOLS),
      processOf({ a: TOOLS, b: TOOLS }, { match: ['a', 'b'], actions: ['log'] }),
      [],
    ],
    [
      'a selector that was split by its values',
      logs({ ...exec, processExecutable: ['/bin/a', '/bin/b'] }),
      processOf(
        {
          a: { ...exec, processExecutable: ['/bin/a'] },
          b: { ...exec, processExecutable: ['/bin/b'] },
        },
        { match: ['a'], actions: ['log'] },
        { match: ['b'], actions: ['log'] },
      ),
      [],
    ],
    [
      'a renamed selector',
      logs(TOOLS),
      processOf({ tools: TOOLS }, { match: ['tools'], actions: ['log'] }),
      [],
    ],
    [
      'a processName written as a path',
      logs({ ...exec, processName: ['bash'] }),
      logs({ ...exec, processExecutable: ['/**/bash'] }),
      [],
    ],
    [
      'a name that is cut at 15 bytes',
      logs({ ...exec, processName: ['averylongprogra'] }),
      logs({ ...exec, processExecutable: ['/**/averylongprogra'] }),
      ['no-longer logged exec a'],
    ],
    [
      'processName and processExecutable of one path, which nothing fulfils both',
      processOf(
        { a: { ...exec, processName: ['sh'] }, b: { processExecutable: ['/usr/bin/bash'] } },
        { match: ['a'], exclude: ['b'], actions: ['log'] },
      ),
      logs({ ...exec, processName: ['sh'] }),
      [],
    ],
    [
      'ranges of user ids',
      logs({ ...exec, processUserId: [0, '1000-1999'] }),
      logs({ ...exec, processUserId: ['0-1500'] }),
      ['newly logged exec a', 'no-longer logged exec a'],
    ],
    [
      'user ids above a range',
      logs(exec),
      logs({ ...exec, processUserId: ['0-1999'] }),
      ['no-longer logged exec a'],
    ],
    [
      'ranges of user ids that touch',
      logs({ ...exec, processUserId: ['0-999', '1000-1999'] }),
      logs({ ...exec, processUserId: ['0-1999'] }),
      [],
    ],
    [
      'capabilities',
      logs({ ...exec, processCapability: ['CAP_SYS_ADMIN'] }),
      logs({ ...exec, processCapability: ['CAP_SYS_ADMIN', 'CAP_BPF'] }),
      ['newly logged exec a'],
    ],
    [
      'a capability that is there beside another',
      logs({ ...exec, processCapability: ['CAP_BPF'] }),
      processOf(
        {
          a: { ...exec, processCapability: ['CAP_BPF'] },
          b: { processCapability: ['CAP_CHOWN'] },
        },
        { match: ['a'], exclude: ['b'], actions: ['log'] },
      ),
      ['no-longer logged exec a'],
    ],
    [
      'arguments, of which several can be there',
      logs({ ...exec, processArgs: ['-c'] }),
      processOf(
        { a: { ...exec, processArgs: ['-c'] }, b: { processArgs: ['--token=*'] } },
        { match: ['a'], exclude: ['b'], actions: ['log'] },
      ),
      ['no-longer logged exec a'],
    ],
    [
      'an empty argument',
      logs({ ...exec, processArgs: ['?*'] }),
      logs({ ...exec, processArgs: ['*'] }),
      ['newly logged exec a'],
    ],
    [
      'two values of one label, of which a pod has one',
      processOf(
        { a: { ...exec, kubernetesPodLabel: ['app:web'] }, b: { kubernetesPodLabel: ['app:db'] } },
        { match: ['a'], exclude: ['b'], actions: ['log'] },
      ),
      logs({ ...exec, kubernetesPodLabel: ['app:web'] }),
      [],
    ],
    [
      'two labels, which a pod has both',
      processOf(
        { a: { ...exec, kubernetesPodLabel: ['*:web'] }, b: { kubernetesPodLabel: ['*:db'] } },
        { match: ['a'], exclude: ['b'], actions: ['log'] },
      ),
      logs({ ...exec, kubernetesPodLabel: ['*:web'] }),
      ['newly logged exec a'],
    ],
    [
      'an image by its base name',
      logs({ ...exec, containerImageFullName: ['**/nginx'] }),
      logs({ ...exec, containerImageName: ['nginx'] }),
      [],
    ],
    [
      'an image and its tag',
      logs({ ...exec, containerImageName: ['nginx:1.*'] }),
      logs({ ...exec, containerImageName: ['nginx'], containerImageTag: ['1.*'] }),
      [],
    ],
    [
      'a tag that goes with one of two images',
      logs({ ...exec, containerImageName: ['nginx:1.*', 'api'] }),
      logs({ ...exec, containerImageName: ['nginx', 'api'], containerImageTag: ['1.*'] }),
      ['no-longer logged exec a'],
    ],
    [
      'every kind of owner',
      logs({ ...exec, kubernetesWorkload: ['*/web'] }),
      logs({
        ...exec,
        kubernetesWorkload: ['{Deployment,StatefulSet,DaemonSet,Job,CronJob}/web'],
      }),
      [],
    ],
    [
      'the namespace of containers that have one',
      logs(exec),
      logs({ ...exec, kubernetesNamespace: ['*'] }),
      ['no-longer logged exec a'],
    ],
    [
      'volumes',
      alerts({ targetFilePath: ['/etc/**'], operation: ['openFile'], ignoreVolumeFiles: true }),
      alerts({ targetFilePath: ['/etc/**'], operation: ['openFile'], ignoreVolumeMounts: true }),
      ['no-longer alerted openFile a'],
    ],
    [
      'the same response twice, once with more actions',
      processOf({ a: exec, b: exec }, { match: ['a'], actions: ['log'] }),
      processOf(
        { a: exec, b: exec },
        { match: ['a'], actions: ['alert'] },
        { match: ['b'], actions: ['log', 'alert'] },
      ),
      ['newly alerted exec a b'],
    ],
  ])('%s', (_, before, after, expected) => {
    const { changes, exact, same } = diffOf(before, after);
    expect(exact).toBe(true);
    expect(changes.map(summary)).toEqual(expected);
    expect(same).toBe(expected.length === 0);
  });
});

describe('how a change is told', () => {
  const textsOf = (before: PolicyDocument, after: PolicyDocument): string[] =>
    diffOf(before, after).changes.map(({ text }) => text);
  const drifted: SelectorConditions = {
    operation: ['exec', 'load'],
    executableOrigin: ['writable', 'memory'],
  };

  it.each<[PolicyDocument, PolicyDocument, string[]]>([
    [
      logs({ operation: ['fork'] }),
      processOf(
        { a: { operation: ['fork'] }, drifted, buildPods: CI },
        { match: ['a'], actions: ['log'] },
        { match: ['drifted'], exclude: ['buildPods'], actions: ['alert'] },
      ),
      [
        'exec or load of a file with origin writable or memory now raises an alert (response: drifted, except buildPods)',
      ],
    ],
    [
      alerts({ targetFilePath: ['/etc/**'], operation: ['modifyFile'] }),
      fileOf(
        {
          a: { targetFilePath: ['/etc/**'], operation: ['modifyFile'] },
          apt: { processName: ['apt'] },
        },
        { match: ['a'], exclude: ['apt'], actions: ['alert'] },
      ),
      [
        'some modifyFile no longer raises an alert, such as modifyFile of /etc/example by /apt (response: a)',
      ],
    ],
    [
      logs({ ...exec, processUserId: [0], kubernetesPodLabel: ['app:web'] }),
      logs({ ...exec, processUserId: [7], kubernetesPodLabel: ['app:web'] }),
      [
        'exec as user 7 in a pod labelled app:web is now logged (response: a)',
        'exec as user 0 in a pod labelled app:web is no longer logged (response: a)',
      ],
    ],
    [
      logs({ ...exec, ...CI }),
      enforced(logs({ ...exec, ...CI })),
      ['in a container that nothing is known of, exec is now logged (response: a)'],
    ],
    [
      logs(exec),
      logs({ ...exec, processExecutable: ['/**'] }),
      ['where the executable cannot be read, exec is no longer logged (response: a)'],
    ],
  ])('%j -> %j', (before, after, expected) => {
    expect(textsOf(before, after)).toEqual(expected);
  });

  it('an example is a whole event, with what is ordinary where no policy asks', () => {
    const { changes } = diffOf(
      alerts({ targetFilePath: ['/etc/*'], operation: ['openFile'] }),
      alerts({ targetFilePath: ['/etc/**'], operation: ['openFile'] }),
    );
    expect(changes[0]?.example.event).toEqual({
      operations: ['openFile'],
      executable: '/usr/bin/example',
      userId: 1000,
      capabilities: 0n,
      targetPath: '/etc/example/file',
      targetVolume: 'none',
    });
    expect(changes[0]?.example.facts?.podNamespace).toBe('default');
  });

  it('a path that is no text is given in its bytes', () => {
    const { changes } = diffOf(
      logs({ ...exec, processExecutable: ['/bin/a'] }),
      logs({ ...exec, processExecutable: ['/bin/a', '/bin/[!\u0001-\u007f]'] }),
    );
    expect(changes[0]?.example.event.executable).toEqual(
      Uint8Array.from([...Buffer.from('/bin/'), 0x80]),
    );
  });

  it('selectors are told by how they are written', () => {
    const before = processOf(
      { a: exec, b: TOOLS, c: CI, d: { ...CI, operation: ['load'] } },
      { match: ['a', 'b', 'c', 'd'], actions: ['log'] },
    );
    const after = processOf(
      { a: { ...exec, processUserId: [0] }, b: TOOLS, d2: CI, e: { operation: ['fork'] } },
      { match: ['a', 'b', 'd2', 'e'], actions: ['log'] },
    );
    const section = 'process';
    expect(diffOf(before, after).selectors).toEqual([
      { kind: 'changed', section, name: 'a', conditions: ['processUserId'] },
      { kind: 'removed', section, name: 'd' },
      { kind: 'renamed', section, name: 'd2', formerName: 'c' },
      { kind: 'added', section, name: 'e' },
    ]);
    expect(diffOf(logs(exec), enforced(logs(exec))).unknownContainer).toEqual({
      before: 'allow',
      after: 'enforce',
    });
  });
});

describe('large policies', () => {
  const WORDS = ['usr', 'bin', 'etc', 'opt', 'var', 'lib', 'srv', 'home', 'data', 'app'];
  const wordAt = (at: number): string =>
    `${WORDS[at % WORDS.length]}${at % 3 === 0 ? at % 37 : ''}`;

  /** 50 selectors of 20 patterns each; they differ by `seed` and overlap. */
  function large(seed: number): PolicyDocument {
    const patternAt = (at: number): string => {
      const depth = 1 + (at % 4);
      const words = Array.from({ length: depth }, (_, level) => wordAt(at * 7 + level * 13 + seed));
      const tail = ['', '', '/*', '/**', `/*.${wordAt(at)}`][at % 5] ?? '';
      return at % 11 === 0 ? `/**/${wordAt(at + seed)}` : `/${words.join('/')}${tail}`;
    };
    const names = Array.from({ length: 50 }, (_, at) => `s${at}`);
    const selectors = names.map((name, at): [string, SelectorConditions] => [
      name,
      {
        operation: at % 2 === 0 ? ['openFile'] : ['openFile', 'createFile'],
        targetFilePath: Array.from({ length: 20 }, (_, value) => patternAt(at * 20 + value)),
        ...(at % 3 === 0 && { kubernetesNamespace: [`team-${wordAt(at)}`, `team-${at % 7}*`] }),
      },
    ]);
    const responses = names.map(
      (name, at): ResponseDocument => ({
        match: [name],
        ...(at % 4 === 0 && { exclude: [`s${(at * 3 + 1) % 50}`] }),
        actions: at % 2 === 0 ? ['alert'] : ['log'],
      }),
    );
    return fileOf(Object.fromEntries(selectors), ...responses);
  }

  it.each([
    ['one selector is edited', 0],
    ['all of them are', 5],
  ])('take less than two seconds of a processor: %s', (_, seed) => {
    const before = policyOf(large(0));
    const { file } = large(seed);
    const after = policyOf({
      file: {
        responses: file?.responses ?? [],
        selectors: (file?.selectors ?? []).map((one) =>
          one.name === 's7' ? { ...one, targetFilePath: ['/new/**'] } : one,
        ),
      },
    });
    const began = process.cpuUsage();
    const { exact, same } = diffPolicies(before, after);
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1e6).toBeLessThan(2 * slowness());
    expect([exact, same]).toEqual([true, false]);
  });

  it('too little to search with makes a diff that is not exact', () => {
    const [before, after] = [policyOf(large(0)), policyOf(large(5))];
    const { changes, exact } = diffPolicies(before, after, { maxSteps: 100 });
    expect(exact).toBe(false);
    expect(changes.length).toBeLessThan(diffPolicies(before, after).changes.length);
  });

  it('so do patterns that tell too many paths apart', () => {
    const letters = [...'abcdefghijklmnopqr'];
    const policyWith = (more: string[]): Policy =>
      policyOf(
        fileOf(
          Object.fromEntries(
            letters.map((letter) => [
              letter,
              {
                operation: ['openFile' as const],
                targetFilePath: [`/**${letter}**`, ...(letter === 'a' ? more : [])],
              },
            ]),
          ),
          ...letters.map((letter) => ({ match: [letter], actions: ['log' as const] })),
        ),
      );
    // Nothing is missed: every new path holds one of the other letters.
    const { exact, same } = diffPolicies(policyWith([]), policyWith(['/b*']));
    expect([exact, same]).toEqual([false, true]);
  });
});

/** Whatever an edit needs to choose. */
interface Edit {
  readonly kind: number;
  readonly at: number;
  readonly value: number;
}

const edits = fc.record({ kind: fc.nat(11), at: fc.nat(100), value: fc.nat(100) });

function pick<Item>(items: readonly Item[], at: number): Item | undefined {
  return items[at % Math.max(1, items.length)];
}

/** The document with something about one of its sections changed; `donor` has conditions to take. */
function edited(document: PolicyDocument, { kind, at, value }: Edit, donor: PolicyDocument) {
  const section = pick(
    (['process', 'file'] as const).filter((name) => document[name]),
    at,
  );
  const content = section && document[section];
  if (!content) return document;
  const { selectors, responses } = content;
  const selector = pick(selectors, at);
  const response = pick(responses, at);
  const other = pick(donor[section]?.selectors ?? selectors, value);
  if (!selector || !response || !other) return document;
  const withSelector = (...changed: SelectorDocument[]): SectionDocument => ({
    responses,
    selectors: selectors.flatMap((one) => (one === selector ? changed : [one])),
  });
  const withResponse = (...changed: ResponseDocument[]): SectionDocument => ({
    selectors,
    responses: responses.flatMap((one) => (one === response ? changed : [one])),
  });
  const lists = Object.entries(selector).filter(([, values]) => Array.isArray(values));
  const [word = '', list] = pick(lists, value) ?? [];
  const values: unknown[] = Array.isArray(list) ? list : [];
  const [otherWord = '', otherValue] = pick(Object.entries(other).slice(1), value) ?? [];
  const renamed = (names: readonly string[], to: readonly string[]): string[] =>
    names.flatMap((name) => (name === selector.name ? to : [name]));
  const twins = (first: object, second: object): SectionDocument => ({
    selectors: [
      ...selectors.filter((one) => one !== selector),
      { ...selector, ...first, name: 'twin1' },
      { ...selector, ...second, name: 'twin2' },
    ],
    responses: responses.map(({ match, exclude, actions }) => ({
      match: renamed(match, ['twin1', 'twin2']),
      ...(exclude && { exclude: renamed(exclude, ['twin1', 'twin2']) }),
      actions,
    })),
  });
  const ways: (() => SectionDocument)[] = [
    () => twins({}, {}),
    () =>
      values.length < 2
        ? content
        : twins({ [word]: values.slice(0, 1) }, { [word]: values.slice(1) }),
    () => withSelector({ ...selector, [word]: values.slice(1) }),
    () => withSelector({ ...selector, [otherWord]: otherValue }),
    () => withSelector({ ...selector, [word]: undefined }),
    () =>
      withSelector({
        ...selector,
        ...(word in other && {
          [word]: [...values, ...(Array.isArray(otherValue) ? otherValue : [])],
        }),
      }),
    () => withResponse(),
    () => withResponse({ ...response, match: [...response.match, selector.name] }),
    () => withResponse({ ...response, exclude: [...(response.exclude ?? []), selector.name] }),
    () => withResponse({ match: response.match, actions: response.actions }),
    () =>
      withResponse({
        ...response,
        actions: pick<readonly Action[]>([['log'], ['alert'], ['log', 'alert']], value) ?? [],
      }),
    () => withResponse(response, { ...response, actions: ['log'] }),
  ];
  return { ...document, [section]: pick(ways, kind)?.() ?? content };
}

/** A policy and what became of it by a few edits; some switch unknownContainer too. */
const pairs = fc
  .record({
    document: documents,
    donor: documents,
    edits: fc.array(edits, { minLength: 1, maxLength: 2 }),
    unknownContainer: fc.option(fc.constantFrom<UnknownContainer>('allow', 'enforce'), {
      nil: undefined,
      freq: 3,
    }),
  })
  .map(({ document, donor, edits: changes, unknownContainer }) => {
    const last = changes.reduce((one, edit) => edited(one, edit, donor), document);
    const after = unknownContainer ? { ...last, unknownContainer } : last;
    return { before: policyOf(document), after: parsePolicy(JSON.stringify(after)).policy };
  })
  .filter(({ after }) => after !== undefined)
  .map(({ before, after }) => ({ before, after: after ?? before }));

const unrelated = fc
  .tuple(documents, documents)
  .map(([before, after]) => ({ before: policyOf(before), after: policyOf(after) }));

/** Each action, with the responses that do it. */
type Acts = ReadonlyMap<string, readonly number[]>;

/** What a policy does about events of a container. */
function actsOf(policy: Policy, of: ContainerFacts | undefined): (event: PolicyEvent) => Acts {
  const bundled = { policyId: '', version: 1, name: '', mode: 'enforce', policy } as const;
  const set = bindPolicies([bundled], of);
  const matcher = new Matcher(set);
  return (event) => {
    const acts = new Map<string, number[]>();
    for (const index of matcher.match(event).fired) {
      const { actions = [], ref } = set.responses[index] ?? {};
      for (const action of actions) {
        acts.set(action, [...(acts.get(action) ?? []), ref?.response ?? -1]);
      }
    }
    return acts;
  };
}

/** One response of one policy does something that the other policy does not. */
interface EventDifference {
  readonly direction: BehaviourChange['direction'];
  readonly action: string;
  readonly operation: Operation;
  readonly response: number;
  readonly facts: ContainerFacts | undefined;
  readonly event: PolicyEvent;
}

function differencesOf(
  before: Policy,
  after: Policy,
  someEvents: readonly PolicyEvent[],
  of: ContainerFacts | undefined,
): EventDifference[] {
  const [former, latter] = [actsOf(before, of), actsOf(after, of)];
  const single = someEvents.flatMap((event) =>
    event.operations.map((operation) => ({
      operation,
      event: { ...event, operations: [operation] },
    })),
  );
  return single.flatMap(({ operation, event }) => {
    const only = (direction: EventDifference['direction'], does: Acts, other: Acts) =>
      [...does].flatMap(([action, responses]) =>
        other.has(action)
          ? []
          : responses.map((response) => ({
              ...{ direction, action, operation, response, event },
              facts: of,
            })),
      );
    const [was, is] = [former(event), latter(event)];
    return [...only('newly', is, was), ...only('no-longer', was, is)];
  });
}

function isTold(difference: EventDifference, { changes }: PolicyDiff): boolean {
  return changes.some(
    ({ direction, kind, operations, responses }) =>
      direction === difference.direction &&
      KINDS[kind] === difference.action &&
      operations.includes(difference.operation) &&
      responses.some(({ response }) => response === difference.response),
  );
}

const KINDS = { denied: 'block', alerted: 'alert', logged: 'log' } as const;

/** All texts of so many of these characters at most, the empty one left out. */
function shortTexts(characters: readonly string[], length: number): string[] {
  let last = [''];
  const all: string[] = [];
  for (let size = 1; size <= length; size += 1) {
    last = last.flatMap((text) => characters.map((character) => text + character));
    all.push(...last);
  }
  return all;
}

const KERNEL_PATHS = shortTexts(['a', 'b', '.', '/'], 5).filter((text) =>
  /^\/$|^(\/(?!\.{0,2}(\/|$))[^/]+)+$/.test(text),
);

const BARE: ContainerFacts = {
  ...{ id: '', name: '', imageFullName: '', imageTag: '', imageDigest: '' },
  ...{ podName: '', podNamespace: '', podUid: '' },
};

/** undefined: the patterns multiply too much for a node, or for a search of all there is. */
function exactDiff(before: Policy, after: Policy): PolicyDiff | undefined {
  try {
    const diff = diffPolicies(before, after);
    return diff.exact ? diff : undefined;
  } catch (error) {
    if (error instanceof AutomatonTooLarge) return undefined;
    throw error;
  }
}

/** By sample: whether anything is done. Facts differ only for containerName. */
function firesOn(
  policy: Policy,
  word: 'targetFilePath' | 'containerName',
  samples: readonly (readonly [PolicyEvent, ContainerFacts])[],
): boolean[] {
  if (word === 'containerName') {
    return samples.map(([event, of]) => actsOf(policy, of)(event).size > 0);
  }
  const acts = actsOf(policy, BARE);
  return samples.map(([event]) => acts(event).size > 0);
}

describe('any two policies', () => {
  const anyPair = fc.oneof({ weight: 3, arbitrary: pairs }, { weight: 1, arbitrary: unrelated });

  it('a policy is the same as itself', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const diff = diffPolicies(policyOf(document), policyOf(document));
        expect(diff).toEqual({ changes: [], selectors: [], exact: true, same: true });
      }),
      { numRuns: 50, endOnFailure: true },
    );
  });

  it('an example differs as its change says', () => {
    fc.assert(
      fc.property(anyPair, ({ before, after }) => {
        for (const change of diffPolicies(before, after).changes) {
          const { direction, kind, operations, responses, example } = change;
          const other = direction === 'newly' ? 'no-longer' : 'newly';
          const { event, facts: of } = example;
          const policies = { newly: after, 'no-longer': before };
          const done = actsOf(policies[direction], of)(event).get(KINDS[kind]);
          expect(event.operations).toEqual(operations.slice(0, 1));
          expect(done).toEqual(expect.arrayContaining(responses.map(({ response }) => response)));
          expect(actsOf(policies[other], of)(event).has(KINDS[kind])).toBe(false);
        }
      }),
      { numRuns: 150, endOnFailure: true },
    );
  });

  it('whatever differs is told', () => {
    let differing = 0;
    let same = 0;
    const many = { minLength: 12, maxLength: 12 };
    fc.assert(
      fc.property(
        anyPair,
        fc.array(events, many),
        fc.array(facts, many),
        ({ before, after }, someEvents, someFacts) => {
          const diff = diffPolicies(before, after);
          expect(diff.exact).toBe(true);
          if (diff.same) same += 1;
          const untold = someFacts
            .flatMap((of) => differencesOf(before, after, someEvents, of))
            .filter((difference) => {
              differing += 1;
              return !isTold(difference, diff);
            });
          expect(untold).toEqual([]);
        },
      ),
      { numRuns: 200, endOnFailure: true },
    );
    expect(Math.min(differing, same)).toBeGreaterThan(20);
  });

  it('the other way round, directions are swapped', () => {
    const swapped = { newly: 'no-longer', 'no-longer': 'newly' } as const;
    fc.assert(
      fc.property(anyPair, ({ before, after }) => {
        const [there, back] = [diffPolicies(before, after), diffPolicies(after, before)];
        const flipped = back.changes.map((change) => ({
          ...change,
          direction: swapped[change.direction],
        }));
        expect(flipped.map(summary).sort()).toEqual(there.changes.map(summary).sort());
        expect([back.exact, back.same]).toEqual([there.exact, there.same]);
      }),
      { numRuns: 150, endOnFailure: true },
    );
  });

  it.each([
    ['targetFilePath', KERNEL_PATHS],
    ['containerName', shortTexts(['a', 'b', '.', '/', 'é', ']'], 3)],
  ] as const)('whatever differs about a short text is told: %s', (word, texts) => {
    const lists = fc.uniqueArray(
      globPatterns.map((pattern) => (word === 'targetFilePath' ? `/${pattern}` : pattern)),
      { minLength: 1, maxLength: 3 },
    );
    const documentOf = (match: string[], exclude: string[]): PolicyDocument =>
      fileOf(
        {
          a: { operation: ['openFile'], [word]: match },
          b: { operation: ['openFile'], [word]: exclude },
        },
        { match: ['a'], exclude: ['b'], actions: ['log'] },
      );
    const policies = fc
      .tuple(lists, lists, lists)
      .map(([match, exclude, others]) => [
        parsePolicy(JSON.stringify(documentOf(match, exclude))).policy,
        parsePolicy(JSON.stringify(documentOf(match, others))).policy,
        parsePolicy(JSON.stringify(documentOf([...match, ...others], exclude))).policy,
      ]);
    const samples = texts.map((text): [PolicyEvent, ContainerFacts] => [
      { operations: ['openFile'], targetPath: text },
      { ...BARE, name: text },
    ]);
    fc.assert(
      fc.property(policies, ([before, ...changed]) => {
        for (const after of changed) {
          if (!before || !after) continue;
          const diff = exactDiff(before, after);
          fc.pre(diff !== undefined);
          const fires = (policy: Policy): boolean[] => firesOn(policy, word, samples);
          const [former, latter] = [fires(before), fires(after)];
          const directions = new Set(diff.changes.map(({ direction }) => direction));
          const untold = texts.filter(
            (_, at) =>
              former[at] !== latter[at] && !directions.has(latter[at] ? 'newly' : 'no-longer'),
          );
          expect(untold).toEqual([]);
        }
      }),
      { numRuns: 100, maxSkipsPerRun: 1, endOnFailure: true },
    );
  });
});
