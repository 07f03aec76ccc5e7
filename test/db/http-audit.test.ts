import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AUDIT_GENESIS, type AuditRecord } from '../../control-plane/domain/audit.js';
import { verifyChain } from '../../control-plane/domain/audit-chain.js';
import { hashOf } from '../../control-plane/domain/canonical-json.js';
import { ROUTE_ACCESS } from '../../control-plane/http/access.js';
import { getAuditHead } from '../../control-plane/store/audit-log.js';
import { quarantineNode } from '../../control-plane/store/node-revocations.js';
import {
  BODIES,
  bodyOf,
  createTestApi,
  PLATFORM_PREFIX,
  pathOf,
  type TestApi,
} from '../support/http-api.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

const sequenceOf = async (): Promise<bigint> =>
  (await http.database.app.withTenant(http.ours, getAuditHead))?.sequence ?? 0n;
const newest = async () => (await http.call('GET', '/v1/audit-log?limit=1')).json().items[0];

/** It changes nothing. */
const READS = new Set(['POST /v1/policies/validate']);
/** Nothing is left of it; of others a row stays that says so. */
const REMOVES = new Set([
  'DELETE /v1/clusters/:clusterId/kubernetes-join',
  'DELETE /v1/assignments/:assignmentId',
  'DELETE /v1/identity-providers/:providerId',
  'DELETE /v1/members/:memberId',
  'DELETE /v1/policies/:policyId/draft',
  'DELETE /v1/sessions/:sessionId',
  'DELETE /v1/webhooks/:webhookId',
]);
const changing = Object.keys(ROUTE_ACCESS)
  // Who logs in or out is no caller with a key: their tests are with those of logins.
  .filter((key) => !key.startsWith('GET ') && !READS.has(key) && !key.includes(' /auth/'))
  .filter((key) => !key.includes(PLATFORM_PREFIX))
  .map((key) => {
    const [method = '', route = ''] = key.split(' ');
    return { key, method, route };
  })
  // What takes away comes last, and first of it what hangs on another thing.
  .sort((a, b) => {
    const order = Number(a.method === 'DELETE') - Number(b.method === 'DELETE');
    return order || Number(a.method === 'DELETE') * (b.route.length - a.route.length);
  });

describe('what a request changes is written down', () => {
  it.each(changing)('$key', async ({ key, method, route }) => {
    // A policy that no assignment uses, and has a draft.
    const policy = { ...(BODIES['POST /v1/policies'] as object), name: `for ${key}` };
    const { id: policyId } = (await http.call('POST', '/v1/policies', { body: policy })).json();
    const draft = { body: BODIES['PUT /v1/policies/:policyId/draft'] };
    await http.call('PUT', `/v1/policies/${policyId}/draft`, draft);
    const world = { ...http.ours, policyId };
    const path = pathOf(route, world);
    const body = bodyOf(key, world);
    if (key.endsWith('/release')) {
      const { nodeId } = http.ours;
      await http.database.app.withTenant(http.ours, (tx) => quarantineNode(tx, nodeId, 1));
    }
    const before = await sequenceOf();
    const headers = { 'user-agent': 'a\u0007test' };
    const answer = await http.call(method, path, { body, headers });
    expect([answer.statusCode, answer.statusCode < 300]).toEqual([answer.statusCode, true]);
    expect(await sequenceOf()).toBe(before + 1n);
    const record = await newest();
    // Of what is made there was nothing before, of what is removed there is nothing after.
    const isMade = method === 'POST' && !route.endsWith('/release');
    const isRemoved = REMOVES.has(key);
    const hashed = [record.beforeSha256 !== undefined, record.afterSha256 !== undefined];
    expect(hashed).toEqual([!isMade, !isRemoved]);
    expect(record).toMatchObject({
      tenantId: http.ours.tenantId,
      actorKind: 'api-key',
      actorName: 'owner',
      sourceAddress: '127.0.0.1',
      requestId: answer.headers['x-request-id'],
    });
  });

  it.each(changing)('$key: not where it is refused', async ({ method, route }) => {
    const before = await sequenceOf();
    const answer = await http.call(method, pathOf(route, {}), { body: { surplus: 1 } });
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
    expect(await sequenceOf()).toBe(before);
  });

  it('once, where a request is repeated', async () => {
    const before = await sequenceOf();
    for (let time = 0; time < 3; time += 1) {
      const headers = { 'idempotency-key': 'audited-once' };
      await http.call('POST', '/v1/clusters', { body: { name: 'audited once' }, headers });
    }
    expect(await sequenceOf()).toBe(before + 1n);
  });

  it('with the hashes of what was and what is', async () => {
    const made = await http.call('POST', '/v1/clusters', { body: { name: 'hashed' } });
    const { id } = made.json();
    const url = `/v1/clusters/${id}`;
    // How it stands is nothing that anybody set.
    const { status: _was, ...was } = (await http.call('GET', url)).json();
    const changed = await http.call('PATCH', url, { body: { labels: { a: 'b' } } });
    const { status: _is, ...is } = changed.json();
    expect(await newest()).toMatchObject({
      action: 'cluster.update',
      targetId: id,
      beforeSha256: hashOf(was).toString('hex'),
      afterSha256: hashOf(is).toString('hex'),
    });
  });

  it('and no secret is in it', async () => {
    const made = await http.call('POST', '/v1/api-keys', { body: { name: 's', role: 'viewer' } });
    const { admin } = http.database;
    const rows = await admin`select * from audit_log where target_id = ${made.json().id}`;
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(made.json().apiKey.slice(24));
  });
});

describe('the audit log', () => {
  it('is found by what was done, by whom, to what, and when', async () => {
    const key = await http.newKey(http.ours.tenantId, 'admin');
    const since = new Date().toISOString();
    const { id } = (await http.call('POST', '/v1/clusters', { key, body: { name: 'f' } })).json();
    const count = async (query: string) =>
      (await http.call('GET', `/v1/audit-log?limit=200&${query}`)).json().items.length;
    const { actorId } = await newest();
    expect(await count(`actorId=${actorId}`)).toBe(1);
    expect(await count(`targetKind=cluster&targetId=${id}`)).toBe(1);
    expect(await count(`action=cluster.create&since=${since}`)).toBe(1);
    expect(await count(`action=node.revoke&since=${since}`)).toBe(0);
    expect(await count(`until=2020-01-01T00:00:00Z`)).toBe(0);
  });

  it('is exported as a chain that holds elsewhere, from any place on', async () => {
    const read = async (query: string) => {
      const answer = await http.call('GET', `/v1/audit-log/export${query}`);
      expect(answer.headers['content-type']).toBe('application/x-ndjson');
      const [first, ...rest] = answer.body
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      return { head: headOf(first.head), records: rest.map(recordFromJson) };
    };
    const { head, records } = await read('');
    expect(head.sequence).toBe(BigInt(records.length));
    expect(await verifyChain(records, AUDIT_GENESIS, head)).toMatchObject({ ok: true });
    const [second] = records.slice(1);
    const tail = await read('?afterSequence=2');
    expect(tail.records).toHaveLength(records.length - 2);
    const start = { sequence: 2n, hash: second?.hash ?? Buffer.alloc(0) };
    expect(await verifyChain(tail.records, start, tail.head)).toMatchObject({ ok: true });
  });

  it('says which record somebody changed', async () => {
    const url = '/v1/audit-log/verification';
    const intact = (await http.call('GET', url)).json();
    expect(intact).toMatchObject({ intact: true, count: Number(await sequenceOf()) });
    const { admin } = http.database;
    await admin`update audit_log set actor_name = 'somebody else'
      where tenant_id = ${http.ours.tenantId} and sequence = 3`;
    const broken = (await http.call('GET', url)).json();
    expect(broken).toEqual({ intact: false, sequence: '3', reason: 'hash' });
  });
});

describe('from where a request came', () => {
  let behind: TestApi;

  beforeAll(async () => {
    behind = await createTestApi({ trustedProxies: ['10.0.0.0/8', 'fd00::1'] });
  });

  afterAll(() => behind?.close());

  it.each([
    ['10.1.2.3', '203.0.113.9', '203.0.113.9'],
    // What a caller made up stands to the left of what the proxy adds.
    ['10.1.2.3', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['fd00::1', '203.0.113.9, 10.9.9.9', '203.0.113.9'],
    ['192.0.2.1', '203.0.113.9', '192.0.2.1'],
  ])('a peer %s that says %s: %s', async (peer, forwarded, source) => {
    const headers = { 'x-forwarded-for': forwarded };
    const body = { name: `${peer} ${forwarded}` };
    await behind.call('POST', '/v1/clusters', { body, headers, peer });
    const { items } = (await behind.call('GET', '/v1/audit-log?limit=1')).json();
    expect(items[0]).toMatchObject({ action: 'cluster.create', sourceAddress: source });
  });

  it('is not what a caller says where no proxy is trusted', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    await http.call('POST', '/v1/clusters', { body: { name: 'direct' }, headers });
    expect(await newest()).toMatchObject({ sourceAddress: '127.0.0.1' });
  });
});

function headOf({ sequence, hash }: { sequence: string; hash: string }) {
  return { sequence: BigInt(sequence), hash: Buffer.from(hash, 'hex') };
}

function recordFromJson(json: Record<string, never>): AuditRecord {
  const bytes = (text: string | undefined) =>
    text === undefined ? undefined : Buffer.from(text, 'hex');
  const { beforeSha256, afterSha256, previousHash, hash, sequence, time, ...rest } = json;
  return Object.assign(rest, {
    sequence: BigInt(sequence ?? 0),
    time: new Date(time ?? 0),
    beforeSha256: bytes(beforeSha256),
    afterSha256: bytes(afterSha256),
    previousHash: bytes(previousHash),
    hash: bytes(hash),
  }) as unknown as AuditRecord;
}
