import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CAPABILITIES } from '../../../../proto/ts/policy/capabilities.js';
import type { PolicyEvent } from '../../../../proto/ts/policy/event.js';
import type { ContainerFacts } from '../../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../../proto/ts/policy/parse.js';
import { type GlobKind, matchesGlob } from './naive-glob.js';
import {
  type PolicyDocument,
  type ReferencePolicy,
  type ResponseDocument,
  referenceMatch,
  type SelectorConditions,
} from './reference-matcher.js';
import { documents, events, facts, globExamples, policySets } from './worlds.js';

const bytes = (latin1: string): Uint8Array => new Uint8Array(Buffer.from(latin1, 'latin1'));

describe('globs', () => {
  it.each<[GlobKind, string, string | Uint8Array, boolean]>([
    ['path', '/dir/*', '/dir/a', true],
    ['path', '/dir/*', '/dir/', true],
    ['path', '/dir/*', '/dir', false],
    ['path', '/dir/*', '/dir/a/b', false],
    ['path', '/dir/**', '/dir/a/b', true],
    ['path', '/dir/**', '/dir', false],
    ['path', '/dir/**', '/dirt', false],
    ['path', '/a/**/b', '/a/b', true],
    ['path', '/a/**/b', '/a/x/y/b', true],
    ['path', '/a/**/b', '/ab', false],
    ['path', '/a/**/b', '/a/xb', false],
    ['path', '/a/**/**/b', '/a/b', true],
    ['path', '/a/**b', '/a/x/yb', true],
    ['path', '/a**/b', '/a/b', true],
    ['path', '/**/', '/', true],
    ['path', '/*/b', '//b', true],
    ['path', '/?', '//', false],
    ['path', '/?', '/\n', true],
    ['path', '/?', '/é', false],
    ['path', '/??', '/é', true],
    ['path', '/?', bytes('/\xff'), true],
    ['path', '/é', bytes('/\xc3\xa9'), true],
    ['path', '/é', bytes('/\xe9'), false],
    ['path', '/*', '/a\nb', true],
    ['path', '/[a-c]', '/b', true],
    ['path', '/[a-c]', '/d', false],
    ['path', '/[!a-c]', '/d', true],
    ['path', '/[^a-c]', '/b', false],
    ['path', '/a[!b]c', '/a/c', false],
    ['path', '/a[.-0]c', '/a/c', false],
    ['path', '/[!a]', bytes('/\x80'), true],
    ['path', '/[]a]', '/]', true],
    ['path', '/[!]a]', '/]', false],
    ['path', '/[a-]', '/-', true],
    ['path', '/[\\]-_]', '/^', true],
    ['path', '/[\\\\]', '/\\', true],
    ['path', '/[{,}]', '/,', true],
    ['path', '/{usr/,}bin', '/usr/bin', true],
    ['path', '/{usr/,}bin', '/bin', true],
    ['path', '/{usr/,}bin', '/usr/,bin', false],
    ['path', '/{a,b{c,d{,e}}}', '/bde', true],
    ['path', '/{a,b{c,d{,e}}}', '/b', false],
    ['path', '/{a,b}{a,b}', '/ba', true],
    ['path', '/\\*', '/*', true],
    ['path', '/\\*', '/a', false],
    ['path', '/\\{a,b\\}', '/{a,b}', true],
    ['path', '/{a\\,b,c}', '/a,b', true],
    ['path', '/\\é', '/é', true],
    ['path', '/a,b', '/a,b', true],
    ['path', '/a', '/A', false],
    ['name', '*', 'a/b', true],
    ['name', '*', '', true],
    ['name', 'a**b', 'ab', true],
    ['name', 'a?b', 'a/b', true],
    ['name', 'a[!b]c', 'a/c', true],
    ['name', 'a[.-0]c', 'a/c', true],
    ['name', 'a/**/b', 'a/b', false],
    ['name', 'a/**/b', 'a//b', true],
    ['name', 'a', 'ab', false],
    ['name', '', '', true],
    ['name', '', 'a', false],
  ])('%s %j on %j: %j', (kind, pattern, text, expected) => {
    expect(matchesGlob(pattern, text, kind)).toBe(expected);
  });

  it('what is not well formed is thrown out', () => {
    for (const pattern of ['{a', '[a', '[]', 'a\\', '{[a}']) {
      expect(() => matchesGlob(pattern, 'a', 'path')).toThrow(pattern);
    }
  });

  it('a pattern matches what it was made for', () => {
    fc.assert(fc.property(globExamples, ({ pattern, text }) => matchesGlob(pattern, text, 'path')));
  });

  it('many stars take no exponential time', () => {
    expect(matchesGlob(`${'/**'.repeat(40)}b`, `/${'a/'.repeat(200)}`, 'path')).toBe(false);
  });
});

const NO_FACTS: ContainerFacts = {
  id: 'c0ffee',
  name: '',
  imageFullName: '',
  imageTag: '',
  imageDigest: '',
  podName: '',
  podNamespace: '',
  podUid: '',
};
const DIGEST = `sha256:${'a'.repeat(64)}`;
const NGINX: ContainerFacts = {
  ...NO_FACTS,
  name: 'web',
  imageFullName: 'docker.io/library/nginx',
  imageTag: '1.25',
  imageDigest: DIGEST,
  podName: 'web-0',
  podNamespace: 'shop',
  privileged: false,
  clusterId: 'c1',
  clusterName: 'prod',
  podLabels: { app: 'web', empty: '' },
  workload: 'StatefulSet/web',
  serviceAccount: 'web-sa',
  nodeLabels: { zone: 'eu-1' },
};
const IPV6: ContainerFacts = { ...NO_FACTS, imageFullName: '[::1]:5000/api' };
const BARE: ContainerFacts = {
  ...NO_FACTS,
  ...{ clusterId: '', clusterName: '', workload: '', serviceAccount: '' },
  ...{ podLabels: {}, nodeLabels: {} },
};
const EXEC: PolicyEvent = { operations: ['exec'] };
const WRITE: PolicyEvent = { operations: ['modifyFile'] };

/** What a selector comes to in match, with an unknown container allowed and enforced. */
function selects(
  conditions: SelectorConditions,
  of: ContainerFacts | undefined,
  event: PolicyEvent,
): boolean | 'unknown' {
  const section = event.operations.some((word) => ['fork', 'exec', 'load'].includes(word))
    ? 'process'
    : 'file';
  const [allowed, enforced] = (['allow', 'enforce'] as const).map((unknownContainer) => {
    const document: PolicyDocument = {
      unknownContainer,
      [section]: {
        selectors: [{ name: 'a', ...conditions }],
        responses: [{ match: ['a'], actions: ['log'] }],
      },
    };
    return referenceMatch([{ document, mode: 'enforce' }], of, event).fired.length > 0;
  });
  return allowed === enforced && allowed !== undefined ? allowed : 'unknown';
}

describe('conditions on the container', () => {
  it.each<[SelectorConditions, ContainerFacts | undefined, boolean | 'unknown']>([
    [{ containerImageFullName: ['docker.io/library/nginx'] }, NGINX, true],
    [{ containerImageFullName: ['nginx'] }, NGINX, false],
    [{ containerImageFullName: ['docker.io/*'] }, NGINX, false],
    [{ containerImageFullName: ['docker.io/**'] }, NGINX, true],
    [{ containerImageFullName: ['docker.io/**/nginx:1.*'] }, NGINX, true],
    [{ containerImageFullName: ['docker.io/**/nginx:2.*'] }, NGINX, false],
    [{ containerImageFullName: ['a/b', `**/nginx@${DIGEST}`] }, NGINX, true],
    [{ containerImageFullName: [`**/nginx@${DIGEST.replace('a', 'b')}`] }, NGINX, false],
    [{ containerImageFullName: ['[::1]:5000/api'] }, IPV6, true],
    [{ containerImageFullName: ['[::1]:5000/*'] }, IPV6, true],
    [{ containerImageFullName: ['[::1]:5000/api:*'] }, IPV6, false],
    [{ containerImageFullName: ['**'] }, BARE, false],
    [{ containerImageName: ['nginx'] }, NGINX, true],
    [{ containerImageName: ['ng*:1.2?'] }, NGINX, true],
    [{ containerImageName: ['{api,nginx:1.*}'] }, NGINX, true],
    [{ containerImageName: ['{api,nginx:2.*}'] }, NGINX, false],
    [{ containerImageName: ['library'] }, NGINX, false],
    [{ containerImageName: ['*'] }, BARE, false],
    [{ containerImageName: ['*'] }, undefined, 'unknown'],
    [{ containerImageTag: ['2', '1.*'] }, NGINX, true],
    [{ containerImageTag: ['*'] }, BARE, false],
    [{ containerImageDigest: [DIGEST] }, NGINX, true],
    [{ containerName: ['w*'] }, NGINX, true],
    [{ containerPrivileged: false }, NGINX, true],
    [{ containerPrivileged: true }, NGINX, false],
    [{ containerPrivileged: false }, BARE, 'unknown'],
    [{ kubernetesClusterId: ['c1'] }, NGINX, true],
    [{ kubernetesClusterId: ['c*'] }, NGINX, false],
    [{ kubernetesClusterId: [''] }, BARE, false],
    [{ kubernetesClusterName: ['prod'] }, NO_FACTS, 'unknown'],
    [{ kubernetesNamespace: ['sh*'] }, NGINX, true],
    [{ kubernetesNamespace: ['*'] }, BARE, false],
    [{ kubernetesPodName: ['web-[0-9]'] }, NGINX, true],
    [{ kubernetesPodLabel: ['app:w*'] }, NGINX, true],
    [{ kubernetesPodLabel: ['{app:x,app:web}'] }, NGINX, true],
    [{ kubernetesPodLabel: ['empty:web'] }, NGINX, false],
    [{ kubernetesPodLabel: ['e*:*'] }, NGINX, true],
    [{ kubernetesPodLabel: ['*:*'] }, BARE, false],
    [{ kubernetesPodLabel: ['*:*'] }, NO_FACTS, 'unknown'],
    [{ kubernetesWorkload: ['*Set/w*'] }, NGINX, true],
    [{ kubernetesWorkload: ['{Job/x,*/web}'] }, NGINX, true],
    [{ kubernetesWorkload: ['Deployment/web'] }, NGINX, false],
    [{ kubernetesWorkload: ['*/*'] }, BARE, false],
    [{ kubernetesServiceAccount: ['web-??'] }, NGINX, true],
    [{ nodeLabel: ['zone:eu-*'] }, NGINX, true],
    [{ nodeLabel: ['zone:*'], containerName: ['x'] }, { ...NGINX, nodeLabels: {} }, false],
    [{ containerPrivileged: true, containerName: ['x'] }, NO_FACTS, false],
    [{ containerPrivileged: true, operation: ['load'] }, undefined, false],
  ])('%j', (conditions, of, expected) => {
    expect(selects(conditions, of, EXEC)).toBe(expected);
  });
});

describe('conditions on the event', () => {
  const user = (userId: number): PolicyEvent => ({ ...EXEC, userId });
  const target = (targetPath: string): PolicyEvent => ({ ...WRITE, targetPath });
  const runs = (executable: string | Uint8Array): PolicyEvent => ({ ...EXEC, executable });

  it.each<[SelectorConditions, PolicyEvent, boolean]>([
    [{ operation: ['fork'] }, EXEC, false],
    [{ operation: ['fork'] }, { operations: ['exec', 'fork'] }, true],
    [{ executableOrigin: ['image'] }, { operations: ['load'], origin: 'image' }, false],
    [{ executableOrigin: ['image'] }, { operations: ['fork'], origin: 'image' }, true],
    [
      { operation: ['load'], executableOrigin: ['image'] },
      { operations: ['load'], origin: 'image' },
      true,
    ],
    [{ targetFilePath: ['/**'] }, { operations: ['openFile'], targetPath: '/a' }, false],
    [
      { targetFilePath: ['/**'] },
      { operations: ['openFile', 'createFile'], targetPath: '/a' },
      true,
    ],
    [{ targetFilePath: ['/etc/*'] }, target('/etc/passwd'), true],
    [{ targetFilePath: ['/etc/*'] }, WRITE, false],
    [{ ignoreVolumeMounts: true }, { ...WRITE, targetVolume: 'none' }, true],
    [{ ignoreVolumeMounts: true }, { ...WRITE, targetVolume: 'directory' }, false],
    [{ ignoreVolumeMounts: true }, { ...WRITE, targetVolume: 'file' }, false],
    [{ ignoreVolumeMounts: true }, WRITE, false],
    [{ ignoreVolumeMounts: false }, WRITE, true],
    [{ ignoreVolumeFiles: true }, { ...WRITE, targetVolume: 'directory' }, true],
    [{ ignoreVolumeFiles: true }, { ...WRITE, targetVolume: 'file' }, false],
    [{ ignoreVolumeFiles: false }, { ...WRITE, targetVolume: 'file' }, true],
    [{ processExecutable: ['/usr/**/bash'] }, runs('/usr/bash'), true],
    [{ processExecutable: ['/usr/**/bash'] }, { ...EXEC, parentExecutable: '/usr/bash' }, false],
    [{ parentExecutable: ['/bin/sh'] }, { ...EXEC, parentExecutable: '/bin/sh' }, true],
    [{ processName: ['bash'] }, runs('/usr/bin/bash'), true],
    [{ processName: ['bas'] }, runs('/usr/bin/bash'), false],
    [{ processName: ['b*'] }, runs('/usr/bin/bash'), false],
    [{ processName: ['b*'] }, runs('/usr/bin/b*'), true],
    [{ processName: ['é'] }, runs(bytes('/\xc3\xa9')), true],
    [{ processName: ['averylongprogra'] }, runs('/averylongprogram'), true],
    [{ processName: ['averylongprogra'] }, runs('/averylongprogra'), true],
    [{ processName: ['averylongprogra'] }, runs('/averylongprogr'), false],
    [{ processName: ['averylongprogr'] }, runs('/averylongprogra'), false],
    [{ processName: ['averylongprogram'] }, runs('/averylongprogram'), true],
    [{ processName: ['averylongprogram'] }, runs('/averylongprograms'), false],
    [{ processName: ['éééééééa'] }, runs('/éééééééab'), true],
    [{ processUserId: [0] }, user(0), true],
    [{ processUserId: ['1000-1999'] }, user(1999), true],
    [{ processUserId: ['1000-1999'] }, user(2000), false],
    [{ processUserId: ['7', '0-4294967294'] }, user(4294967295), false],
    [{ processCapability: ['CAP_CHOWN'] }, { ...EXEC, capabilities: 1n }, true],
    [
      { processCapability: ['CAP_SYS_ADMIN', 'CAP_BPF'] },
      { ...EXEC, capabilities: 1n << 39n },
      true,
    ],
    [
      { processCapability: ['CAP_CHECKPOINT_RESTORE'] },
      { ...EXEC, capabilities: 1n << 39n },
      false,
    ],
    [{ processArgs: ['--to*'] }, { ...EXEC, args: ['a', '--token=x/y'] }, true],
    [{ processArgs: ['*'] }, { ...EXEC, args: [] }, false],
    [{ processArgs: ['*'] }, { ...EXEC, args: [''] }, true],
    [{ sessionLeaderInteractive: false }, { ...EXEC, interactive: false }, true],
    [{ sessionLeaderInteractive: false }, EXEC, false],
    [{ executableOrigin: ['unknown'] }, { ...EXEC, origin: 'unknown' }, true],
    [{ executableOrigin: ['unknown'] }, EXEC, false],
    [{ processName: ['sh'], processUserId: [1] }, { ...runs('/sh'), userId: 0 }, false],
  ])('%j on %j', (conditions, event, expected) => {
    expect(selects(conditions, NGINX, event)).toBe(expected);
  });
});

it.each(CAPABILITIES.map((name, bit) => [name, bit] as const))('%s is bit %i', (name, bit) => {
  for (const [capabilities, expected] of [
    [1n << BigInt(bit), true],
    [~(1n << BigInt(bit)), false],
  ] as const) {
    const event = { ...EXEC, capabilities: BigInt.asUintN(64, capabilities) };
    expect(selects({ processCapability: [name] }, NGINX, event)).toBe(expected);
  }
});

function policy(
  responses: readonly ResponseDocument[],
  mode: 'observe' | 'enforce' = 'enforce',
  unknownContainer: 'allow' | 'enforce' = 'allow',
): ReferencePolicy {
  const selectors = [
    { name: 'yes', operation: ['exec'] },
    { name: 'no', operation: ['fork'] },
    { name: 'root', processUserId: [0] },
    { name: 'shop', kubernetesNamespace: ['shop'] },
    { name: 'never', processUserId: [0], processName: ['sh'] },
  ] as const;
  return { mode, document: { unknownContainer, process: { selectors, responses } } };
}

describe('responses', () => {
  const alert = { match: ['yes'], actions: ['alert'] } as const;
  const block = { match: ['no', 'yes'], exclude: ['root'], actions: ['alert', 'block'] } as const;

  it('all that fire count, exclude protects only inside its own', () => {
    const event: PolicyEvent = { ...EXEC, userId: 0 };
    const verdict = referenceMatch([policy([block, alert])], NGINX, event);
    expect(verdict).toEqual({
      fired: [{ policy: 0, section: 'process', exclude: [], ...alert }],
      actions: new Set(['alert']),
      block: false,
      wouldBlock: false,
      undecided: new Set(),
    });
  });

  it.each([
    [['enforce'], { block: true, wouldBlock: false }],
    [['observe'], { block: false, wouldBlock: true }],
    [['observe', 'enforce'], { block: true, wouldBlock: false }],
  ] as const)('block of policies that %j', (modes, expected) => {
    const policies = modes.map((mode) => policy([block], mode));
    const verdict = referenceMatch(policies, NGINX, { ...EXEC, userId: 1 });
    expect(verdict).toMatchObject({ ...expected, actions: new Set(['alert', 'block']) });
    expect(verdict.fired.map((one) => one.policy)).toEqual(policies.map((_, at) => at));
  });

  it('an exclude that cannot be decided does not protect, and the event says so', () => {
    const verdict = referenceMatch([policy([block])], NGINX, EXEC);
    expect(verdict).toMatchObject({ block: true, undecided: new Set(['processUserId']) });
  });

  it.each<[string, readonly string[], PolicyEvent, ContainerFacts | undefined, string[]]>([
    ['that no response names', ['yes'], EXEC, NGINX, []],
    ['of which all are unread', ['never'], EXEC, NGINX, ['processUserId', 'processName']],
    ['of which another is false', ['never'], { ...EXEC, userId: 1 }, NGINX, []],
    ['of which another is true', ['never'], { ...EXEC, userId: 0 }, NGINX, ['processName']],
    ['of another operation', ['never'], { operations: ['load'] }, NGINX, []],
  ])('undecided: a selector %s', (_what, match, event, of, expected) => {
    const { undecided } = referenceMatch([policy([{ match, actions: ['log'] }])], of, event);
    expect(undecided).toEqual(new Set(expected));
  });

  it.each([
    ['allow', 'match', ['shop'], [], false],
    ['enforce', 'match', ['shop'], [], true],
    ['allow', 'exclude', ['yes'], ['shop'], true],
    ['enforce', 'exclude', ['yes'], ['shop'], false],
  ] as const)('an unknown container, %s, in %s', (unknown, _where, match, exclude, fires) => {
    const one = policy([{ match, exclude, actions: ['log'] }], 'enforce', unknown);
    expect(referenceMatch([one], undefined, EXEC).fired).toHaveLength(fires ? 1 : 0);
  });

  it('an unread condition beside facts that do not hold is not undecided', () => {
    const selectors = [{ name: 'a', kubernetesNamespace: ['x'], processUserId: [0] }];
    const process = { selectors, responses: [{ match: ['a'], actions: ['log'] as const }] };
    const undecided = (of?: ContainerFacts, unknownContainer: 'allow' | 'enforce' = 'allow') => [
      ...referenceMatch([{ mode: 'enforce', document: { process, unknownContainer } }], of, EXEC)
        .undecided,
    ];
    expect(undecided(NGINX)).toEqual([]);
    expect(undecided({ ...NGINX, podNamespace: 'x' })).toEqual(['processUserId']);
    expect(undecided()).toEqual([]);
    expect(undecided(undefined, 'enforce')).toEqual(['processUserId']);
  });
});

describe('worlds', () => {
  it('documents are valid', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const { problems } = parsePolicy(JSON.stringify(document));
        expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  const worlds = fc.sample(fc.tuple(policySets, facts, events), { seed: 1, numRuns: 2000 });
  const verdicts = worlds.map((world) => referenceMatch(...world));
  const share = (count: number): number => count / worlds.length;

  it('often meet', () => {
    const fired = share(verdicts.filter((verdict) => verdict.fired.length > 0).length);
    expect(fired).toBeGreaterThan(0.2);
    expect(fired).toBeLessThan(0.8);
    for (const key of ['block', 'wouldBlock'] as const) {
      expect(share(verdicts.filter((verdict) => verdict[key]).length)).toBeGreaterThan(0.03);
    }
    const undecided = new Set(verdicts.flatMap((verdict) => [...verdict.undecided]));
    expect(undecided.size).toBe(11);
  });
});
