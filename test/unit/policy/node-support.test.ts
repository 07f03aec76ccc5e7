import { describe, expect, it } from '@jest/globals';
import { CONDITION_WORDS, OPERATION_WORDS } from '../../../proto/ts/policy/language.js';
import { supportProblems, unsupportedParts } from '../../../proto/ts/policy/node-support.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { tableProblems } from '../../../proto/ts/policy/table-check.js';
import { policyOf } from './arbitraries.js';

const SOURCE = `
process:
  selectors:
    - { name: shells, processUserId: [0], kubernetesPodLabel: ['app:*'] }
    - { name: drifted, operation: [exec, load], executableOrigin: [writable] }
    - { name: web, containerImageTag: ['1.*'], kubernetesNamespace: [web] }
  responses:
    - { match: [drifted, web], exclude: [shells], actions: [alert, block] }
file:
  selectors: [{ name: changes, operation: [modifyExecutable] }]
  responses: [{ match: [changes], actions: [alert] }]
`;

describe('what nodes do not carry out', () => {
  it('is told at its place', () => {
    const { policy, places } = parsePolicy(SOURCE);
    if (!policy || !places) throw new Error('the policy is refused');
    const problems = supportProblems(policy, places, 'error');
    expect(
      problems.map(({ line, path, message }) => [line, path, message.split(' is ')[0]]),
    ).toEqual([
      [4, 'process.selectors[0]', 'the condition kubernetesPodLabel'],
      [
        8,
        'process.responses[0]',
        'the nodes of this version cannot block fork, which web means too',
      ],
    ]);
    expect(problems.every(({ code }) => code === 'POLICY_UNSUPPORTED')).toBe(true);
  });

  it('knows every word of the language', () => {
    const values: Record<string, string> = {
      operation: '[exec]',
      executableOrigin: '[image]',
      processUserId: '[0]',
      processCapability: '[CAP_BPF]',
      containerPrivileged: 'true',
      sessionLeaderInteractive: 'true',
      kubernetesPodLabel: "['a:b']",
      nodeLabel: "['a:b']",
      kubernetesWorkload: '[Job/a]',
      containerImageFullName: '[r.io/a]',
      containerImageDigest: `['sha256:${'0'.repeat(64)}']`,
      processExecutable: '[/a]',
      parentExecutable: '[/a]',
    };
    const carriedOut = Object.entries(CONDITION_WORDS)
      .filter(([, { sections }]) => [...sections].some((section) => section === 'process'))
      .map(([word]) => word)
      .filter((word) => {
        const value = values[word] ?? '[a]';
        const policy = policyOf(
          `process: {selectors: [{name: a, ${word}: ${value}}], responses: [{match: [a], actions: [log]}]}`,
        );
        return unsupportedParts(policy).length === 0;
      });
    expect(carriedOut).toEqual([
      'operation',
      'containerImageFullName',
      'containerImageName',
      'containerImageTag',
      'containerImageDigest',
      'containerName',
      'kubernetesNamespace',
      'kubernetesPodName',
      'processExecutable',
      'processName',
      'parentExecutable',
      'processUserId',
      'processCapability',
      'sessionLeaderInteractive',
      'executableOrigin',
    ]);
    expect(Object.keys(OPERATION_WORDS)).toHaveLength(10);
  });
});

describe('what no node has room for', () => {
  it('is more than 64 responses', () => {
    const names = Array.from({ length: 65 }, (_, at) => `s${at}`);
    const selectors = names.map((name) => ({ name, operation: ['exec'] }));
    const responses = names.map((name) => ({ match: [name], actions: ['log'] }));
    const { policy, places } = parsePolicy(JSON.stringify({ process: { selectors, responses } }));
    if (!policy || !places) throw new Error('the policy is refused');
    expect(supportProblems(policy, places, 'warning')).toMatchObject([
      { code: 'POLICY_TABLE_FULL', severity: 'warning', path: '' },
    ]);
  });

  it('is told at the selectors whose patterns cost most', () => {
    const floating = Array.from(
      { length: 24 },
      (_, at) => `/**/*x${'abcdefgh'[at % 8]}${at}*y${at}/z`,
    );
    const selectors = [
      { name: 'cheap', processExecutable: ['/usr/bin/**', '/bin/sh'] },
      { name: 'costly', processExecutable: floating },
    ];
    const responses = [{ match: ['cheap', 'costly'], actions: ['log'] }];
    const { policy, places } = parsePolicy(JSON.stringify({ process: { selectors, responses } }));
    if (!policy || !places) throw new Error('the policy is refused');
    const problems = tableProblems(policy, places);
    expect(problems).toMatchObject([
      { code: 'POLICY_TABLE_FULL', severity: 'error', path: 'process.selectors[1]' },
    ]);
    expect(floating.some((pattern) => problems[0]?.message.includes(pattern))).toBe(true);
    expect(problems[0]?.message).not.toContain('/usr/bin');
  });

  it('is nothing in a policy that fits', () => {
    const { policy, places } = parsePolicy(SOURCE);
    if (!policy || !places) throw new Error('the policy is refused');
    expect(tableProblems(policy, places)).toEqual([]);
  });
});
