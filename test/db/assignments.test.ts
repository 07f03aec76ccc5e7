import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { selectorFromText } from '../../control-plane/domain/label-selector.js';
import {
  countChosen,
  createAssignment,
  deleteAssignment,
  listAssignments,
  updateAssignment,
} from '../../control-plane/store/assignments.js';
import {
  archiveCluster,
  createCluster,
  listClusterIds,
  listClusters,
  updateCluster,
} from '../../control-plane/store/clusters.js';
import { CHANNELS } from '../../control-plane/store/database.js';
import {
  countPolicyUse,
  listClusterPolicies,
  listDesiredForCluster,
} from '../../control-plane/store/desired-state.js';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { revokeNode } from '../../control-plane/store/nodes.js';
import { addPolicyVersion, createPolicy } from '../../control-plane/store/policies.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { assignmentOf, newCluster, policyVersionOf, redemptionOf } from '../support/store-world.js';

let database: TestDatabase;
let tenantId = '';
let policyId = '';

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.close());

const tenant = <T>(fn: (tx: TenantTx) => Promise<T>) => database.app.withTenant({ tenantId }, fn);

beforeEach(async () => {
  tenantId = (await database.newTenant()).id;
  policyId = await newPolicy('drift');
});

async function newPolicy(name: string): Promise<string> {
  const made = await tenant((tx) => createPolicy(tx, { name, ...policyVersionOf('one') }));
  await tenant((tx) => addPolicyVersion(tx, made.policy.id, policyVersionOf('two')));
  return made.policy.id;
}

const cluster = (name: string, labels: Record<string, string> = {}) =>
  tenant(async (tx) => (await createCluster(tx, { name, labels })).id);

let names = 0;
const assign = (more: Parameters<typeof assignmentOf>[1]) =>
  tenant((tx) => {
    names += 1;
    return createAssignment(tx, assignmentOf(policyId, { name: `assignment ${names}`, ...more }));
  });

/** `policy version mode`, by name. */
const runs = async (clusterId: string): Promise<string[]> => {
  const { items } = await tenant((tx) => listClusterPolicies(tx, clusterId, { limit: 200 }));
  return items.map(({ name, version, mode }) => `${name} ${version} ${mode}`);
};

describe('what a cluster runs', () => {
  it('is what the assignment with the highest priority says, of the same the newest one', async () => {
    const prod = await cluster('prod', { env: 'prod' });
    const dev = await cluster('dev', { env: 'dev' });
    await assign({ mode: 'observe' });
    expect([await runs(prod), await runs(dev)]).toEqual([['drift 1 observe'], ['drift 1 observe']]);
    const newer = await assign({ version: 2, mode: 'observe', clusters: 'env=prod' });
    expect([await runs(prod), await runs(dev)]).toEqual([['drift 2 observe'], ['drift 1 observe']]);
    const lower = await assign({ mode: 'enforce', priority: -1 });
    expect(await runs(prod)).toEqual(['drift 2 observe']);
    await tenant((tx) => updateAssignment(tx, lower.id, { priority: 7 }));
    expect([await runs(prod), await runs(dev)]).toEqual([['drift 1 enforce'], ['drift 1 enforce']]);
    await tenant((tx) => updateAssignment(tx, lower.id, { clusters: 'env!=prod' }));
    expect([await runs(prod), await runs(dev)]).toEqual([['drift 2 observe'], ['drift 1 enforce']]);
    for (const { id } of [newer, lower]) await tenant((tx) => deleteAssignment(tx, id));
    expect([await runs(prod), await runs(dev)]).toEqual([['drift 1 observe'], ['drift 1 observe']]);
  });

  it('follows its labels and its name, and begins with its first moment', async () => {
    await assign({ clusters: 'env in (prod,test)' });
    await assign({ clusters: 'bulkhead.io/cluster-name=edge-7', version: 2 });
    const id = await cluster('edge-6', { env: 'prod' });
    expect(await runs(id)).toEqual(['drift 1 enforce']);
    await tenant((tx) => updateCluster(tx, id, { labels: {} }));
    expect(await runs(id)).toEqual([]);
    await tenant((tx) => updateCluster(tx, id, { name: 'edge-7' }));
    expect(await runs(id)).toEqual(['drift 2 enforce']);
    const own = await assign({ clusters: `bulkhead.io/cluster-id=${id}`, priority: 1 });
    expect(await runs(id)).toEqual(['drift 1 enforce']);
    const other = await cluster('other');
    expect(await runs(other)).toEqual([]);
    const choosing = await tenant((tx) =>
      listAssignments(tx, { clusterId: id, sort: '-createdAt' }),
    );
    expect(choosing.items.map((item) => item.id)).toContain(own.id);
    expect(choosing.items).toHaveLength(2);
  });

  it('is nothing once it is removed, and nobody chooses it any more', async () => {
    const [kept, gone] = [await cluster('kept'), await cluster('gone')];
    const some = await assign({});
    expect(await tenant((tx) => countChosen(tx, [some]))).toEqual([2]);
    await tenant((tx) => archiveCluster(tx, gone));
    expect([await runs(kept), await runs(gone)]).toEqual([['drift 1 enforce'], []]);
    expect(await tenant((tx) => countChosen(tx, [some]))).toEqual([1]);
    expect((await tenant((tx) => listAssignments(tx, { clusterId: gone }))).items).toEqual([]);
    expect(await tenant((tx) => countPolicyUse(tx, policyId))).toMatchObject({ clusters: 1 });
    await assign({ version: 2 });
    expect([await runs(kept), await runs(gone)]).toEqual([['drift 2 enforce'], []]);
    expect(await tenant((tx) => listClusterIds(tx))).toEqual([kept]);
  });

  it('names a version that is there', async () => {
    await expect(assign({ version: 9 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('has at most a thousand assignments to be held against', async () => {
    await database.admin`
      insert into assignments (tenant_id, id, name, policy_id, version, clusters, mode, created_by)
      select ${tenantId}, gen_random_uuid(), n, ${policyId}, 1, '', 'observe', 'test'
      from generate_series(1, 999) n`;
    const last = await assign({});
    await expect(assign({})).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await tenant((tx) => deleteAssignment(tx, last.id));
    await assign({});
  });

  it('has the documents for a bundle', async () => {
    const id = await cluster('one');
    await assign({ version: 2 });
    const [desired] = await tenant((tx) => listDesiredForCluster(tx, id));
    const { normalised, sha256 } = policyVersionOf('two');
    expect(desired).toMatchObject({ policyId, name: 'drift', version: 2, mode: 'enforce' });
    expect(Buffer.compare(desired?.normalised ?? Buffer.of(), normalised)).toBe(0);
    expect(Buffer.compare(desired?.normalisedSha256 ?? Buffer.of(), sha256)).toBe(0);
  });

  it('is the same whichever of assignments and clusters came first, whatever was changed', async () => {
    const policies = [policyId, await newPolicy('files')];
    const labels = fc.dictionary(fc.constantFrom('env', 'team'), fc.constantFrom('a', 'b', ''), {
      noNullPrototype: true,
    });
    const selector = fc
      .array(
        fc.constantFrom(
          'env=a',
          'env!=b',
          'team in (a,b)',
          'team notin (a)',
          '!env',
          'team',
          'env=',
        ),
        { maxLength: 2 },
      )
      .map((parts) => parts.join());
    const saying = fc.record({
      clusters: selector,
      priority: fc.integer({ min: -1, max: 1 }),
      version: fc.constantFrom(1, 2),
      mode: fc.constantFrom('observe' as const, 'enforce' as const),
    });
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('assign' as const), of: fc.nat(1), saying }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('change' as const), at: fc.nat(), saying }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), at: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('cluster' as const), labels }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('label' as const), at: fc.nat(), labels }),
      },
    );
    const clusterIds: string[] = [];
    const assignmentIds: string[] = [];
    const take = async (change: typeof step extends fc.Arbitrary<infer S> ? S : never) => {
      if (change.kind === 'cluster') {
        clusterIds.push(await cluster(`cluster ${clusterIds.length}`, change.labels));
      } else if (change.kind === 'assign') {
        const made = await assign({ ...change.saying, policyId: policies[change.of] ?? '' });
        assignmentIds.push(made.id);
      } else if (change.kind === 'label') {
        const id = clusterIds[change.at % clusterIds.length];
        if (id) await tenant((tx) => updateCluster(tx, id, { labels: change.labels }));
      } else {
        const at = change.at % Math.max(assignmentIds.length, 1);
        const id = assignmentIds[at];
        if (!id) return;
        if (change.kind === 'change') {
          await tenant((tx) => updateAssignment(tx, id, change.saying));
        } else {
          await tenant((tx) => deleteAssignment(tx, id));
          assignmentIds.splice(at, 1);
        }
      }
    };
    /** Told again from the start, by SQL's own reading of the selectors. */
    const expectDerived = async () => {
      const expected = new Map(clusterIds.map((id) => [id, new Map<string, string>()]));
      const { items } = await tenant((tx) =>
        listAssignments(tx, { limit: 200, sort: 'createdAt' }),
      );
      for (const assignment of [...items].sort((a, b) => a.priority - b.priority)) {
        const labels = selectorFromText('labels', assignment.clusters);
        const chosen = await tenant((tx) => listClusters(tx, { labels, limit: 200 }));
        for (const { id } of chosen.items)
          expected.get(id)?.set(assignment.policyId, assignment.id);
        expect(await tenant((tx) => countChosen(tx, [assignment]))).toEqual([chosen.items.length]);
      }
      for (const id of clusterIds) {
        const there = await tenant((tx) => listClusterPolicies(tx, id));
        const found = there.items.map((item) => [item.policyId, item.assignmentId]);
        expect(found.sort()).toEqual([...(expected.get(id) ?? [])].sort());
      }
    };
    const steps = fc.sample(step, { numRuns: 120, seed: 20_261_129 });
    for (const [at, change] of steps.entries()) {
      await take(change);
      if (at % 20 === 19) await expectDerived();
    }
    expect([assignmentIds.length > 9, clusterIds.length > 9]).toEqual([true, true]);
  });

  it('is decided by one after the other, however many change it at once', async () => {
    const made = await Promise.all([
      ...[1, 2, 1, 2].map((version) => assign({ version })),
      ...['a', 'b', 'c', 'd'].map((name) => cluster(name)),
    ]);
    const assignmentIds = made.filter((one) => typeof one !== 'string').map(({ id }) => id);
    const clusterIds = made.filter((one) => typeof one === 'string');
    const { items } = await tenant((tx) => listAssignments(tx, { sort: '-createdAt' }));
    expect(items.map(({ id }) => id).sort()).toEqual([...assignmentIds].sort());
    for (const id of clusterIds) {
      const there = await tenant((tx) => listClusterPolicies(tx, id));
      expect(there.items).toMatchObject([{ policyId, assignmentId: items[0]?.id }]);
    }
  });
});

describe('a change of what clusters run', () => {
  it('wakes those who wait for it, and only such a change', async () => {
    const woken: string[] = [];
    const subscription = await database.app.listen(CHANNELS.policy, (payload) =>
      woken.push(payload),
    );
    try {
      const wakes = () => woken.filter((payload) => payload === tenantId).length;
      const here = await cluster('here', { env: 'prod' });
      const made = await assign({ clusters: 'env=prod' });
      await eventually(() => expect(wakes()).toBe(1));
      const before = await database.admin`
        select * from desired_state where cluster_id = ${here}`;
      // None of these changes what any cluster runs.
      await tenant((tx) => updateAssignment(tx, made.id, { name: 'renamed' }));
      await tenant((tx) => updateAssignment(tx, made.id, { priority: 5 }));
      await tenant((tx) => updateCluster(tx, here, { labels: { env: 'prod', more: 'x' } }));
      await assign({ clusters: 'env=nowhere', version: 2 });
      await cluster('there');
      expect(await database.admin`select * from desired_state where cluster_id = ${here}`).toEqual(
        before,
      );
      await tenant((tx) => updateAssignment(tx, made.id, { mode: 'observe' }));
      // Notifications come in the order of their commits: what was not to come would be here.
      await eventually(() => expect(wakes()).toBe(2));
      await tenant((tx) => deleteAssignment(tx, made.id));
      await eventually(() => expect(wakes()).toBe(3));
    } finally {
      await subscription.close();
    }
  });
});

describe('what uses a policy', () => {
  it('is counted: assignments, clusters, and their nodes without revoked ones', async () => {
    const { clusterId, joinTokenId, secret } = await newCluster(database, tenantId, 2);
    const nodeIds: string[] = [];
    for (const name of ['a', 'b']) {
      const redemption = redemptionOf(joinTokenId, secret, { name });
      nodeIds.push((await redeemJoinToken(database.app, redemption)).nodeId);
    }
    await cluster('without nodes');
    const use = () => tenant((tx) => countPolicyUse(tx, policyId));
    expect(await use()).toEqual({ assignments: 0, clusters: 0, nodes: 0 });
    await assign({ clusters: `bulkhead.io/cluster-id=${clusterId}` });
    expect(await use()).toEqual({ assignments: 1, clusters: 1, nodes: 2 });
    await assign({});
    await tenant((tx) => revokeNode(tx, nodeIds[0] ?? ''));
    expect(await use()).toEqual({ assignments: 2, clusters: 2, nodes: 1 });
  });
});
