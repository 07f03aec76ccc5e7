import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { buildAutomaton } from '../../../proto/ts/policy/automaton/build.js';
import { AutomatonWalk } from '../../../proto/ts/policy/automaton/walk.js';
import { type BoundSelector, type BoundSet, bindPolicies } from '../../../proto/ts/policy/bind.js';
import type { PathBytes, PolicyEvent } from '../../../proto/ts/policy/event.js';
import {
  ANY,
  encodeContainer,
  encodeResponseRef,
  kernelTable,
  POLICY_RESPONSE_LAYOUT,
  POLICY_SELECTOR_LAYOUT,
  POLICY_SET_LAYOUT,
  USER_RANGE_LAYOUT,
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

const NONE: BoundSelector = {
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
    const { offsets, size } = POLICY_SET_LAYOUT;
    expect(size).toBe(4840);
    const set: BoundSet = {
      selectors: [
        { ...NONE, operations: ['fork', 'exec'], userIds: [{ first: 5, last: 9 }] },
        {
          ...NONE,
          operations: ['exec'],
          origins: ['writable', 'unknown'],
          interactive: true,
          executable: 62,
        },
        { ...NONE, operations: ['exec'], interactive: false, parentExecutable: 0 },
        {
          ...NONE,
          operations: ['renameFile'],
          target: 1,
          capabilities: ['CAP_CHOWN', 'CAP_KILL'],
          ignoreVolumes: 'files',
          userIds: [{ first: 5, last: 9 }],
        },
      ],
      responses: [
        { match: [63], exclude: [0, 1], actions: ['alert', 'block'], observe: true, ref },
      ],
      pathLists: [],
      argLists: [],
    };
    const table = kernelTable(set);
    const view = new DataView(table.buffer);
    const masks = (at: number, count: number) =>
      Array.from({ length: count }, (_, index) => Number(view.getBigUint64(at + 8 * index, true)));
    expect([0, 4, 8, 12].map((at) => view.getUint32(at, true))).toEqual([4, 1, 1, 0]);
    expect(masks(offsets.operations, 10)).toEqual([1, 7, 0, 0, 0, 0, 0, 0, 0, 8]);
    expect(masks(offsets.origins, 6)).toEqual([13, 13, 15, 13, 13, 15]);
    expect(masks(offsets.sessions, 2)).toEqual([13, 11]);
    expect(masks(offsets.volumes, 4)).toEqual([7, 15, 15, 7]);
    const asking = ['any_user', 'executables', 'parents', 'targets', 'capabilities'] as const;
    expect(asking.map((member) => masks(offsets[member], 1)[0])).toEqual([6, 2, 4, 8, 8]);
    const bytes = Buffer.from(table);
    const anything = '0000000000000080';
    const selectors = [
      anything.repeat(4),
      `0000000000000040${anything.repeat(3)}`,
      `${anything}0100000000000000${anything.repeat(2)}`,
      `${anything.repeat(2)}02000000000000002100000000000000`,
    ];
    const from = offsets.selectors;
    expect(bytes.subarray(from, from + 128).toString('hex')).toBe(selectors.join(''));
    expect(bytes.subarray(offsets.users, offsets.users + 16).toString('hex')).toBe(
      '05000000090000000900000000000000',
    );
    expect(bytes.subarray(offsets.responses, offsets.responses + 24).toString('hex')).toBe(
      '000000000000008003000000000000000e00000000000000',
    );
    expect(bytes.subarray(offsets.responses + 24).every((byte) => byte === 0)).toBe(true);
  });

  it('gives the verdicts of the matcher when it is read as the kernel reads it', () => {
    fc.assert(
      fc.property(
        carriedOutPolicies,
        containers,
        fc.record({
          operations,
          origin: origins,
          interactive: fc.boolean(),
          executable: paths,
          parentExecutable: paths,
          targetPath: paths,
          targetVolume: fc.constantFrom('none', 'directory', 'file', undefined),
          userId: fc.constantFrom(0, 33, 34, 1000, 1999, 2000, 4294967294),
          capabilities: fc.constantFrom(0n, 1n, 1n << 21n, (1n << 41n) - 1n),
        }),
        (bundled, facts, event) => {
          const set = bindPolicies(bundled, facts);
          const { fired, block, wouldBlock } = new Matcher(set).match(event);
          expect(evaluate(set, event)).toEqual({ fired, block, wouldBlock });
        },
      ),
    );
  });
});

describe('what the kernel programs do not carry out', () => {
  it.each(['processArgs: [-c]'])('is refused, not left out: %s', (condition) => {
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
    expect(() => kernelTable(set)).toThrow('more selectors, responses or users');
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

const paths = fc.constantFrom('/bin/sh', '/opt/a/b.so', '/tmp/x', undefined);

/** As the kernel tells them: unknown is ANY alone. */
function listsOf(walk: AutomatonWalk, path: PathBytes | undefined): bigint {
  if (path === undefined) return ANY;
  walk.run(Buffer.from(path));
  const [low = 0, high = 0] = walk.matched;
  return ANY | BigInt(low) | (BigInt(high) << 32n);
}

/** bh_judge_slot() of bpf/include/policy.h. */
function evaluate(
  set: BoundSet,
  event: PolicyEvent,
): { fired: number[]; block: boolean; wouldBlock: boolean } {
  const { buffer } = kernelTable(set);
  const view = new DataView(buffer);
  const { offsets } = POLICY_SET_LAYOUT;
  const mask = (at: number, index = 0) => view.getBigUint64(at + 8 * index, true);
  const walk = new AutomatonWalk(buildAutomaton(set.pathLists, 'path'));
  const origin = event.origin === undefined ? 0 : EXECUTABLE_ORIGINS[event.origin];
  const volume = event.targetVolume === undefined ? 0 : VOLUMES[event.targetVolume];
  let selectors =
    mask(offsets.origins, origin) &
    mask(offsets.sessions, event.interactive ? 1 : 0) &
    mask(offsets.volumes, volume);
  let users = mask(offsets.any_user);
  for (let index = 0; index < view.getUint32(offsets.user_range_count, true); index++) {
    const at = offsets.users + index * USER_RANGE_LAYOUT.size;
    const [first, last] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (first <= (event.userId ?? -1) && (event.userId ?? -1) <= last) users |= mask(at + 8);
  }
  selectors &= users;
  const asked = [
    listsOf(walk, event.executable),
    listsOf(walk, event.parentExecutable),
    listsOf(walk, event.targetPath),
    ANY | (event.capabilities ?? 0n),
  ];
  for (let index = 0; index < 64; index++) {
    const at = offsets.selectors + index * POLICY_SELECTOR_LAYOUT.size;
    if (asked.some((value, member) => (mask(at, member) & value) === 0n)) {
      selectors &= ~(1n << BigInt(index));
    }
  }
  const fired = new Set<number>();
  let block = false;
  let observed = false;
  for (const operation of event.operations) {
    const matched = selectors & mask(offsets.operations, OPERATIONS[operation] - 1);
    for (let index = 0; index < view.getUint32(offsets.response_count, true); index++) {
      const at = offsets.responses + index * POLICY_RESPONSE_LAYOUT.size;
      if (!(matched & mask(at)) || matched & mask(at + 8)) continue;
      fired.add(index);
      const actions = view.getUint32(at + 16, true);
      if ((actions & 12) === 4) block = true;
      if ((actions & 12) === 12) observed = true;
    }
  }
  return {
    fired: [...fired].sort((a, b) => a - b),
    block,
    wouldBlock: observed && !block,
  };
}

const VOLUMES = { none: 1, directory: 2, file: 3 } as const;
