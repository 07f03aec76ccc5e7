import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { encodeBundle, encodePolicy } from '../../../proto/ts/policy/canonical.js';
import { decodeBundle, decodePolicy } from '../../../proto/ts/policy/decode.js';
import {
  ACTIONS,
  EXECUTABLE_ORIGINS,
  OPERATIONS,
  POLICY_MODES,
  type Policy,
  type PolicyBundle,
  UNKNOWN_CONTAINER,
} from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { loadMessageType } from '../../../proto/ts/wire/protos.js';
import { bundledPolicies, documentOf, policies, rawPolicies } from './arbitraries.js';

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
        containerImageFullNames: [],
        containerImageNames: ['api', 'nginx'],
        executableOrigins: ['writable', 'memory'],
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

  it('stay the same under every order and every YAML style', () => {
    fc.assert(
      fc.property(
        rawPolicies,
        fc.infiniteStream(fc.nat()),
        fc.constantFrom('BLOCK_LITERAL', 'PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE'),
        fc.boolean(),
        (policy, order, scalarStyle, flow) => {
          const shuffle = <T>(list: readonly T[]): T[] =>
            list
              .map((entry) => ({ entry, at: order.next().value ?? 0 }))
              .sort((a, b) => a.at - b.at)
              .map(({ entry }) => entry);
          const document = documentOf(policy, shuffle);
          const text = stringify(document, {
            defaultStringType: scalarStyle,
            collectionStyle: flow ? 'flow' : 'any',
          });
          const parsed = parsePolicy(`# a comment\n${text}`);
          const errors = parsed.problems.filter(({ severity }) => severity === 'error');
          expect(errors).toEqual([]);
          expect(parsed.policy && hex(encodePolicy(parsed.policy))).toBe(hex(encodePolicy(policy)));
        },
      ),
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
    ...selector,
    operations: [OPERATIONS.exec],
    executableOrigins: [EXECUTABLE_ORIGINS.writable],
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
    ['a block on fork', withSelector({ operations: [1] }), 'blocks fork'],
    ['an unknown origin', withSelector({ executableOrigins: [6] }), 'no origin 6'],
    ['unsorted values', withSelector({ containerImageNames: ['b', 'a'] }), 'canonical'],
    ['an empty value', withSelector({ containerImageNames: [''] }), 'empty'],
    ['a long value', withSelector({ containerImageNames: ['a'.repeat(512)] }), 'too long'],
    ['no name', withSelector({ name: '' }), 'name'],
    ['no section', { unknownContainer: 1 }, 'no section'],
    ['an empty section', { process: {}, unknownContainer: 1 }, 'empty'],
    ['no treatment of unknown containers', { process: messageOf(example).process }, 'unknown'],
    ['a file section', { ...messageOf(example), file: messageOf(example).process }, 'file'],
  ])('refuses %s', (_what, message, text) => {
    const bytes = PolicyType.encode(PolicyType.fromObject(message)).finish();
    expect(() => decodePolicy(bytes)).toThrow(text);
    expect(decodedOrCode(bytes)).toBe('BUNDLE_MALFORMED');
  });

  it('refuses a condition that it does not know, instead of widening the selector', () => {
    const unknownField = Uint8Array.from([0x3a, 0x01, 0x61]);
    const selectorBytes = [0x0a, 0x01, 0x61, 0x12, 0x01, 0x02, ...unknownField];
    const responseBytes = [0x0a, 0x01, 0x00, 0x1a, 0x01, 0x02];
    const sectionBytes = [
      ...[0x0a, selectorBytes.length, ...selectorBytes],
      ...[0x12, responseBytes.length, ...responseBytes],
    ];
    const bytes = Uint8Array.from([0x0a, sectionBytes.length, ...sectionBytes, 0x18, 0x01]);
    expect(() => decodePolicy(bytes)).toThrow('PolicySelector has a field 7');
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

function messageOf(policy: Policy): { process: object; unknownContainer: number } {
  return {
    process: {
      selectors: policy.process?.selectors.map((selector) => ({
        ...selector,
        operations: selector.operations.map((word) => OPERATIONS[word]),
        executableOrigins: selector.executableOrigins.map((word) => EXECUTABLE_ORIGINS[word]),
      })),
      responses: policy.process?.responses.map((response) => ({
        ...response,
        actions: response.actions.map((word) => ACTIONS[word]),
      })),
    },
    unknownContainer: UNKNOWN_CONTAINER[policy.unknownContainer],
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
