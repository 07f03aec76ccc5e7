import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bindPolicies } from '../../../proto/ts/policy/bind.js';
import { Matcher } from '../../../proto/ts/policy/match.js';
import type { BundledPolicy, ContainerFacts } from '../../../proto/ts/policy/model.js';
import { tableNeed } from '../../../proto/ts/policy/node-support.js';
import { bundledPolicies, NO_FACTS, policyOf } from './arbitraries.js';
import { facts as someFacts } from './reference/worlds.js';

const nginx: ContainerFacts = { ...NO_FACTS, imageFullName: 'docker.io/library/nginx' };
const api: ContainerFacts = { ...NO_FACTS, imageFullName: 'ghcr.io/team/api' };

const DRIFT = `
process:
  selectors:
    - { name: drifted, operation: [exec], executableOrigin: [writable, memory] }
    - { name: nginx, operation: [exec], containerImageName: [nginx] }
    - { name: team, containerImageFullName: [ghcr.io/team/api, ghcr.io/team/web] }
  responses:
    - { match: [drifted], exclude: [nginx], actions: [alert, block] }
    - { match: [team, nginx], actions: [log] }
`;

describe('bindPolicies', () => {
  it('leaves out what the facts make false', () => {
    const set = bindPolicies([policy(DRIFT)], api);
    expect(set.selectors).toMatchObject([
      { operations: ['exec'], origins: ['writable', 'memory'] },
      { operations: ['fork', 'exec'], origins: [] },
    ]);
    expect(set.responses.map(({ match, exclude }) => [match, exclude])).toEqual([
      [[0], []],
      [[1], []],
    ]);
  });

  it('names each response by its place in the normalised policy, not in the set', () => {
    const onlySecond = DRIFT.replace('match: [drifted]', 'match: [team]').replace('block]', 'log]');
    const set = bindPolicies([policy(onlySecond)], nginx);
    expect(set.responses.map(({ ref }) => ref)).toEqual([
      {
        policyId: 'p1',
        policyVersion: 3,
        policyName: 'drift',
        section: 'process',
        response: 0,
        selectors: ['nginx', 'team'],
        actions: ['log'],
      },
    ]);
  });

  it('takes unknown facts as not matching under allow, as matching under enforce', () => {
    const allow = bindPolicies([policy(DRIFT)], undefined);
    expect(allow.responses.map(({ exclude, ref }) => [ref.response, exclude])).toEqual([[0, []]]);
    const enforce = bindPolicies([policy(`unknownContainer: enforce${DRIFT}`)], undefined);
    expect(enforce.responses.map(({ match, exclude }) => [match, exclude])).toEqual([
      [[0], [1]],
      [[1, 2], []],
    ]);
  });

  it('takes a selector that something known makes false as false, whatever is unknown', () => {
    const source = `unknownContainer: enforce
process:
  selectors:
    - { name: a, containerImageName: [nginx], kubernetesPodLabel: ['app:web'] }
  responses: [{ match: [a], actions: [log] }]
`;
    expect(bindPolicies([policy(source)], nginx).responses).toHaveLength(1);
    expect(bindPolicies([policy(source)], api).responses).toEqual([]);
    const other = { ...nginx, podLabels: { app: 'db' } };
    expect(bindPolicies([policy(source)], other).responses).toEqual([]);
  });

  it('observes only where there is a block', () => {
    const set = bindPolicies([policy(DRIFT, 'observe')], api);
    expect(set.responses.map(({ observe }) => observe)).toEqual([true, false]);
  });

  it('asks for one list of paths once, however many selectors have it', () => {
    const source = `
process:
  selectors:
    - { name: a, processName: [sh, bash] }
    - { name: b, parentExecutable: ['/**/bash', '/**/sh'] }
    - { name: c, operation: [exec], processExecutable: ['/**/{sh,bash}'] }
  responses: [{ match: [a, b, c], actions: [log] }]
`;
    const { pathLists, selectors } = bindPolicies([policy(source)], api);
    expect(pathLists).toEqual([['/**/bash', '/**/sh']]);
    expect(
      selectors.map(({ executable, parentExecutable }) => [executable, parentExecutable]),
    ).toEqual([
      [0, undefined],
      [undefined, 0],
      [0, undefined],
    ]);
  });

  it('refuses more than a set may hold', () => {
    const many = Array.from({ length: 1100 }, (_, at) => ({
      ...policy(DRIFT),
      policyId: `p${at}`,
    }));
    expect(() => bindPolicies(many, api)).toThrow('more selectors or responses');
  });

  it('needs no more than tableNeed says, whatever the container', () => {
    fc.assert(
      fc.property(bundledPolicies, someFacts, (bundled, facts) => {
        const need = tableNeed(bundled);
        const set = bindPolicies(bundled, facts);
        expect(set.selectors.length).toBeLessThanOrEqual(need.selectors);
        expect(set.responses.length).toBeLessThanOrEqual(need.responses);
      }),
    );
  });
});

describe('the matcher', () => {
  it('fires every response on its own and unites their actions', () => {
    const matcher = new Matcher(bindPolicies([policy(DRIFT)], api));
    const drifted = matcher.match({ operations: ['exec'], origin: 'memory' });
    expect(drifted).toEqual({
      fired: [0, 1],
      actions: ['log', 'alert', 'block'],
      block: true,
      wouldBlock: false,
      undecided: [],
    });
    const image = matcher.match({ operations: ['exec'], origin: 'image' });
    expect(image).toMatchObject({ fired: [1], actions: ['log'], block: false, wouldBlock: false });
  });

  it('lets exclude protect only inside its own response', () => {
    const matcher = new Matcher(bindPolicies([policy(DRIFT)], nginx));
    const { fired, block } = matcher.match({ operations: ['exec'], origin: 'writable' });
    expect([fired, block]).toEqual([[1], false]);
  });

  it('does not match a condition on an origin that could not be read, and says so', () => {
    const matcher = new Matcher(bindPolicies([policy(DRIFT)], api));
    const { fired, undecided } = matcher.match({ operations: ['exec'] });
    expect([fired, undecided]).toEqual([[1], ['executableOrigin']]);
  });

  it('judges each operation of an act on its own', () => {
    const source = `
file:
  selectors:
    - { name: executables, operation: [createExecutable] }
    - { name: anything, operation: [createFile] }
  responses: [{ match: [executables], exclude: [anything], actions: [alert] }]
`;
    const matcher = new Matcher(bindPolicies([policy(source)], api));
    expect(matcher.match({ operations: ['createFile', 'createExecutable'] }).fired).toEqual([0]);
    expect(matcher.match({ operations: ['createFile'] }).fired).toEqual([]);
  });

  it('lets a block in force win over an observed one', () => {
    const observed = policy(DRIFT, 'observe');
    const event = { operations: ['exec'], origin: 'memory' } as const;
    const alone = new Matcher(bindPolicies([observed], api)).match(event);
    expect([alone.block, alone.wouldBlock]).toEqual([false, true]);
    const enforced = { ...policy(DRIFT), policyId: 'p2' };
    const together = new Matcher(bindPolicies([observed, enforced], api)).match(event);
    expect([together.block, together.wouldBlock]).toEqual([true, false]);
  });
});

function policy(source: string, mode: BundledPolicy['mode'] = 'enforce'): BundledPolicy {
  return { policyId: 'p1', version: 3, name: 'drift', mode, policy: policyOf(source) };
}
