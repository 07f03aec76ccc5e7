import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { QUOTA_NAMES, QUOTAS, type Quota } from '../../control-plane/domain/quotas.js';
import { updateTenantQuotas } from '../../control-plane/store/quotas.js';
import { createTestApi, type TestApi } from '../support/http-api.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

interface Use {
  readonly quota: Quota;
  readonly limit: number;
  readonly used?: number;
}

async function uses(key?: string): Promise<Partial<Record<Quota, Use>>> {
  const { items } = (await http.call('GET', '/v1/tenant/quotas', key ? { key } : {})).json();
  return Object.fromEntries(items.map((use: Use) => [use.quota, use]));
}

it('a tenant sees what it may have and has, of its own', async () => {
  const before = await uses();
  expect(Object.keys(before)).toEqual(QUOTA_NAMES);
  expect(before.clusters).toEqual({ quota: 'clusters', limit: QUOTAS.clusters, used: 1 });
  expect(before.policyVersions).toEqual({ quota: 'policyVersions', limit: QUOTAS.policyVersions });
  await http.call('POST', '/v1/clusters', { body: { name: 'one more' } });
  expect((await uses()).clusters?.used).toBe(2);
  const theirs = await uses(await http.newKey(http.theirs.tenantId, 'viewer'));
  expect(theirs.clusters?.used).toBe(1);
});

it('who is at the limit is told which, and not to wait', async () => {
  const webhooks = (await uses()).webhooks?.used ?? 0;
  await http.database.app.withPlatform((tx) =>
    updateTenantQuotas(tx, http.ours.tenantId, { webhooks }),
  );
  const response = await http.call('POST', '/v1/webhooks', {
    body: { name: 'one too many', url: 'https://example.com/hook' },
    headers: { 'idempotency-key': 'one-too-many' },
  });
  expect(response.json()).toMatchObject({
    status: 429,
    code: 'RESOURCE_EXHAUSTED',
    detail: `quota webhooks: at most ${webhooks}`,
  });
  expect(response.headers).not.toHaveProperty('retry-after');
  // Nothing was made under the key, so it is free.
  await http.database.app.withPlatform((tx) =>
    updateTenantQuotas(tx, http.ours.tenantId, { webhooks: null }),
  );
  const again = await http.call('POST', '/v1/webhooks', {
    body: { name: 'one too many', url: 'https://example.com/hook' },
    headers: { 'idempotency-key': 'one-too-many' },
  });
  expect(again.statusCode).toBe(201);
});

it('the platform changes them, which the tenant can read in its audit log', async () => {
  const url = `/v1/platform/tenants/${http.theirs.tenantId}/quotas`;
  const before = await http.call('GET', url);
  const changed = await http.call('PATCH', url, {
    body: { limits: { clusters: 7, nodes: null } },
    headers: { 'if-match': String(before.headers.etag) },
  });
  expect(changed.statusCode).toBe(200);
  expect(changed.json()).toEqual({
    limits: { ...before.json().limits, clusters: 7, nodes: QUOTAS.nodes },
    revision: before.json().revision + 1,
  });
  const stale = await http.call('PATCH', url, {
    body: { limits: { clusters: 8 } },
    headers: { 'if-match': String(before.headers.etag) },
  });
  expect(stale.json()).toMatchObject({ code: 'PRECONDITION_FAILED' });
  for (const limits of [{ clusters: -1 }, { clusters: '7' }, { cats: 1 }, { clusters: 1.5 }]) {
    const bad = await http.call('PATCH', url, { body: { limits } });
    expect(bad.json()).toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
  const key = await http.newKey(http.theirs.tenantId, 'owner');
  expect((await uses(key)).clusters).toMatchObject({ limit: 7 });
  const log = await http.call('GET', '/v1/audit-log?action=tenant.set-quotas', { key });
  expect(log.json().items).toMatchObject([
    {
      actorKind: 'platform',
      targetId: http.theirs.tenantId,
      details: { clusters: 7, nodes: null },
    },
  ]);
  expect((await http.call('PATCH', url, { key, body: { limits: {} } })).statusCode).toBe(403);
});
