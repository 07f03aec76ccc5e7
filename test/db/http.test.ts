import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CA_PIN, createTestApi, type TestApi } from '../support/http-api.js';

const POLICY = `
process:
  selectors:
    - name: drifted
      operation: [exec]
      executableOrigin: [writable]
  responses:
    - match: [drifted]
      actions: [alert, block]
`;

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

describe('a policy over the API', () => {
  it('is refused with every problem and its place', async () => {
    const source = POLICY.replace('operation', 'opertion').replace('[alert, block]', '[block]');
    const response = await http.call('POST', '/v1/policies', { body: { name: 'bad', source } });
    expect(response.statusCode).toBe(422);
    const { code, problems } = response.json();
    expect(code).toBe('POLICY_INVALID');
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ code: 'POLICY_UNKNOWN_KEY', line: 5, column: 7 }),
        expect.objectContaining({ code: 'POLICY_BLOCK_WITHOUT_ALERT', line: 9 }),
      ]),
    );
  });

  it('is made and versioned', async () => {
    const made = await http.call('POST', '/v1/policies', {
      body: { name: 'drift', source: POLICY },
    });
    expect(made.statusCode).toBe(201);
    const { id } = made.json();
    const again = await http.call('POST', '/v1/policies', {
      body: { name: 'drift', source: POLICY },
    });
    expect(again.json()).toMatchObject({ status: 409, code: 'CONFLICT' });

    const yaml = await http.call('POST', `/v1/policies/${id}/versions`, {
      body: `# a comment\n${POLICY}`,
      contentType: 'application/yaml',
    });
    expect(yaml.json()).toMatchObject({ version: 2 });
    const [first, second] = await Promise.all(
      [1, 2].map((version) => http.call('GET', `/v1/policies/${id}/versions/${version}`)),
    );
    // A comment changes the source and not the meaning.
    expect(second?.json().sha256).toBe(first?.json().sha256);
    expect(second?.json().source).toContain('# a comment');
  });
});

describe('an alert', () => {
  it('is listed, read and closed', async () => {
    const { alertId } = http.ours;
    const path = `/v1/alerts/${alertId}`;
    expect((await http.call('GET', path)).json()).toMatchObject({ id: alertId, status: 'open' });
    const closed = await http.call('PATCH', path, { body: { status: 'closed' } });
    expect(closed.json().status).toBe('closed');
    const open = await http.call('GET', '/v1/alerts?status=open');
    expect(open.json().items).toEqual([]);
  });
});

describe('events', () => {
  it.each(['fork', 'exec', 'exit', 'load', 'file'])('are listed by the kind %s', async (kind) => {
    const response = await http.call('GET', `/v1/events?kind=${kind}`);
    expect(response.statusCode).toBe(200);
    const kinds = response.json().items.map((event: { kind: string }) => event.kind);
    expect(kinds).toEqual(kinds.map(() => kind));
  });
});

describe('a key', () => {
  const lastUse = async (id: string): Promise<string | undefined> => {
    const { items } = (await http.call('GET', '/v1/api-keys')).json();
    return items.find((item: { id: string }) => item.id === id)?.lastUsedAt;
  };

  it('is good for as long as there is a limit to, and no longer', async () => {
    const limited = await createTestApi({ apiKeyMaxDays: 7 });
    try {
      const days = (count: number) => new Date(Date.now() + count * 86_400_000).toISOString();
      const make = async (expiresAt?: string) =>
        (
          await limited.call('POST', '/v1/api-keys', {
            body: { name: 'k', role: 'viewer', ...(expiresAt && { expiresAt }) },
          })
        ).json();
      expect(await make(days(6))).toMatchObject({ role: 'viewer' });
      expect(await make(days(8))).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
      const { expiresAt } = await make();
      expect(Math.round((Date.parse(expiresAt) - Date.now()) / 86_400_000)).toBe(7);
    } finally {
      await limited.close();
    }
    const { apiKey: _apiKey, ...unlimited } = (
      await http.call('POST', '/v1/api-keys', { body: { name: 'k', role: 'viewer' } })
    ).json();
    expect(unlimited).not.toHaveProperty('expiresAt');
  });

  it('has its last use noted, once a minute', async () => {
    const body = { name: 'used', role: 'viewer' };
    const { id, apiKey } = (await http.call('POST', '/v1/api-keys', { body })).json();
    expect(await lastUse(id)).toBeUndefined();
    await http.call('GET', '/v1/tenant', { key: apiKey });
    const first = await lastUse(id);
    expect(first).toBeDefined();
    await http.call('GET', '/v1/tenant', { key: apiKey });
    expect(await lastUse(id)).toBe(first);
    const { admin } = http.database;
    await admin`update api_keys set last_used_at = now() - interval '61 seconds' where id = ${id}`;
    await http.call('GET', '/v1/tenant', { key: apiKey });
    expect(Date.parse((await lastUse(id)) ?? '')).toBeGreaterThanOrEqual(Date.parse(first ?? ''));
  });
});

describe('the log', () => {
  it('has one line a request, under the id that the caller got, and no key', async () => {
    const key = await http.newKey(http.ours.tenantId, 'viewer');
    const before = http.log.length;
    const answered = await http.call('GET', '/v1/clusters?limit=1', { key });
    const refused = await http.call('POST', '/v1/clusters', { key, body: { name: 'x' } });
    const lines = http.log.slice(before).map((line): unknown => JSON.parse(line));
    expect(lines).toMatchObject([
      { reqId: answered.headers['x-request-id'], route: '/v1/clusters', status: 200 },
      {
        reqId: refused.json().requestId,
        code: 'PERMISSION_DENIED',
        tenantId: http.ours.tenantId,
        caller: `api-key:${key.split('_')[2]}`,
      },
    ]);
    expect(http.log.join('')).not.toContain(key.slice(24));
  });
});

describe('secrets', () => {
  it('of a join token, a webhook and a key are shown once and never listed', async () => {
    const path = `/v1/clusters/${http.ours.clusterId}/join-tokens`;
    const token = (await http.call('POST', path, { body: {} })).json();
    expect(token).toMatchObject({ caPin: CA_PIN, maxUses: 1 });
    const hook = { name: 'soar', url: 'https://example.com/' };
    const webhook = (await http.call('POST', '/v1/webhooks', { body: hook })).json();
    const key = (
      await http.call('POST', '/v1/api-keys', { body: { name: 'k', role: 'viewer' } })
    ).json();
    const pages = [path, '/v1/webhooks', '/v1/api-keys'];
    const lists = await Promise.all(pages.map((page) => http.call('GET', page)));
    for (const secret of [token.token, webhook.secret, key.apiKey]) {
      expect(secret.length).toBeGreaterThan(40);
      for (const list of lists) expect(list.body).not.toContain(secret.slice(30));
    }
    expect((await http.call('GET', '/v1/tenant', { key: key.apiKey })).json()).toMatchObject({
      id: http.ours.tenantId,
      caller: { kind: 'api-key', id: key.id, name: 'k', role: 'viewer' },
    });
    await http.call('DELETE', `/v1/api-keys/${key.id}`);
    expect((await http.call('GET', '/v1/tenant', { key: key.apiKey })).statusCode).toBe(401);
  });

  it('nobody hands out more than they hold', async () => {
    const admin = await http.newKey(http.ours.tenantId, 'admin');
    const body = { name: 'up', role: 'owner' };
    expect((await http.call('POST', '/v1/api-keys', { key: admin, body })).statusCode).toBe(403);
  });
});

describe('health', () => {
  it('is told without a key', async () => {
    expect((await http.call('GET', '/livez', { key: '' })).statusCode).toBe(200);
    expect((await http.call('GET', '/readyz', { key: '' })).statusCode).toBe(200);
  });
});
