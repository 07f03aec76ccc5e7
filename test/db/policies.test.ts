import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { insertBundle, latestBundle } from '../../control-plane/store/bundles.js';
import { insertKeyIfAbsent, listKeys } from '../../control-plane/store/platform-keys.js';
import {
  addPolicyVersion,
  createPolicy,
  getPolicy,
  getPolicyVersion,
  listPolicyVersions,
} from '../../control-plane/store/policies.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { newCluster, policyVersionOf, sha256 } from '../support/store-world.js';

let database: TestDatabase;
let tenantId = '';
let clusterId = '';
let policyId = '';

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.close());

const tenant = <T>(fn: (tx: TenantTx) => Promise<T>) => database.app.withTenant({ tenantId }, fn);

beforeEach(async () => {
  tenantId = (await database.newTenant()).id;
  ({ clusterId } = await newCluster(database, tenantId));
  const made = await tenant((tx) => createPolicy(tx, { name: 'drift', ...policyVersionOf('one') }));
  policyId = made.policy.id;
});

describe('versions of a policy', () => {
  it('are numbered without gaps, also when two are added at once', async () => {
    const added = await Promise.all(
      ['two', 'three', 'four'].map((text) =>
        tenant((tx) => addPolicyVersion(tx, policyId, policyVersionOf(text))),
      ),
    );
    expect(added.map(({ version }) => version).sort()).toEqual([2, 3, 4]);
    expect(await tenant((tx) => getPolicy(tx, policyId))).toMatchObject({ latestVersion: 4 });
    const { items } = await tenant((tx) => listPolicyVersions(tx, policyId));
    expect(items.map(({ version }) => version)).toEqual([4, 3, 2, 1]);
  });

  it('keep their text and bytes', async () => {
    const version = await tenant((tx) => getPolicyVersion(tx, policyId, 1));
    const { source, normalised, sha256: hash } = policyVersionOf('one');
    expect(version).toMatchObject({ source, createdBy: 'test' });
    expect(Buffer.compare(version.normalised, normalised)).toBe(0);
    expect(Buffer.compare(version.sha256, hash)).toBe(0);
  });

  it('cannot be rewritten by any role of ours', async () => {
    for (const statement of [
      "update policy_versions set source = ''",
      'delete from policy_versions',
    ]) {
      const attempt = database.app.withIngest({ tenantId }, (sql) => sql.unsafe(statement));
      await expect(attempt).rejects.toMatchObject({ cause: { code: '42501' } });
    }
  });
});

describe('bundles', () => {
  const render = (text: string) => async () => ({
    contentSha256: sha256(text),
    envelopeGzip: Buffer.from(text),
    signingKeyId: 'key',
  });

  it('get one revision each, also from two replicas at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        tenant((tx) => insertBundle(tx, clusterId, render(String(index)))),
      ),
    );
    expect(made.map((bundle) => bundle?.revision).sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('tell the one that renders what is in force, and stay where it says nothing new', async () => {
    const first = await tenant((tx) => insertBundle(tx, clusterId, render('a')));
    const told: unknown[] = [];
    const same = await tenant((tx) =>
      insertBundle(tx, clusterId, async (revision, latest) => {
        told.push(revision, latest?.revision);
        return undefined;
      }),
    );
    expect(told).toEqual([2, 1]);
    expect(same).toEqual(first);
  });

  it('keep the last ten, and their numbers go on', async () => {
    for (let index = 1; index <= 14; index += 1) {
      await tenant((tx) => insertBundle(tx, clusterId, render(String(index))));
    }
    const rows = await database.admin<{ revision: string }[]>`
      select revision from bundles where cluster_id = ${clusterId} order by revision`;
    expect(rows.map(({ revision }) => Number(revision))).toEqual([
      5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    ]);
    expect(await tenant((tx) => latestBundle(tx, clusterId))).toMatchObject({ revision: 14 });
  });

  it('are of a cluster that is there', async () => {
    const attempt = tenant((tx) => insertBundle(tx, randomUUID(), render('a')));
    await expect(attempt).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('keys of the installation', () => {
  it('are made by one of two replicas that start at once, and known to both', async () => {
    const made = await Promise.all(
      ['a', 'b', 'c', 'd'].map((id) =>
        database.app.withPlatform((tx) =>
          insertKeyIfAbsent(tx, {
            id,
            kind: 'ca',
            publicDer: Buffer.from(id),
            privateEncrypted: Buffer.from(id),
          }),
        ),
      ),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    const keys = await database.app.withPlatform((tx) => listKeys(tx, 'ca'));
    expect(keys).toEqual([expect.objectContaining({ id: made[0]?.id, state: 'active' })]);
    expect(await database.app.withPlatform((tx) => listKeys(tx, 'bundle-signing'))).toEqual([]);
  });

  it('are none of a worker', async () => {
    const attempt = database.worker.withPlatform((tx) => listKeys(tx, 'ca'));
    await expect(attempt).rejects.toMatchObject({ code: 'INTERNAL', cause: { code: '42501' } });
  });
});
