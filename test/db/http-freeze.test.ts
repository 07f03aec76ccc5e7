import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestApi, type TestApi } from '../support/http-api.js';

let http: TestApi;
let policyId = '';
let approver = '';

const POLICY =
  'process: {selectors: [{name: a, operation: [exec]}], responses: [{match: [a], actions: [log]}]}';
const OVERRIDE = { 'bulkhead-override-freeze': 'true' };
const hour = (from: number, until: number) => ({
  from: new Date(Date.now() + from * 3_600_000).toISOString(),
  until: new Date(Date.now() + until * 3_600_000).toISOString(),
});

beforeAll(async () => {
  http = await createTestApi();
  approver = await http.newKey(http.ours.tenantId, 'policy-approver');
  policyId = (await call('POST', '/v1/policies', { name: 'frozen', source: POLICY })).json().id;
  for (const env of ['prod', 'test']) {
    await call('POST', '/v1/clusters', { name: env, labels: { tier: env } });
  }
  await freeze(-1, 1);
});

afterAll(() => http?.close());

const call = (method: string, url: string, body?: unknown, more = {}) =>
  http.call(method, url, { body, ...more });

async function freeze(from: number, until: number): Promise<void> {
  const window = { name: 'holidays', clusters: 'tier=prod', once: hour(from, until) };
  const set = await call('PATCH', '/v1/settings', { freezeWindows: [window] });
  expect(set.statusCode).toBe(200);
}

const assign = (name: string, clusters: string, more = {}, mode = 'enforce') =>
  call('POST', '/v1/assignments', { name, policyId, clusters, mode }, more);
const codeOf = async (answer: ReturnType<typeof call>) => {
  const { statusCode, body } = await answer;
  return statusCode < 300 ? statusCode : JSON.parse(body).code;
};

describe('an open freeze window', () => {
  it('holds assignments that change what its clusters run, and names itself', async () => {
    const refused = await assign('everywhere', '');
    expect(refused.json()).toMatchObject({
      status: 409,
      code: 'FROZEN',
      detail: 'the freeze window holidays holds the cluster prod',
    });
    expect(await codeOf(assign('test', 'tier=test'))).toBe(201);
    expect(await codeOf(assign('nowhere', 'tier=nothing'))).toBe(201);
  });

  it('is overridden by an owner, on record, and by nobody else', async () => {
    const key = approver;
    expect(await codeOf(assign('prod', 'tier=prod', { key, headers: OVERRIDE }))).toBe(
      'PERMISSION_DENIED',
    );
    const made = await assign('prod', 'tier=prod', { headers: OVERRIDE });
    expect(made.statusCode).toBe(201);
    const { items } = (await call('GET', '/v1/audit-log?limit=1')).json();
    expect(items[0]).toMatchObject({
      action: 'assignment.create',
      details: { name: 'prod', overrideFreeze: true },
    });
    const wrong = { 'bulkhead-override-freeze': 'yes' };
    expect(await codeOf(assign('wrong', '', { headers: wrong }))).toBe('INVALID_ARGUMENT');
  });

  it('never holds up that something is only observed', async () => {
    const [{ id }] = (await call('GET', '/v1/assignments?namePrefix=prod')).json().items;
    const path = `/v1/assignments/${id}`;
    const key = approver;
    const change = (body: object) => codeOf(call('PATCH', path, body, { key }));
    expect(await change({ mode: 'observe' })).toBe(200);
    expect(await change({ mode: 'enforce' })).toBe('FROZEN');
    expect(await change({ mode: 'observe', clusters: '' })).toBe(200);
    expect(await change({ mode: 'observe', clusters: 'tier=test' })).toBe('FROZEN');
    expect(await change({ name: 'renamed' })).toBe(200);
    expect(await codeOf(call('DELETE', path, undefined, { key }))).toBe('FROZEN');
  });

  it('holds labels that would have a cluster run something else, and no new cluster', async () => {
    const [{ id }] = (await call('GET', '/v1/assignments?namePrefix=renamed')).json().items;
    const back = { clusters: 'tier=prod' };
    await call('PATCH', `/v1/assignments/${id}`, back, { headers: OVERRIDE });
    const list = (await call('GET', '/v1/clusters?labels=tier%3Dtest')).json();
    const path = `/v1/clusters/${list.items[0].id}`;
    const relabel = (tier: string, more = {}) =>
      codeOf(call('PATCH', path, { labels: { tier } }, more));
    expect(await relabel('prod')).toBe('FROZEN');
    expect(await relabel('prod', { headers: OVERRIDE })).toBe(200);
    const made = await call('POST', '/v1/clusters', { name: 'more', labels: { tier: 'prod' } });
    expect(made.statusCode).toBe(201);
    const runs = (await call('GET', `/v1/clusters/${made.json().id}/policies`)).json();
    const frozen = expect.objectContaining({ policyId, mode: 'observe' });
    expect(runs.items).toContainEqual(frozen);
  });

  it('holds a cluster that is to be removed, where it runs something', async () => {
    const made = await call('POST', '/v1/clusters', { name: 'removed', labels: { tier: 'prod' } });
    const path = `/v1/clusters/${made.json().id}`;
    expect(await codeOf(call('DELETE', path))).toBe('FROZEN');
    expect(await codeOf(call('DELETE', path, undefined, { headers: OVERRIDE }))).toBe(200);
    const { items } = (await call('GET', '/v1/audit-log?limit=1')).json();
    expect(items[0]).toMatchObject({ action: 'cluster.delete', details: { overrideFreeze: true } });
  });

  it('is nothing before it opens and after it closed', async () => {
    for (const [from, until] of [
      [1, 2],
      [-2, -1],
    ] as const) {
      await freeze(from, until);
      expect(await codeOf(assign(`at ${from}`, ''))).toBe(201);
    }
  });
});
