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
const PROCESS_OPERATIONS = ['fork', 'exec', 'load'] as const;
const FILE_OPERATIONS = [
  ...['createExecutable', 'modifyExecutable', 'createFile', 'modifyFile', 'deleteFile'],
  ...['openFile', 'renameFile'],
] as Operation[];

/** Of one act: one of the process section, or one to three of the file section. */
export const operations: fc.Arbitrary<Operation[]> = fc.oneof(
  fc.constantFrom<Operation>(...PROCESS_OPERATIONS).map((one) => [one]),
  fc.subarray(FILE_OPERATIONS, { minLength: 1, maxLength: 3 }),
);

/** Of the whole language. */
export const policies: fc.Arbitrary<Policy> = documents.map((document) =>
  policyOf(JSON.stringify(document)),
);

export const bundledPolicies = bundled(policies);

const PATTERNS = ['/bin/sh', '/opt/**/*.so', '/tmp/*'];
const IMAGES = ['docker.io/library/nginx', 'ghcr.io/team/nginx', 'localhost:5000/api'];
const names = fc.uniqueArray(fc.constantFrom('a', 'b-1', 'C_2', '9'), {
  minLength: 1,
  maxLength: 4,
});

const USERS = ['0', '33', '1000-1999', '1500-4294967294'];
const CAPABILITIES = ['CAP_SYS_ADMIN', 'CAP_CHOWN', 'CAP_BPF'];

/** Conditions that both sections have. */
const common = {
  processUserId: fc.subarray(USERS, { minLength: 1 }),
  processCapability: fc.subarray(CAPABILITIES, { minLength: 1 }),
  processExecutable: fc.subarray(PATTERNS, { minLength: 1 }),
  containerImageFullName: fc.subarray(IMAGES, { minLength: 1 }),
};

const processSelector = (name: string) =>
  fc.record(
    {
      ...common,
      name: fc.constant(name),
      operation: fc.subarray<Operation>([...PROCESS_OPERATIONS], { minLength: 1 }),
      executableOrigin: fc.subarray(ORIGINS, { minLength: 1 }),
      sessionLeaderInteractive: fc.boolean(),
      parentExecutable: fc.subarray(PATTERNS, { minLength: 1 }),
    },
    { requiredKeys: ['name', 'operation'] },
  );

const fileSelector = (name: string) =>
  fc
    .record(
      {
        ...common,
        name: fc.constant(name),
        operation: fc.subarray(FILE_OPERATIONS, { minLength: 1 }),
        targetFilePath: fc.subarray(PATTERNS, { minLength: 1 }),
        ignore: fc.constantFrom('ignoreVolumeMounts', 'ignoreVolumeFiles'),
      },
      { requiredKeys: ['name', 'operation'] },
    )
    .map(({ ignore, ...rest }) => (ignore === undefined ? rest : { ...rest, [ignore]: true }));

function section(selectorOf: (name: string) => fc.Arbitrary<object>): fc.Arbitrary<object> {
  return names.chain((selectors) =>
    fc.record({
      selectors: fc.tuple(...selectors.map(selectorOf)),
      responses: fc.array(
        fc.record({
          match: fc.subarray(selectors, { minLength: 1 }),
          exclude: fc.subarray(selectors, { maxLength: Math.min(2, selectors.length) }),
          actions: fc.constantFrom(['log'], ['alert'], ['alert', 'block'], ['log', 'alert']),
        }),
        { minLength: 1, maxLength: 5 },
      ),
    }),
  );
}

/** What the nodes of this version carry out. */
export const carriedOutPolicies: fc.Arbitrary<BundledPolicy[]> = bundled(
  fc
    .record(
      { process: section(processSelector), file: section(fileSelector) },
      { requiredKeys: [] },
    )
    .map((document) => parsePolicy(JSON.stringify(document)).policy)
    // A block without a path, and an empty document, are refused.
    .filter((policy) => policy !== undefined),
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
