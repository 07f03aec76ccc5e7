import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { KnownContainer } from '../../../node-agent/containers/container-watch.js';
import { Enforcement } from '../../../node-agent/policy/enforcement.js';
import { KernelStateFile } from '../../../node-agent/policy/kernel-state.js';
import type { BundledPolicy } from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { FakeKernel } from '../../fakes/kernel.js';

const DRIFT = `
process:
  selectors: [{ name: drifted, operation: [exec], executableOrigin: [writable] }]
  responses: [{ match: [drifted], actions: [alert, block] }]
`;
const ONLY_NGINX = `
process:
  selectors: [{ name: web, operation: [exec], containerImageName: [nginx] }]
  responses: [{ match: [web], actions: [log] }]
`;

function policy(source: string, policyId = 'p1', version = 1): BundledPolicy {
  const parsed = parsePolicy(source);
  if (!parsed.policy) throw new Error(JSON.stringify(parsed.problems));
  return { policyId, version, name: policyId, mode: 'enforce', policy: parsed.policy };
}

function container(cgroupId: bigint, image: string): KnownContainer {
  const facts = {
    id: `c${cgroupId}`,
    name: 'main',
    imageFullName: `docker.io/library/${image}`,
    imageTag: 'latest',
    imageDigest: '',
    podName: '',
    podNamespace: '',
    podUid: '',
  };
  return { cgroupId, cgroupPath: `/k/c${cgroupId}`, rootDevice: 7n, facts };
}

describe('enforcement', () => {
  let directory: string;
  let kernel: FakeKernel;
  let nested: Map<string, bigint[]>;

  const open = () =>
    new Enforcement({
      kernel,
      state: new KernelStateFile(join(directory, 'state.json')),
      nestedCgroups: async (path) => nested.get(path) ?? [],
      log: pino({ level: 'silent' }),
    });
  const setOf = (cgroupId: bigint) => kernel.containers.get(cgroupId)?.activeSet;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bulkhead-enforcement-'));
    kernel = new FakeKernel();
    nested = new Map();
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it('shares one set between containers that are bound to the same', () => {
    const enforcement = open();
    for (const id of [1n, 2n]) enforcement.containerSeen(container(id, 'redis'));
    enforcement.containerSeen(container(3n, 'nginx'));
    enforcement.applyPolicies([policy(DRIFT), policy(ONLY_NGINX, 'p2')]);
    expect(setOf(1n)).toBe(setOf(2n));
    expect(setOf(3n)).not.toBe(setOf(1n));
    expect(kernel.unknownSet).toBe(setOf(1n));
    expect([...kernel.sets.keys()].sort()).toEqual([setOf(1n), setOf(3n)].sort());
    enforcement.containerSeen(container(4n, 'redis'));
    expect(setOf(4n)).toBe(setOf(1n));
  });

  it('gives a set the automaton of its path patterns, and another one to other patterns', () => {
    const enforcement = open();
    enforcement.containerSeen(container(1n, 'redis'));
    const named = (name: string) =>
      policy(
        `process: {selectors: [{name: a, operation: [exec], processName: [${name}]}], responses: [{match: [a], actions: [log]}]}`,
      );
    const sets = ['sh', 'bash', 'sh'].map((name) => {
      enforcement.applyPolicies([named(name)]);
      return setOf(1n) ?? 0;
    });
    expect(new Set(sets).size).toBe(3);
    const [sh, bash, again] = sets.map((id) => kernel.automatons.get(id));
    expect(sh?.length).toBeGreaterThan(0);
    expect(again).toEqual(sh);
    expect(bash).not.toEqual(sh);
    enforcement.applyPolicies([policy(DRIFT)]);
    expect(kernel.automatons.get(setOf(1n) ?? 0)).toHaveLength(0);
  });

  it('never gives an id to another content, and deletes what nothing refers to', () => {
    const enforcement = open();
    enforcement.containerSeen(container(1n, 'redis'));
    const ids: (number | undefined)[] = [];
    for (let version = 1; version <= 3; version += 1) {
      enforcement.applyPolicies([policy(DRIFT, 'p1', version)]);
      ids.push(setOf(1n));
      expect([...kernel.sets.keys()]).toEqual([setOf(1n)]);
    }
    expect(new Set(ids).size).toBe(3);
    enforcement.applyPolicies([]);
    expect(setOf(1n)).toBe(0);
    expect(kernel.sets.size).toBe(0);
  });

  it.each(['setPolicySet', 'setContainer'] as const)(
    'keeps what was in force when %s fails',
    (call) => {
      const enforcement = open();
      for (const id of [1n, 2n]) enforcement.containerSeen(container(id, 'nginx'));
      enforcement.applyPolicies([policy(DRIFT)]);
      const before = { sets: [...kernel.sets.keys()], bound: [setOf(1n), setOf(2n)] };
      kernel.failNext(call, call === 'setContainer' ? 2 : 1);
      expect(() => enforcement.applyPolicies([policy(ONLY_NGINX, 'p2')])).toThrow(
        expect.objectContaining({ code: 'BUNDLE_NOT_LOADED' }),
      );
      expect([...kernel.sets.keys()]).toEqual(before.sets);
      expect([setOf(1n), setOf(2n)]).toEqual(before.bound);
      expect(kernel.unknownSet).toBe(before.bound[0]);
      enforcement.applyPolicies([policy(ONLY_NGINX, 'p2')]);
      expect(setOf(1n)).not.toBe(before.bound[0]);
    },
  );

  it('claims cgroups that were made below a container before it was known', async () => {
    const enforcement = open();
    nested.set('/k/c1', [11n, 12n]);
    enforcement.containerSeen(container(1n, 'redis'));
    await kernel.settled;
    expect(kernel.containers.get(1n)?.nested).toEqual([11n, 12n]);
  });

  it('tells an adopted kernel again what its ids stand for, and keeps them', () => {
    const former = open();
    for (const id of [1n, 2n]) former.containerSeen(container(id, 'redis'));
    former.applyPolicies([policy(DRIFT)]);
    const set = setOf(1n);
    former.containerGone(2n);

    kernel.forgetTold();
    const enforcement = open();
    const known = enforcement.restore();
    expect(known.map(({ cgroupId }) => cgroupId)).toEqual([1n]);
    expect(kernel.toldSets).toEqual([set]);
    // Its events may still be in a ring: its facts are told, then it is deleted again.
    expect(kernel.toldContainers).toEqual([1n, 2n]);
    expect([...kernel.containers.keys()]).toEqual([1n]);
    enforcement.applyPolicies([policy(DRIFT)]);
    expect(setOf(1n)).toBe(set);
    enforcement.applyPolicies([policy(DRIFT, 'p1', 2)]);
    expect(setOf(1n)).toBeGreaterThan(set ?? 0);
  });

  it('leaves bound what a former agent bound until policies come', () => {
    const former = open();
    former.containerSeen(container(1n, 'redis'));
    former.applyPolicies([policy(DRIFT)]);
    const set = setOf(1n);
    const enforcement = open();
    enforcement.restore();
    enforcement.containerSeen(container(1n, 'redis'));
    enforcement.containerSeen(container(2n, 'redis'));
    expect([setOf(1n), setOf(2n), kernel.unknownSet]).toEqual([set, set, set]);
  });

  it('deletes what is in an adopted kernel and nobody knows, once all are listed', () => {
    kernel.sets.set(9, []);
    kernel.containers.set(99n, { cgroupId: 99n, activeSet: 9, facts: new Uint8Array() });
    const enforcement = open();
    expect(enforcement.restore()).toEqual([]);
    enforcement.containerSeen(container(1n, 'redis'));
    enforcement.applyPolicies([policy(DRIFT)]);
    expect(setOf(1n)).toBe(10);
    enforcement.containersListed();
    expect([...kernel.containers.keys()]).toEqual([1n]);
    expect([...kernel.sets.keys()]).toEqual([10]);
  });

  it('trusts no ids of rings that are gone', () => {
    const former = open();
    former.containerSeen(container(1n, 'redis'));
    former.applyPolicies([policy(DRIFT)]);
    kernel = new FakeKernel(2n);
    expect(open().restore()).toEqual([]);
    expect(kernel.toldSets).toEqual([]);
  });
});
