import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BODIES, createTestApi, NEVER_WAS, type TestApi } from '../support/http-api.js';

let http: TestApi;
let key = '';
let clusterId = '';
let policyId = '';

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

const call = (method: string, url: string, body?: unknown, headers = {}) =>
  http.call(method, url, { key, headers, ...(body !== undefined && { body }) });
const made = async (url: string, body: unknown) => {
  const answer = await call('POST', url, body);
  expect([answer.statusCode, answer.body]).toEqual([201, answer.body]);
  return answer.json();
};
const assign = (body: object) =>
  call('POST', '/v1/assignments', { policyId, clusters: '', ...body });

beforeEach(async () => {
  key = await http.newKey((await http.database.newTenant()).id, 'owner');
  clusterId = (await made('/v1/clusters', { name: 'here', labels: { env: 'prod' } })).id;
  policyId = (await made('/v1/policies', BODIES['POST /v1/policies'])).id;
});

describe('an assignment', () => {
  it('is made, read, changed and taken back', async () => {
    const answer = await assign({ name: 'prod', clusters: 'env=prod' });
    expect(answer.statusCode).toBe(201);
    const assignment = answer.json();
    expect(assignment).toMatchObject({
      name: 'prod',
      policyId,
      version: 1,
      clusters: 'env=prod',
      mode: 'observe',
      priority: 0,
      revision: 1,
      matchedClusters: 1,
    });
    const path = `/v1/assignments/${assignment.id}`;
    const read = await call('GET', path);
    expect([read.json(), read.headers.etag]).toEqual([assignment, answer.headers.etag]);
    const here = `/v1/clusters/${clusterId}/policies`;
    expect((await call('GET', here)).json()).toEqual({
      items: [
        { policyId, name: 'another', version: 1, mode: 'observe', assignmentId: assignment.id },
      ],
    });
    const usedBy = { assignments: 1, clusters: 1, nodes: 0 };
    expect((await call('GET', `/v1/policies/${policyId}`)).json()).toMatchObject({ usedBy });

    // A version stays until it is changed; the next assignment takes the latest.
    const { source } = BODIES['POST /v1/policies'] as { source: string };
    await made(`/v1/policies/${policyId}/versions`, { source });
    expect((await call('GET', here)).json().items).toMatchObject([{ version: 1 }]);
    expect((await assign({ name: 'next', clusters: '!env' })).json()).toMatchObject({
      version: 2,
      matchedClusters: 0,
    });
    const stale = { 'if-match': '"7"' };
    expect((await call('PATCH', path, { version: 2 }, stale)).statusCode).toBe(412);
    const fresh = { 'if-match': String(read.headers.etag) };
    const changed = await call('PATCH', path, { version: 2, mode: 'enforce' }, fresh);
    expect(changed.json()).toMatchObject({ version: 2, mode: 'enforce', revision: 2 });
    expect((await call('GET', here)).json().items).toMatchObject([{ version: 2, mode: 'enforce' }]);
    expect((await call('DELETE', path, undefined, fresh)).statusCode).toBe(412);
    const gone = await call('DELETE', path, undefined, {
      'if-match': String(changed.headers.etag),
    });
    expect([gone.statusCode, gone.body]).toEqual([204, '']);
    expect((await call('GET', here)).json()).toEqual({ items: [] });
    expect((await call('GET', path)).statusCode).toBe(404);
  });

  it('is found by policy, cluster and name, in any order', async () => {
    const other = (
      await made('/v1/policies', { ...(BODIES['POST /v1/policies'] as object), name: 'o' })
    ).id;
    for (const body of [
      { name: 'b', clusters: 'env=prod' },
      { name: 'a', clusters: 'env=dev' },
      { name: 'c', policyId: other },
    ]) {
      expect((await assign(body)).statusCode).toBe(201);
    }
    const names = async (query: string) =>
      (await call('GET', `/v1/assignments?${query}`))
        .json()
        .items.map((one: { name: string }) => one.name);
    expect(await names('')).toEqual(['a', 'b', 'c']);
    expect(await names('sort=-name')).toEqual(['c', 'b', 'a']);
    expect(await names('sort=createdAt')).toEqual(['b', 'a', 'c']);
    expect(await names(`policyId=${policyId}`)).toEqual(['a', 'b']);
    expect(await names(`clusterId=${clusterId}`)).toEqual(['b', 'c']);
    expect(await names(`clusterId=${clusterId}&policyId=${other}`)).toEqual(['c']);
    expect(await names('namePrefix=a')).toEqual(['a']);
    expect(await names(`clusterId=${NEVER_WAS}`)).toEqual([]);
    expect(await names(`clusterId=${http.theirs.clusterId}`)).toEqual([]);
    const first = (await call('GET', '/v1/assignments?limit=2')).json();
    expect(await names(`limit=2&after=${first.nextCursor}`)).toEqual(['c']);
  });

  it.each([
    [{ clusters: 'env===x' }, 400, 'clusters: no requirement at character 1'],
    [{ clusters: 'a'.repeat(5000) }, 400, 'must NOT have more than 4096 characters'],
    [{ priority: 1001 }, 400, 'must be <= 1000'],
    [{ version: 9 }, 404, 'it names something that does not exist'],
    [{ policyId: NEVER_WAS }, 404, 'no such policy'],
  ])('%j is refused with %s', async (body, status, detail) => {
    const answer = (await assign({ name: 'x', ...body })).json();
    expect(answer).toMatchObject({ status, detail: expect.stringContaining(detail) });
  });

  it("of another tenant's policy is as unknown as of one that never was", async () => {
    const { requestId: _a, ...foreign } = (
      await assign({ name: 'x', policyId: http.ours.policyId })
    ).json();
    const { requestId: _b, ...unknown } = (await assign({ name: 'x', policyId: NEVER_WAS })).json();
    expect(foreign).toEqual(unknown);
  });

  it('has a name of its own, and is made once', async () => {
    const headers = { 'idempotency-key': 'once' };
    const body = { name: 'x', policyId, clusters: '' };
    const first = await call('POST', '/v1/assignments', body, headers);
    const again = await call('POST', '/v1/assignments', body, headers);
    expect([again.json(), again.headers.etag]).toEqual([first.json(), first.headers.etag]);
    expect((await assign({ name: 'x' })).json()).toMatchObject({ status: 409, code: 'CONFLICT' });
  });
});

describe('a caller who is limited to clusters', () => {
  it('assigns within the limit only, and changes nothing that reaches further', async () => {
    await made('/v1/clusters', { name: 'elsewhere', labels: { env: 'dev' } });
    const wide = (await assign({ name: 'wide' })).json();
    const { tenantId } = (await call('GET', '/v1/audit-log?limit=1')).json().items[0];
    key = await http.newKey(tenantId, 'policy-approver', undefined, 'env=prod');
    for (const clusters of [
      '',
      'env',
      'env in (prod,dev)',
      `bulkhead.io/cluster-id=${clusterId}`,
    ]) {
      expect((await assign({ name: 'own', clusters })).json()).toMatchObject({ status: 403 });
    }
    const own = (await assign({ name: 'own', clusters: 'env=prod,!gpu', mode: 'enforce' })).json();
    expect(own).toMatchObject({ matchedClusters: 1 });
    // What all of the tenant's clusters run is told as far as the caller sees them.
    expect((await call('GET', `/v1/assignments/${wide.id}`)).json().matchedClusters).toBe(1);
    for (const [method, id, body] of [
      ['PATCH', wide.id, { mode: 'enforce' }],
      ['PATCH', own.id, { clusters: '' }],
      ['DELETE', wide.id, undefined],
    ] as const) {
      const refused = (await call(method, `/v1/assignments/${id}`, body)).json();
      expect([id, refused.code]).toEqual([id, 'PERMISSION_DENIED']);
    }
    key = await http.newKey(tenantId, 'owner');
    const runs = await http.database.admin`
      select c.name, d.mode from desired_state d join clusters c on c.id = d.cluster_id
      where d.tenant_id = ${tenantId} order by c.name`;
    expect(runs).toEqual([
      { name: 'elsewhere', mode: 'observe' },
      { name: 'here', mode: 'enforce' },
    ]);
  });
});

describe('built-in labels', () => {
  it('choose a cluster by its id or its name, and are not given', async () => {
    const other = (await made('/v1/clusters', { name: 'there' })).id;
    const list = async (labels: string) =>
      (await call('GET', `/v1/clusters?labels=${encodeURIComponent(labels)}`))
        .json()
        .items.map((one: { id: string }) => one.id);
    expect(await list(`bulkhead.io/cluster-id in (${clusterId})`)).toEqual([clusterId]);
    expect(await list('bulkhead.io/cluster-name=there')).toEqual([other]);
    expect(await list('bulkhead.io/cluster-name notin (there),env')).toEqual([clusterId]);
    expect(await list('!bulkhead.io/cluster-id')).toEqual([]);
    const labels = { 'bulkhead.io/cluster-name': 'there' };
    for (const [method, url] of [
      ['POST', '/v1/clusters'],
      ['PATCH', `/v1/clusters/${other}`],
    ] as const) {
      const refused = (await call(method, url, { name: 'y', labels })).json();
      expect(refused).toMatchObject({
        status: 400,
        detail: 'labels: bulkhead.io/cluster-name: a cluster has it of itself',
      });
    }
  });
});

describe('policies that do not fit a node together', () => {
  const names = Array.from({ length: 40 }, (_, at) => `a${at}`);
  const responding = (some: readonly string[]): string => `process:
  selectors: [${names.map((name) => `{name: ${name}, operation: [exec]}`).join()}]
  responses: [${some.map((name) => `{match: [${name}], actions: [log]}`).join()}]`;
  const many = responding(names);
  const newPolicy = async (name: string, source = many): Promise<string> =>
    (await made('/v1/policies', { name, source })).id;

  it('are refused when the second is assigned, and the first stays', async () => {
    await made('/v1/clusters', { name: 'also here', labels: { env: 'prod' } });
    const first = await assign({ name: 'first', policyId: await newPolicy('forty') });
    expect(first.statusCode).toBe(201);
    const more = await newPolicy('forty more');
    for (const clusters of ['', 'env=prod']) {
      const refused = (await assign({ name: 'second', policyId: more, clusters })).json();
      expect(refused).toMatchObject({
        status: 422,
        code: 'POLICY_INVALID',
        problems: [{ code: 'POLICY_TABLE_FULL' }],
      });
      expect(refused.detail).toMatch(
        /^the policies of the cluster (also )?here and 1 more \(forty 1 by first, forty more 1 by second\) would need /,
      );
    }
    expect((await call('GET', '/v1/assignments')).json().items).toHaveLength(1);
    // Where no cluster has both, they may.
    const apart = await assign({ name: 'second', policyId: more, clusters: '!env' });
    expect(apart.statusCode).toBe(201);
    for (const [method, url, body] of [
      ['PATCH', `/v1/assignments/${apart.json().id}`, { clusters: '' }],
      ['PATCH', `/v1/clusters/${clusterId}`, { labels: {} }],
      ['POST', '/v1/clusters', { name: 'new' }],
    ] as const) {
      const refused = (await call(method, url, body)).json();
      expect([url, refused.code]).toEqual([url, 'POLICY_INVALID']);
    }
    expect((await call('GET', `/v1/clusters/${clusterId}`)).json().labels).toEqual({ env: 'prod' });
  });

  it('are refused when taking an assignment back brings them together', async () => {
    const grows = await newPolicy('grows', responding(names.slice(0, 1)));
    await made(`/v1/policies/${grows}/versions`, { source: many });
    const wide = { name: 'wide', policyId: grows, version: 2 };
    const own = { name: 'own', policyId: grows, version: 1, clusters: 'env=prod', priority: 1 };
    const beside = { name: 'beside', policyId: await newPolicy('beside it'), clusters: 'env=prod' };
    const ids: string[] = [];
    for (const body of [wide, own, beside]) ids.push((await assign(body)).json().id);
    const refused = (await call('DELETE', `/v1/assignments/${ids[1]}`)).json();
    expect(refused).toMatchObject({ status: 422, code: 'POLICY_INVALID' });
    for (const id of ids.reverse()) {
      expect((await call('DELETE', `/v1/assignments/${id}`)).statusCode).toBe(204);
    }
  });

  it('are refused when both are assigned at the same moment', async () => {
    for (let round = 0; round < 8; round += 1) {
      const pair = [await newPolicy(`left ${round}`), await newPolicy(`right ${round}`)];
      const answers = await Promise.all(pair.map((id) => assign({ name: id, policyId: id })));
      expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([201, 422]);
      const kept = answers.find(({ statusCode }) => statusCode === 201)?.json();
      await call('DELETE', `/v1/assignments/${kept.id}`);
    }
  });
});
