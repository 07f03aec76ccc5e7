import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeBundle, encodePolicy } from '../../../proto/ts/policy/canonical.js';
import { CAPABILITIES } from '../../../proto/ts/policy/capabilities.js';
import { decodeBundle, decodePolicy } from '../../../proto/ts/policy/decode.js';
import {
  ACTIONS,
  EXECUTABLE_ORIGINS,
  OPERATIONS,
  POLICY_MODES,
  type Policy,
  type PolicyBundle,
  type PolicySection,
  UNKNOWN_CONTAINER,
} from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { loadMessageType } from '../../../proto/ts/wire/protos.js';
import { bundledPolicies, policies, policyOf } from './arbitraries.js';
import { documents } from './reference/worlds.js';
import { rewrites, rewritten } from './rewrites.js';

const PolicyType = loadMessageType('bulkhead/v1/policy.proto', 'bulkhead.v1.Policy');
const BundleType = loadMessageType('bulkhead/v1/policy.proto', 'bulkhead.v1.PolicyBundle');

const bundles: fc.Arbitrary<PolicyBundle> = fc
  .record({
    tenantId: fc.uuid(),
    clusterId: fc.uuid(),
    revision: fc.bigInt(1n, (1n << 64n) - 1n),
    createdUnixMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    policies: bundledPolicies,
  })
  .map((bundle) => ({
    ...bundle,
    policies: bundle.policies.sort((a, b) => (a.policyId < b.policyId ? -1 : 1)),
  }));

const example: Policy = {
  process: {
    selectors: [
      {
        name: 'drifted',
        operations: ['exec'],
        executableOrigins: ['writable', 'memory'],
        texts: { containerImageName: ['api', 'nginx'] },
        flags: {},
        userIds: [],
        capabilities: [],
      },
    ],
    responses: [{ match: [0], exclude: [], actions: ['alert', 'block'] }],
  },
  unknownContainer: 'allow',
};

describe('canonical bytes', () => {
  it('are what protobufjs writes by reflection', () => {
    fc.assert(
      fc.property(bundles, (bundle) => {
        const message = {
          ...bundle,
          revision: bundle.revision.toString(),
          // A default is left out.
          createdUnixMs: bundle.createdUnixMs || undefined,
          policies: bundle.policies.map((bundled) => ({
            ...bundled,
            mode: POLICY_MODES[bundled.mode],
            policy: messageOf(bundled.policy),
          })),
        };
        const expected = BundleType.encode(BundleType.fromObject(message)).finish();
        expect(hex(encodeBundle(bundle))).toBe(hex(expected));
      }),
    );
  });

  it('are decoded to what was encoded', () => {
    fc.assert(
      fc.property(bundles, (bundle) => {
        expect(decodeBundle(encodeBundle(bundle))).toEqual(bundle);
      }),
    );
  });

  it('stay the same under every rewrite that keeps the meaning', () => {
    fc.assert(
      fc.property(documents, rewrites, (document, rewrite) => {
        const wanted = encodePolicy(policyOf(JSON.stringify(document)));
        const { policy, problems } = parsePolicy(rewritten(document, rewrite));
        expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
        expect(policy && hex(encodePolicy(policy))).toBe(hex(wanted));
      }),
      { numRuns: 1000 },
    );
  });

  it('keep the meaning when they are written down and read again', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const { policy: again } = parsePolicy(JSON.stringify(documentOfPolicy(policy)));
        expect(again).toEqual(policy);
      }),
      { numRuns: 500 },
    );
  });

  it('do not change between versions', () => {
    expect(hex(encodePolicy(example))).toBe(
      '0a270a1c0a0764726966746564120102220361706922056e67696e782a02020312070a01001a0202031801',
    );
  });
});

describe('decoding', () => {
  it('refuses with BUNDLE_MALFORMED whatever is not canonical, and never throws anything else', () => {
    fc.assert(
      fc.property(policies, fc.nat(), fc.nat({ max: 255 }), (policy, at, byte) => {
        const bytes = Uint8Array.from(encodePolicy(policy));
        bytes[at % bytes.length] = byte;
        const decoded = decodedOrCode(bytes);
        if (typeof decoded === 'string') expect(decoded).toBe('BUNDLE_MALFORMED');
        else expect(hex(encodePolicy(decoded))).toBe(hex(bytes));
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const decoded = decodedOrCode(bytes);
        if (typeof decoded === 'string') expect(decoded).toBe('BUNDLE_MALFORMED');
      }),
      { numRuns: 500 },
    );
  });

  it('refuses torn bytes', () => {
    const bytes = encodePolicy(example);
    for (let length = 0; length < bytes.length; length++) {
      expect(decodedOrCode(bytes.subarray(0, length))).toBe('BUNDLE_MALFORMED');
    }
  });

  const section = example.process;
  const selector = section?.selectors[0];
  const response = section?.responses[0];
  const withSelector = (more: object): object => ({
    ...messageOf(example),
    process: { selectors: [{ ...selectorMessage(), ...more }], responses: [responseMessage()] },
  });
  const withResponse = (more: object): object => ({
    ...messageOf(example),
    process: { selectors: [selectorMessage()], responses: [{ ...responseMessage(), ...more }] },
  });
  const selectorMessage = (): object => ({
    name: selector?.name,
    operations: [OPERATIONS.exec],
    executableOrigins: [EXECUTABLE_ORIGINS.writable],
    containerImageName: ['nginx'],
  });
  const responseMessage = (): object => ({ ...response, actions: [ACTIONS.alert, ACTIONS.block] });

  it.each([
    ['a dangling index', withResponse({ match: [1] }), 'not there'],
    ['a dangling exclude', withResponse({ exclude: [7] }), 'not there'],
    ['no match', withResponse({ match: [] }), 'matches nothing'],
    ['no action', withResponse({ actions: [] }), 'does nothing'],
    ['an unknown action', withResponse({ actions: [2, 9] }), 'no action 9'],
    ['block without alert', withResponse({ actions: [3] }), 'without an alert'],
    ['unsorted actions', withResponse({ actions: [3, 2] }), 'canonical'],
    ['a repeated index', withResponse({ match: [0, 0] }), 'canonical'],
    ['an unknown operation', withSelector({ operations: [2, 77] }), 'no operation 77'],
    ['the unspecified operation', withSelector({ operations: [0] }), 'no operation 0'],
    ['no operation', withSelector({ operations: [] }), 'names no operation'],
    ['an operation of a file', withSelector({ operations: [6] }), 'another section'],
    ['a condition of a file', withSelector({ targetFilePath: ['/a'] }), 'another section'],
    ['exclusive conditions', withSelector({ containerImageFullName: ['r.io/a'] }), 'exclude each'],
    ['a block by arguments', withSelector({ processArgs: ['-x'] }), 'by arguments'],
    ['a bad glob', withSelector({ processExecutable: ['/a['] }), 'normal form'],
    ['a relative path', withSelector({ processExecutable: ['a'] }), 'normal form'],
    ['a glob in another form', withSelector({ processExecutable: ['/{a,b}'] }), 'normal form'],
    ['an unknown flag', withSelector({ containerPrivileged: 3 }), 'no flag 3'],
    ['an unknown capability', withSelector({ processCapabilities: [42] }), 'no capability 41'],
    ['reversed user ids', withSelector({ processUserIds: [{ first: 2, last: 1 }] }), 'user ids'],
    [
      'adjacent user ids',
      withSelector({
        processUserIds: [
          { first: 1, last: 1 },
          { first: 2, last: 2 },
        ],
      }),
      'canonical',
    ],
    ['an unknown origin', withSelector({ executableOrigins: [6] }), 'no origin 6'],
    ['unsorted values', withSelector({ containerImageName: ['b', 'a'] }), 'canonical'],
    ['an empty value', withSelector({ containerImageName: [''] }), 'normal form'],
    ['a long value', withSelector({ containerImageName: ['a'.repeat(1023)] }), 'too long'],
    ['no name', withSelector({ name: '' }), 'name'],
    ['no section', { unknownContainer: 1 }, 'no section'],
    ['an empty section', { process: {}, unknownContainer: 1 }, 'empty'],
    ['no treatment of unknown containers', { process: messageOf(example).process }, 'unknown'],
    [
      'a block of a file operation without a path',
      {
        unknownContainer: 1,
        file: {
          selectors: [{ name: 'a', operations: [6] }],
          responses: [{ match: [0], actions: [2, 3] }],
        },
      },
      'every file',
    ],
    [
      'a process section as a file section',
      { ...messageOf(example), file: messageOf(example).process },
      'another section',
    ],
  ])('refuses %s', (_what, message, text) => {
    const bytes = PolicyType.encode(PolicyType.fromObject(message)).finish();
    expect(() => decodePolicy(bytes)).toThrow(text);
    expect(decodedOrCode(bytes)).toBe('BUNDLE_MALFORMED');
  });

  it('refuses a condition that it does not know, instead of widening the selector', () => {
    // Field 63, length delimited.
    const unknownField = Uint8Array.from([0xfa, 0x03, 0x01, 0x61]);
    const selectorBytes = [0x0a, 0x01, 0x61, 0x12, 0x01, 0x02, ...unknownField];
    const responseBytes = [0x0a, 0x01, 0x00, 0x1a, 0x01, 0x02];
    const sectionBytes = [
      ...[0x0a, selectorBytes.length, ...selectorBytes],
      ...[0x12, responseBytes.length, ...responseBytes],
    ];
    const bytes = Uint8Array.from([0x0a, sectionBytes.length, ...sectionBytes, 0x18, 0x01]);
    expect(() => decodePolicy(bytes)).toThrow('PolicySelector has a field 63');
  });
});

function decodedOrCode(bytes: Uint8Array): Policy | string {
  try {
    return decodePolicy(bytes);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}

function messageOf(policy: Policy): { process?: object; file?: object; unknownContainer: number } {
  const { process, file } = policy;
  return {
    ...(process && { process: sectionMessage(process) }),
    ...(file && { file: sectionMessage(file) }),
    unknownContainer: UNKNOWN_CONTAINER[policy.unknownContainer],
  };
}

function sectionMessage({ selectors, responses }: PolicySection): object {
  return {
    selectors: selectors.map(({ name, operations, executableOrigins, texts, flags, ...rest }) => ({
      name,
      operations: operations.map((word) => OPERATIONS[word]),
      executableOrigins: executableOrigins.map((word) => EXECUTABLE_ORIGINS[word]),
      ...texts,
      ...Object.fromEntries(Object.entries(flags).map(([word, flag]) => [word, flag ? 1 : 2])),
      // A default is left out.
      processUserIds: rest.userIds.map(({ first, last }) => ({
        ...(first && { first }),
        ...(last && { last }),
      })),
      processCapabilities: rest.capabilities.map((word) => CAPABILITIES.indexOf(word) + 1),
    })),
    responses: responses.map((response) => ({
      ...response,
      actions: response.actions.map((word) => ACTIONS[word]),
    })),
  };
}

/** The document that says what a policy says. */
function documentOfPolicy({ process, file, unknownContainer }: Policy): object {
  const section = ({ selectors, responses }: PolicySection): object => ({
    selectors: selectors.map(({ name, operations, executableOrigins, texts, flags, ...rest }) => ({
      name,
      operation: operations,
      ...(executableOrigins.length > 0 && { executableOrigin: executableOrigins }),
      ...texts,
      ...flags,
      ...(rest.userIds.length > 0 && {
        processUserId: rest.userIds.map(({ first, last }) => `${first}-${last}`),
      }),
      ...(rest.capabilities.length > 0 && { processCapability: rest.capabilities }),
    })),
    responses: responses.map(({ match, exclude, actions }) => ({
      match: match.map((at) => selectors[at]?.name),
      exclude: exclude.map((at) => selectors[at]?.name),
      actions,
    })),
  });
  return {
    unknownContainer,
    ...(process && { process: section(process) }),
    ...(file && { file: section(file) }),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
