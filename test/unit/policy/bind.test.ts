import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type BoundSet, bindPolicies, tableNeed } from '../../../proto/ts/policy/bind.js';
import { matchEvent } from '../../../proto/ts/policy/match.js';
import type {
  BundledPolicy,
  ContainerFacts,
  ExecutableOrigin,
  Operation,
  PolicySelector,
} from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { bundledPolicies, containers, NO_FACTS, operations, origins } from './arbitraries.js';

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
    expect(set.selectors).toEqual([
      { operations: ['exec'], origins: ['writable', 'memory'] },
      { operations: ['fork', 'exec'], origins: [] },
    ]);
    expect(set.responses.map(({ match, exclude }) => [match, exclude])).toEqual([
      [1n, 0n],
      [2n, 0n],
    ]);
  });

  it('names each response by its place in the document, not in the set', () => {
    const onlySecond = DRIFT.replace('match: [drifted]', 'match: [team]').replace('block]', 'log]');
    const set = bindPolicies([policy(onlySecond)], nginx);
    expect(set.responses.map(({ ref }) => ref)).toEqual([
      {
        policyId: 'p1',
        policyVersion: 3,
        policyName: 'drift',
        section: 'process',
        response: 1,
        selectors: ['nginx', 'team'],
        actions: ['log'],
      },
    ]);
  });

  it('takes unknown facts as not matching under allow, as matching under enforce', () => {
    const allow = bindPolicies([policy(DRIFT)], undefined);
    expect(allow.responses.map(({ exclude, ref }) => [ref.response, exclude])).toEqual([[0, 0n]]);
    const enforce = bindPolicies([policy(`unknownContainer: enforce${DRIFT}`)], undefined);
    expect(enforce.responses.map(({ match, exclude }) => [match, exclude])).toEqual([
      [1n, 2n],
      [6n, 0n],
    ]);
  });

  it('observes only where there is a block', () => {
    const set = bindPolicies([policy(DRIFT, 'observe')], api);
    expect(set.responses.map(({ observe }) => observe)).toEqual([true, false]);
  });

  it('refuses what does not fit a table, as tableNeed says before', () => {
    const many = (count: number): BundledPolicy[] =>
      Array.from({ length: count }, (_, at) => ({ ...policy(DRIFT), policyId: `p${at}` }));
    expect(tableNeed(many(32))).toEqual({ selectors: 3, responses: 64, fits: true });
    expect(bindPolicies(many(32), api).responses).toHaveLength(64);
    expect(tableNeed(many(33)).fits).toBe(false);
    expect(() => bindPolicies(many(33), api)).toThrow('more selectors or responses');
  });

  it('needs no more than tableNeed says, whatever the container', () => {
    fc.assert(
      fc.property(bundledPolicies, fc.option(containers, { nil: undefined }), (bundled, facts) => {
        const need = tableNeed(bundled);
        const set = bindPolicies(bundled, facts);
        expect(set.selectors.length).toBeLessThanOrEqual(need.selectors);
        expect(set.responses.length).toBeLessThanOrEqual(need.responses);
      }),
    );
  });
});

describe('matchEvent', () => {
  it('fires every response on its own and unites their actions', () => {
    const set = bindPolicies([policy(DRIFT)], api);
    const drifted = matchEvent(set, { operation: 'exec', origin: 'memory' });
    expect(drifted).toEqual({
      fired: [0, 1],
      actions: ['log', 'alert', 'block'],
      block: true,
      wouldBlock: false,
    });
    const image = matchEvent(set, { operation: 'exec', origin: 'image' });
    expect(image).toEqual({ fired: [1], actions: ['log'], block: false, wouldBlock: false });
  });

  it('lets exclude protect only inside its own response', () => {
    const set = bindPolicies([policy(DRIFT)], nginx);
    const { fired, block } = matchEvent(set, { operation: 'exec', origin: 'writable' });
    expect([fired, block]).toEqual([[1], false]);
  });

  it('does not match a condition on an origin that could not be read', () => {
    const set = bindPolicies([policy(DRIFT)], api);
    expect(matchEvent(set, { operation: 'exec', origin: undefined }).fired).toEqual([1]);
  });

  it('lets a block in force win over an observed one', () => {
    const observed = policy(DRIFT, 'observe');
    const event = { operation: 'exec', origin: 'memory' } as const;
    const alone = matchEvent(bindPolicies([observed], api), event);
    expect([alone.block, alone.wouldBlock]).toEqual([false, true]);
    const enforced = { ...policy(DRIFT), policyId: 'p2' };
    const together = matchEvent(bindPolicies([observed, enforced], api), event);
    expect([together.block, together.wouldBlock]).toEqual([true, false]);
  });

  it('agrees with a naive reading of the language', () => {
    fc.assert(
      fc.property(
        bundledPolicies,
        fc.option(containers, { nil: undefined }),
        operations,
        fc.option(origins, { nil: undefined }),
        (bundled, facts, operation, origin) => {
          const set = bindPolicies(bundled, facts);
          const result = matchEvent(set, { operation, origin });
          expect(namesOf(set, result.fired)).toEqual(naive(bundled, facts, operation, origin));
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** Reads the language from the side of the event, without masks, bits and pruning. */
function naive(
  bundled: readonly BundledPolicy[],
  facts: ContainerFacts | undefined,
  operation: Operation,
  origin: ExecutableOrigin | undefined,
): string[] {
  const names: string[] = [];
  for (const { policyId, policy: content } of bundled) {
    const matches = (selector: PolicySelector): boolean => {
      if (!selector.operations.includes(operation)) return false;
      const wanted = selector.executableOrigins;
      if (wanted.length > 0 && !wanted.some((one) => one === origin)) return false;
      const asks =
        selector.containerImageFullNames.length + selector.containerImageNames.length > 0;
      if (!asks) return true;
      if (!facts) return content.unknownContainer === 'enforce';
      const full = selector.containerImageFullNames;
      const base = selector.containerImageNames;
      const fullName = facts.imageFullName;
      return (
        (full.length === 0 || full.some((one) => one === fullName)) &&
        (base.length === 0 || base.some((one) => one === fullName.split('/').at(-1)))
      );
    };
    content.process?.responses.forEach(({ match, exclude }, index) => {
      const matchesAt = (at: number): boolean => {
        const selector = content.process?.selectors[at];
        return selector !== undefined && matches(selector);
      };
      if (match.some(matchesAt) && !exclude.some(matchesAt)) names.push(`${policyId}/${index}`);
    });
  }
  return names;
}

function namesOf(set: BoundSet, fired: readonly number[]): string[] {
  return fired.flatMap((at) => {
    const ref = set.responses[at]?.ref;
    return ref ? [`${ref.policyId}/${ref.response}`] : [];
  });
}

function policy(source: string, mode: BundledPolicy['mode'] = 'enforce'): BundledPolicy {
  const parsed = parsePolicy(source);
  if (!parsed.policy) throw new Error(JSON.stringify(parsed.problems));
  return { policyId: 'p1', version: 3, name: 'drift', mode, policy: parsed.policy };
}
