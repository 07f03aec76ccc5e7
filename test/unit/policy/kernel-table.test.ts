import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type BoundSelector, type BoundSet, bindPolicies } from '../../../proto/ts/policy/bind.js';
import {
  encodeContainer,
  encodeResponseRef,
  kernelTable,
  POLICY_RESPONSE_LAYOUT,
  POLICY_SELECTOR_LAYOUT,
  POLICY_SET_LAYOUT,
} from '../../../proto/ts/policy/kernel-table.js';
import { Matcher } from '../../../proto/ts/policy/match.js';
import { EXECUTABLE_ORIGINS, OPERATIONS } from '../../../proto/ts/policy/model.js';
import { tableNeed } from '../../../proto/ts/policy/node-support.js';
import { loadMessageType } from '../../../proto/ts/wire/protos.js';
import {
  carriedOutPolicies,
  containers,
  NO_FACTS,
  operations,
  origins,
  policyOf,
} from './arbitraries.js';

const ref = {
  policyId: '9b2f',
  policyVersion: 7,
  policyName: 'drift',
  section: 'process',
  response: 2,
  selectors: ['a', 'b'],
  actions: ['alert', 'block'],
} as const;

const ANY: BoundSelector = {
  operations: [],
  origins: [],
  executable: undefined,
  parentExecutable: undefined,
  target: undefined,
  args: undefined,
  userIds: [],
  capabilities: [],
  interactive: undefined,
  ignoreVolumes: undefined,
  byName: false,
};

describe('kernelTable', () => {
  it('lies as bpf/include/abi.h says', () => {
    expect(POLICY_SET_LAYOUT).toMatchObject({ selectors: 8, responses: 776, size: 2312 });
    const set: BoundSet = {
      selectors: [
        { ...ANY, operations: ['fork', 'exec'] },
        { ...ANY, operations: ['exec'], origins: ['writable', 'unknown'], interactive: true },
        { ...ANY, operations: ['exec'], interactive: false },
      ],
      responses: [
        { match: [63], exclude: [0, 1], actions: ['alert', 'block'], observe: true, ref },
      ],
      pathLists: [],
      argLists: [],
    };
    const table = Buffer.from(kernelTable(set));
    expect(table).toHaveLength(2312);
    expect(table.subarray(0, 8).toString('hex')).toBe('0300000001000000');
    expect(table.subarray(8, 44).toString('hex')).toBe(
      '03000000ffffffffffffffff020000001200000002000000' + '02000000ffffffff01000000',
    );
    expect(table.subarray(776, 800).toString('hex')).toBe(
      '000000000000008003000000000000000e00000000000000',
    );
    expect(table.subarray(44, 776).every((byte) => byte === 0)).toBe(true);
    expect(table.subarray(800).every((byte) => byte === 0)).toBe(true);
  });

  it('gives the verdicts of the matcher when it is read as the kernel reads it', () => {
    fc.assert(
      fc.property(
        carriedOutPolicies,
        containers,
        operations,
        origins,
        fc.boolean(),
        (bundled, facts, op, origin, interactive) => {
          const set = bindPolicies(bundled, facts);
          const event = { operations: [op], origin, interactive };
          const { fired, block, wouldBlock } = new Matcher(set).match(event);
          const kernel = evaluate(
            kernelTable(set),
            1 << (OPERATIONS[op] - 1),
            1 << (EXECUTABLE_ORIGINS[origin] - 1),
            interactive ? 2 : 1,
          );
          expect(kernel).toEqual({ fired, block, wouldBlock });
        },
      ),
    );
  });
});

describe('what the kernel programs do not carry out', () => {
  it.each([
    'operation: [load]',
    'processName: [sh]',
    'parentExecutable: [/bin/sh]',
    'processArgs: [-c]',
    'processUserId: [0]',
    'processCapability: [CAP_BPF]',
  ])('is refused, not left out: %s', (condition) => {
    const policy = policyOf(
      `process: {selectors: [{name: a, ${condition}}], responses: [{match: [a], actions: [log]}]}`,
    );
    const set = bindPolicies([{ policyId: 'p', version: 1, name: '', mode: 'enforce', policy }], {
      ...NO_FACTS,
    });
    expect(() => kernelTable(set)).toThrow('do not carry out');
  });

  it('is more than 64 selectors or responses', () => {
    const names = Array.from({ length: 65 }, (_, at) => `s${at}`);
    const selectors = names.map((name, at) => ({
      name,
      operation: ['exec'],
      ...(at < 31 && { executableOrigin: ORIGIN_SETS[at] }),
    }));
    const responses = names.map((name) => ({ match: [name], actions: ['log'] }));
    const policy = policyOf(JSON.stringify({ process: { selectors, responses } }));
    const bundled = [{ policyId: 'p', version: 1, name: '', mode: 'enforce', policy }] as const;
    expect(tableNeed(bundled)).toMatchObject({ responses: 65, fits: false });
    const set = bindPolicies(bundled, NO_FACTS);
    expect(() => kernelTable(set)).toThrow('more selectors or responses');
  });
});

/** Every set of origins but the empty one. */
const ORIGIN_SETS = Array.from({ length: 31 }, (_, at) =>
  Object.keys(EXECUTABLE_ORIGINS).filter((_word, bit) => (((at + 1) >> bit) & 1) === 1),
);

describe('what the addon copies into batches', () => {
  it('is a ResponseRef of event.proto', () => {
    const type = loadMessageType('bulkhead/v1/event.proto', 'bulkhead.v1.ResponseRef');
    const bytes = encodeResponseRef(ref);
    expect(type.decode(bytes)).toMatchObject({ ...ref, actions: 6 });
    expect(Buffer.from(bytes)).toEqual(
      Buffer.from(type.encode(type.create({ ...ref, actions: 6 })).finish()),
    );
  });

  it('is a Container of event.proto', () => {
    const type = loadMessageType('bulkhead/v1/event.proto', 'bulkhead.v1.Container');
    const facts = {
      id: 'c1',
      name: 'web',
      imageFullName: 'docker.io/library/nginx',
      imageTag: '1.27',
      imageDigest: 'sha256:00',
      podName: 'web-0',
      podNamespace: 'shop',
      podUid: 'u1',
    };
    expect(type.decode(encodeContainer(facts))).toMatchObject(facts);
    expect(encodeContainer({ ...facts, podUid: '' })).toHaveLength(
      encodeContainer(facts).length - 4,
    );
  });
});

function evaluate(
  table: Uint8Array,
  operation: number,
  origin: number,
  session: number,
): { fired: number[]; block: boolean; wouldBlock: boolean } {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  let matched = 0n;
  for (let index = 0; index < view.getUint32(0, true); index++) {
    const at = POLICY_SET_LAYOUT.selectors + index * POLICY_SELECTOR_LAYOUT.size;
    const operationHit = view.getUint32(at, true) & operation;
    const originHit = view.getUint32(at + 4, true) & origin;
    const sessionHit = view.getUint32(at + 8, true) & session;
    if (operationHit && originHit && sessionHit) matched |= 1n << BigInt(index);
  }
  const fired: number[] = [];
  let block = false;
  let observed = false;
  for (let index = 0; index < view.getUint32(4, true); index++) {
    const at = POLICY_SET_LAYOUT.responses + index * POLICY_RESPONSE_LAYOUT.size;
    const match = view.getBigUint64(at, true);
    const exclude = view.getBigUint64(at + 8, true);
    if (!(matched & match) || matched & exclude) continue;
    fired.push(index);
    const actions = view.getUint32(at + 16, true);
    if ((actions & 12) === 4) block = true;
    if ((actions & 12) === 12) observed = true;
  }
  return { fired, block, wouldBlock: observed && !block };
}
