import fc from 'fast-check';
import { normalisePolicy } from '../../../proto/ts/policy/canonical.js';
import {
  ACTIONS,
  type Action,
  type BundledPolicy,
  type ContainerFacts,
  EXECUTABLE_ORIGINS,
  type ExecutableOrigin,
  type Operation,
  type Policy,
  type PolicyResponse,
  type PolicySection,
  type PolicySelector,
} from '../../../proto/ts/policy/model.js';

/** Few images, so that conditions and containers meet. */
const FULL_NAMES = ['docker.io/library/nginx', 'ghcr.io/team/nginx', 'localhost:5000/api'];
const BASE_NAMES = ['nginx', 'api', 'worker'];
const ORIGINS = Object.keys(EXECUTABLE_ORIGINS).filter(
  (word): word is ExecutableOrigin => word in EXECUTABLE_ORIGINS,
);
const ACTION_WORDS = Object.keys(ACTIONS).filter((word): word is Action => word in ACTIONS);

export const origins = fc.constantFrom(...ORIGINS);
export const operations = fc.constantFrom<Operation>('fork', 'exec');

const images = fc.oneof(
  fc.record({
    containerImageFullNames: fc.subarray(FULL_NAMES),
    containerImageNames: fc.constant<string[]>([]),
  }),
  fc.record({
    containerImageFullNames: fc.constant<string[]>([]),
    containerImageNames: fc.subarray(BASE_NAMES),
  }),
);

function selector(name: string): fc.Arbitrary<PolicySelector> {
  return fc
    .record({
      operations: fc.subarray<Operation>(['fork', 'exec'], { minLength: 1 }),
      executableOrigins: fc.subarray(ORIGINS),
      images,
    })
    .map(({ images: names, ...rest }) => ({ name, ...names, ...rest }));
}

function response(selectors: readonly PolicySelector[]): fc.Arbitrary<PolicyResponse> {
  const indexes = selectors.map((_, index) => index);
  return fc
    .record({
      match: fc.subarray(indexes, { minLength: 1 }),
      exclude: fc.subarray(indexes, { maxLength: Math.min(2, indexes.length) }),
      actions: fc.subarray(ACTION_WORDS, { minLength: 1 }),
    })
    .map(({ match, exclude, actions }) => {
      const forks = match.some((at) => selectors[at]?.operations.includes('fork'));
      const blockable = actions.includes('alert') && !forks;
      const allowed = actions.filter((action) => action !== 'block' || blockable);
      return { match, exclude, actions: allowed.length > 0 ? allowed : ['log' as const] };
    });
}

const section: fc.Arbitrary<PolicySection> = fc
  .uniqueArray(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,6}$/), { minLength: 1, maxLength: 5 })
  .chain((names) => fc.tuple(...names.map(selector)))
  .chain((selectors) =>
    fc.record({
      selectors: fc.constant(selectors),
      responses: fc.array(response(selectors), { minLength: 1, maxLength: 5 }),
    }),
  );

/** A policy as a parser could have read it, not yet normalised. */
export const rawPolicies: fc.Arbitrary<Policy> = fc.record({
  process: section,
  unknownContainer: fc.constantFrom('allow' as const, 'enforce' as const),
});

export const policies = rawPolicies.map(normalisePolicy);

export const bundledPolicies: fc.Arbitrary<BundledPolicy[]> = fc.uniqueArray(
  fc.record({
    policyId: fc.uuid(),
    version: fc.integer({ min: 1, max: 0xffff_ffff }),
    name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    mode: fc.constantFrom('observe' as const, 'enforce' as const),
    policy: policies,
  }),
  { maxLength: 4, selector: ({ policyId }) => policyId },
);

export const containers: fc.Arbitrary<ContainerFacts> = fc
  .constantFrom(...FULL_NAMES, 'docker.io/library/worker', 'docker.io/library/other', '')
  .map((imageFullName) => ({ ...NO_FACTS, imageFullName }));

export const NO_FACTS: ContainerFacts = {
  id: '',
  name: '',
  imageFullName: '',
  imageTag: '',
  imageDigest: '',
  podName: '',
  podNamespace: '',
  podUid: '',
};

/** The policy as a document, its lists in the order that `shuffle` gives them. */
export function documentOf(policy: Policy, shuffle: <T>(list: readonly T[]) => T[]): object {
  const { process } = policy;
  const nameAt = (index: number): string => process?.selectors[index]?.name ?? '';
  const list = (key: string, values: readonly string[]): object =>
    values.length > 0 ? { [key]: shuffle(values) } : {};
  return {
    unknownContainer: policy.unknownContainer,
    process: {
      responses: process?.responses.map(({ match, exclude, actions }) => ({
        actions: shuffle(actions),
        ...list('exclude', exclude.map(nameAt)),
        match: shuffle(match.map(nameAt)),
      })),
      selectors: shuffle(process?.selectors ?? []).map((one) => ({
        ...list('executableOrigin', one.executableOrigins),
        name: one.name,
        ...list('containerImageFullName', one.containerImageFullNames),
        ...list('containerImageName', one.containerImageNames),
        operation: shuffle(one.operations),
      })),
    },
  };
}
