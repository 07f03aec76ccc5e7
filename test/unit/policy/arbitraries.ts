import fc from 'fast-check';
import {
  type BundledPolicy,
  type ContainerFacts,
  EXECUTABLE_ORIGINS,
  type ExecutableOrigin,
  type Operation,
  type Policy,
} from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { documents } from './reference/worlds.js';

const ORIGINS = Object.keys(EXECUTABLE_ORIGINS).filter(
  (word): word is ExecutableOrigin => word in EXECUTABLE_ORIGINS,
);

export const origins = fc.constantFrom(...ORIGINS);
export const operations = fc.constantFrom<Operation>('fork', 'exec');

/** Of the whole language. */
export const policies: fc.Arbitrary<Policy> = documents.map((document) =>
  policyOf(JSON.stringify(document)),
);

export const bundledPolicies = bundled(policies);

const IMAGES = ['docker.io/library/nginx', 'ghcr.io/team/nginx', 'localhost:5000/api'];
const names = fc.uniqueArray(fc.constantFrom('a', 'b-1', 'C_2', '9'), {
  minLength: 1,
  maxLength: 4,
});

/** What the nodes of this version carry out. */
export const carriedOutPolicies: fc.Arbitrary<BundledPolicy[]> = bundled(
  names
    .chain((selectors) =>
      fc.record({
        selectors: fc.tuple(
          ...selectors.map((name) =>
            fc.record(
              {
                name: fc.constant(name),
                operation: fc.subarray<Operation>(['fork', 'exec'], { minLength: 1 }),
                executableOrigin: fc.subarray(ORIGINS, { minLength: 1 }),
                sessionLeaderInteractive: fc.boolean(),
                containerImageFullName: fc.subarray(IMAGES, { minLength: 1 }),
              },
              { requiredKeys: ['name', 'operation'] },
            ),
          ),
        ),
        responses: fc.array(
          fc.record({
            match: fc.subarray(selectors, { minLength: 1 }),
            exclude: fc.subarray(selectors, { maxLength: Math.min(2, selectors.length) }),
            actions: fc.constantFrom(['log'], ['alert'], ['alert', 'block'], ['log', 'alert']),
          }),
          { minLength: 1, maxLength: 5 },
        ),
      }),
    )
    .map((process) => policyOf(JSON.stringify({ process }))),
);

export const containers: fc.Arbitrary<ContainerFacts> = fc
  .constantFrom(...IMAGES, 'docker.io/library/other', '')
  .map((imageFullName) => ({ ...noFacts(), imageFullName }));

function noFacts(): ContainerFacts {
  return {
    id: '',
    name: '',
    imageFullName: '',
    imageTag: '',
    imageDigest: '',
    podName: '',
    podNamespace: '',
    podUid: '',
  };
}

export const NO_FACTS = noFacts();

/** @throws Error when the document is refused */
export function policyOf(source: string): Policy {
  const { policy, problems } = parsePolicy(source);
  if (!policy) throw new Error(JSON.stringify(problems));
  return policy;
}

function bundled(policy: fc.Arbitrary<Policy>): fc.Arbitrary<BundledPolicy[]> {
  return fc.uniqueArray(
    fc.record({
      policyId: fc.uuid(),
      version: fc.integer({ min: 1, max: 0xffff_ffff }),
      name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      mode: fc.constantFrom('observe' as const, 'enforce' as const),
      policy,
    }),
    { maxLength: 4, selector: ({ policyId }) => policyId },
  );
}
