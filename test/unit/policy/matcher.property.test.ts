import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bindPolicies } from '../../../proto/ts/policy/bind.js';
import type { PolicyEvent } from '../../../proto/ts/policy/event.js';
import { explain } from '../../../proto/ts/policy/explain.js';
import { Matcher } from '../../../proto/ts/policy/match.js';
import type { BundledPolicy } from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import {
  type FiredResponse,
  type ReferencePolicy,
  referenceMatch,
} from './reference/reference-matcher.js';
import { events, facts, policySets } from './reference/worlds.js';

/*
 * The matcher against the reference that was written from the language's page alone: documents go in
 * as YAML on the one side and as they are on the other.
 */
describe('the matcher', () => {
  it('agrees with the reference', () => {
    fc.assert(
      fc.property(policySets, facts, fc.array(events, { minLength: 1 }), (set, known, acts) => {
        const policies = set.map(bundled);
        const bound = bindPolicies(policies, known);
        // One for all: what an event leaves behind must not be seen by the next.
        const matcher = new Matcher(bound);
        for (const act of acts) {
          const { fired, actions, block, wouldBlock, undecided } = matcher.match(act);
          const wanted = referenceMatch(set, known, act);
          const names = fired.map((index) => bound.responses[index]?.ref);
          expect({
            fired: [...new Set(names.map((ref) => keyOfRef(set, policies, ref)))].sort(),
            actions: [...actions].sort(),
            block,
            wouldBlock,
            undecided: [...undecided].sort(),
          }).toEqual({
            fired: [...new Set(wanted.fired.map(keyOfFired))].sort(),
            actions: [...wanted.actions].sort(),
            block: wanted.block,
            wouldBlock: wanted.wouldBlock,
            undecided: [...wanted.undecided].sort(),
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is what explain says, response by response', () => {
    fc.assert(
      fc.property(policySets, facts, events, (set, known, act) => {
        const [operation] = act.operations;
        const single: PolicyEvent = { ...act, operations: operation ? [operation] : [] };
        const policies = set.map(bundled);
        const { result, sections } = explain(policies, known, single);
        const told = sections.flatMap(({ policyName, section, responses }) =>
          responses
            .filter(({ fired }) => fired)
            .map(({ response }) => `${policyName}/${section}/${response}`),
        );
        const fired = result.fired.map(
          ({ policyName, section, response }) => `${policyName}/${section}/${response}`,
        );
        expect(told.sort()).toEqual(fired.sort());
      }),
      { numRuns: 200 },
    );
  });
});

function bundled({ document, mode }: ReferencePolicy, at: number): BundledPolicy {
  const { policy, problems } = parsePolicy(JSON.stringify(document));
  if (!policy) throw new Error(JSON.stringify(problems));
  return { policyId: `p${at}`, version: 1, name: `p${at}`, mode, policy };
}

/** Responses that say the same are one after normalisation, so they are named by what they say. */
function keyOfFired({ policy, section, match, exclude, actions }: FiredResponse): string {
  const lists = [match, exclude, actions].map((list) => [...new Set(list)].sort().join());
  return [policy, section, ...lists].join('/');
}

function keyOfRef(
  set: readonly ReferencePolicy[],
  policies: readonly BundledPolicy[],
  ref: { policyId: string; section: 'process' | 'file'; response: number } | undefined,
): string {
  const at = policies.findIndex(({ policyId }) => policyId === ref?.policyId);
  const content = ref && policies[at]?.policy[ref.section];
  const response = content?.responses[ref?.response ?? -1];
  if (!ref || !response || !set[at]) throw new Error('a response that fired is in no policy');
  const names = (indexes: readonly number[]) =>
    indexes.map((index) => content?.selectors[index]?.name ?? '');
  const { match, exclude, actions } = response;
  return keyOfFired({
    policy: at,
    section: ref.section,
    match: names(match),
    exclude: names(exclude),
    actions,
  });
}
