import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { QUOTA_NAMES, QUOTAS, type Quota } from '../../control-plane/domain/quotas.js';
import { createApiKey, revokeApiKey } from '../../control-plane/store/api-keys.js';
import { createAssignment } from '../../control-plane/store/assignments.js';
import { archiveCluster, createCluster, listClusters } from '../../control-plane/store/clusters.js';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { createJoinToken, revokeJoinToken } from '../../control-plane/store/join-tokens.js';
import { createMember, updateMember } from '../../control-plane/store/members.js';
import { quarantineNode, releaseNode } from '../../control-plane/store/node-revocations.js';
import { revokeNode } from '../../control-plane/store/nodes.js';
import { addPolicyVersion, createPolicy } from '../../control-plane/store/policies.js';
import {
  getQuotas,
  getTenantQuotas,
  readQuotaUsage,
  updateTenantQuotas,
} from '../../control-plane/store/quotas.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createWebhookEndpoint } from '../../control-plane/store/webhooks.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import {
  assignmentOf,
  createWorld,
  policyVersionOf,
  redemptionOf,
  sha256,
  tokenId,
  type World,
} from '../support/store-world.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database?.close());

function setQuota(world: { readonly tenantId: string }, quota: Quota, maximum: number | null) {
  return database.app.withPlatform((tx) =>
    updateTenantQuotas(tx, world.tenantId, { [quota]: maximum }),
  );
}

function act<T>(world: World, fn: (tx: TenantTx) => Promise<T>): Promise<T> {
  return database.app.withTenant(world, fn);
}

const name = () => `n-${tokenId()}`;

function newJoinToken(tx: TenantTx, { clusterId }: World, maxUses = 100) {
  const secret = tokenId();
  const secretSha256 = sha256(secret);
  const row = { id: tokenId(), clusterId, secretSha256, createdBy: 'test', maxUses };
  return createJoinToken(tx, row).then(({ id }) => ({ id, secret }));
}

/** What makes one more, of those that the world has one of already. */
const MAKE: Readonly<Partial<Record<Quota, (tx: TenantTx, world: World) => Promise<unknown>>>> = {
  clusters: (tx) => createCluster(tx, { name: name() }),
  policies: (tx) => createPolicy(tx, { name: name(), ...policyVersionOf('x') }),
  policyVersions: (tx, { policyId }) => addPolicyVersion(tx, policyId, policyVersionOf('x')),
  assignments: (tx, { policyId }) =>
    createAssignment(tx, assignmentOf(policyId, { name: name(), clusters: 'chooses=nothing' })),
  webhooks: (tx) =>
    createWebhookEndpoint(tx, { name: name(), url: 'https://x', secretEncrypted: sha256('x') }),
  apiKeys: (tx) =>
    createApiKey(tx, {
      id: tokenId(),
      name: 'x',
      secretSha256: sha256('x'),
      role: 'viewer',
      createdBy: 'test',
    }),
  members: (tx) => createMember(tx, { email: `${name()}@x.org`, displayName: 'X', role: 'viewer' }),
  joinTokens: newJoinToken,
};

describe.each(Object.entries(MAKE) as [Quota, NonNullable<(typeof MAKE)[Quota]>][])(
  'quota %s',
  (quota, make) => {
    it('refuses one too many by name, and no other tenant', async () => {
      const [world, other] = [await createWorld(database), await createWorld(database)];
      const used = quota === 'policyVersions' ? 1 : await usedOf(world, quota);
      await setQuota(world, quota, used + 1);
      await act(world, (tx) => make(tx, world));
      await expect(act(world, (tx) => make(tx, world))).rejects.toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        message: `quota ${quota}: at most ${used + 1}`,
      });
      await act(other, (tx) => make(tx, other));
      await setQuota(world, quota, null);
      await act(world, (tx) => make(tx, world));
    });

    it('lets none of many at once pass it', async () => {
      const world = await createWorld(database);
      const used = quota === 'policyVersions' ? 1 : await usedOf(world, quota);
      await setQuota(world, quota, used + 3);
      const made = await Promise.allSettled(
        Array.from({ length: 12 }, () => act(world, (tx) => make(tx, world))),
      );
      const refused = made.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
      expect(refused).toEqual(Array.from({ length: 9 }, () => 'RESOURCE_EXHAUSTED'));
      if (quota !== 'policyVersions') expect(await usedOf(world, quota)).toBe(used + 3);
    });
  },
);

async function usedOf(world: World, quota: Quota): Promise<number> {
  const used: Partial<Record<Quota, number>> = await act(world, readQuotaUsage);
  return used[quota] ?? Number.NaN;
}

describe('quota nodes', () => {
  async function join(token: { id: string; secret: string }, nodeName: string) {
    const redemption = redemptionOf(token.id, token.secret, { name: nodeName });
    return redeemJoinToken(database.app, redemption);
  }

  it('refuses who is new, of many at once too, and costs no use of the token', async () => {
    const world = await createWorld(database);
    const token = await act(world, (tx) => newJoinToken(tx, world));
    await setQuota(world, 'nodes', 3);
    const made = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => join(token, `new-${index}`)),
    );
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(await usedOf(world, 'nodes')).toBe(3);
    const [row] = await database.admin`select uses from join_tokens where id = ${token.id}`;
    expect(row).toEqual({ uses: 2 });
  });

  it('counts a node in quarantine, and not one that was released from it', async () => {
    const world = await createWorld(database);
    const token = await act(world, (tx) => newJoinToken(tx, world));
    const { nodeId } = await join(token, 'cloned');
    await act(world, (tx) => quarantineNode(tx, nodeId, 1));
    expect(await usedOf(world, 'nodes')).toBe(2);
    await act(world, (tx) => releaseNode(tx, nodeId));
    expect(await usedOf(world, 'nodes')).toBe(1);
    await setQuota(world, 'nodes', 1);
    await expect(join(token, 'cloned')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  it('lets a node that it knows join again, and none that was revoked', async () => {
    const world = await createWorld(database);
    const token = await act(world, (tx) => newJoinToken(tx, world));
    const first = await join(token, 'known');
    await setQuota(world, 'nodes', 2);
    expect((await join(token, 'known')).nodeId).toBe(first.nodeId);
    await act(world, (tx) => revokeNode(tx, first.nodeId));
    await join(token, 'in its place');
    await expect(join(token, 'known')).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
  });
});

describe('a quota', () => {
  it('holds who is limited to clusters to what all have together', async () => {
    const world = await createWorld(database);
    const clusters = { matchLabels: { team: 'small' } };
    await setQuota(world, 'clusters', 1);
    const limited = database.app.withTenant({ ...world, clusters }, (tx) =>
      createCluster(tx, { name: name(), labels: { team: 'small' } }),
    );
    await expect(limited).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await setQuota(world, 'clusters', 2);
    // And stays limited after that.
    await database.app.withTenant({ ...world, clusters }, async (tx) => {
      const made = await createCluster(tx, { name: name(), labels: { team: 'small' } });
      expect((await listClusters(tx)).items.map(({ id }) => id)).toEqual([made.id]);
    });
  });

  it('holds who is enabled again', async () => {
    const world = await createWorld(database);
    await setQuota(world, 'members', 1);
    const disable = (disabled: boolean) =>
      act(world, (tx) => updateMember(tx, world.memberId, { disabled }));
    await disable(true);
    await act(world, (tx) =>
      createMember(tx, { email: 'b@x.org', displayName: 'B', role: 'viewer' }),
    );
    await expect(disable(false)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });
});

describe('what is used', () => {
  it('does not count what is over', async () => {
    const world = await createWorld(database);
    const before = await act(world, readQuotaUsage);
    const { keyId, token } = await act(world, async (tx) => {
      const key = { id: tokenId(), name: 'x', secretSha256: sha256('x'), createdBy: 'test' };
      await createApiKey(tx, { ...key, role: 'viewer' });
      const expired = { ...key, id: tokenId(), expiresAt: new Date(Date.now() - 1000) };
      await createApiKey(tx, { ...expired, role: 'viewer' });
      return { keyId: key.id, token: await newJoinToken(tx, world) };
    });
    expect(await act(world, readQuotaUsage)).toEqual({
      ...before,
      apiKeys: before.apiKeys + 1,
      joinTokens: before.joinTokens + 1,
    });
    await act(world, async (tx) => {
      await revokeApiKey(tx, keyId);
      await revokeJoinToken(tx, token.id);
      await revokeNode(tx, world.nodeId);
      await archiveCluster(tx, world.clusterId);
    });
    expect(await act(world, readQuotaUsage)).toEqual({
      ...before,
      nodes: before.nodes - 1,
      clusters: before.clusters - 1,
    });
  });
});

describe('the quotas of a tenant', () => {
  it('are the standard ones until the platform says otherwise', async () => {
    const { id: tenantId } = await database.newTenant();
    const read = () => database.app.withPlatform((tx) => getTenantQuotas(tx, tenantId));
    expect(await read()).toEqual({ maximums: QUOTAS, revision: 0 });
    await setQuota({ tenantId }, 'nodes', 7);
    const changed = await setQuota({ tenantId }, 'clusters', 0);
    expect(changed).toEqual({ maximums: { ...QUOTAS, nodes: 7, clusters: 0 }, revision: 2 });
    expect(await database.app.withTenant({ tenantId }, getQuotas)).toEqual(changed);
    await setQuota({ tenantId }, 'nodes', null);
    expect((await read()).maximums).toEqual({ ...QUOTAS, clusters: 0 });
    expect(Object.keys((await read()).maximums)).toEqual(QUOTA_NAMES);
  });

  it('are not for a tenant to change', async () => {
    const world = await createWorld(database);
    await setQuota(world, 'nodes', 7);
    const sql = (text: string) =>
      database.app.withIngest(world, async (tx) => (await tx.unsafe(text)).count);
    expect(await sql(`update tenant_quotas set maximums = '{}'`)).toBe(0);
    await expect(
      sql(`insert into tenant_quotas (tenant_id, maximums) values ('${world.tenantId}', '{}')
        on conflict do nothing`),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('of a tenant that never was are none', async () => {
    const tenantId = '00000000-0000-4000-8000-000000000000';
    await expect(setQuota({ tenantId }, 'nodes', 1)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const reading = database.app.withPlatform((tx) => getTenantQuotas(tx, tenantId));
    await expect(reading).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
