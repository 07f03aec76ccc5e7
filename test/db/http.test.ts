import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { createVault } from '../../control-plane/domain/vault.js';
import { PERMISSIONS, ROLE_PERMISSIONS, ROUTE_ACCESS } from '../../control-plane/http/access.js';
import { createHttpServer } from '../../control-plane/http/server.js';
import { createApiKey, ROLES, type Role } from '../../control-plane/store/api-keys.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createWorld, type World } from '../support/store-world.js';

const CA_PIN = `sha256:${'A'.repeat(43)}`;
const NEVER_WAS = '00000000-0000-4000-8000-000000000000';
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

let database: TestDatabase;
let api: FastifyInstance;
let ours: World;
let theirs: World;
let owner = '';

async function newKey(tenantId: string, role: Role, expiresAt?: Date): Promise<string> {
  const token = createToken(TOKEN_KINDS.apiKey);
  const secretSha256 = hashSecret(token.secret);
  await database.app.withTenant({ tenantId }, (tx) =>
    createApiKey(tx, {
      id: token.id,
      name: role,
      role,
      secretSha256,
      createdBy: 'test',
      expiresAt,
    }),
  );
  return token.text;
}

function call(method: string, url: string, more: { key?: string; body?: unknown } = {}) {
  const { key = owner, body } = more;
  const options: InjectOptions = {
    // The methods of the access table are those of HTTP.
    method: method as NonNullable<InjectOptions['method']>,
    url,
    headers: key ? { authorization: `Bearer ${key}` } : {},
    ...(body !== undefined && { payload: body as NonNullable<InjectOptions['payload']> }),
  };
  return api.inject(options);
}

beforeAll(async () => {
  database = await createTestDatabase();
  api = await createHttpServer({
    database: database.app,
    vault: createVault(randomBytes(32)),
    caPin: CA_PIN,
    log: pino({ level: 'silent' }),
  });
  ours = await createWorld(database);
  theirs = await createWorld(database);
  owner = await newKey(ours.tenantId, 'owner');
});

afterAll(async () => {
  await api?.close();
  await database?.close();
});

/** The path of a route with the ids of a tenant's things in it. */
function pathOf(route: string, world: Partial<World>): string {
  return route
    .replace(':clusterId', world.clusterId ?? NEVER_WAS)
    .replace(':nodeId', world.nodeId ?? NEVER_WAS)
    .replace(':policyId', world.policyId ?? NEVER_WAS)
    .replace(':alertId', world.alertId ?? NEVER_WAS)
    .replace(':webhookId', world.webhookId ?? NEVER_WAS)
    .replace(':tokenId', world.joinTokenId ?? '0123456789abcdef')
    .replace(':keyId', world.apiKeyId ?? '0123456789abcdef')
    .replace(':version', '1');
}

const routes = Object.entries(ROUTE_ACCESS).map(([key, access]) => {
  const [method = '', route = ''] = key.split(' ');
  return { method, route, access };
});
const guarded = routes.filter(({ access }) => access !== 'anyone');

/** A body that each route that takes one would accept. */
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /v1/clusters': { name: 'another' },
  'POST /v1/clusters/:clusterId/join-tokens': {},
  'POST /v1/policies': { name: 'another', source: POLICY },
  'POST /v1/policies/validate': { source: POLICY },
  'POST /v1/policies/:policyId/versions': { source: POLICY },
  'POST /v1/policies/:policyId/publish': { clusters: 'all' },
  'DELETE /v1/policies/:policyId/publish': { clusters: 'all' },
  'PATCH /v1/alerts/:alertId': { status: 'acknowledged' },
  'POST /v1/webhooks': { name: 'another', url: 'https://example.com/hook' },
  'POST /v1/api-keys': { name: 'another', role: 'viewer' },
};

describe('access', () => {
  it('every route of the table is there', () => {
    const missing = routes.filter(({ method, route }) => {
      const known = method as NonNullable<Parameters<typeof api.hasRoute>[0]['method']>;
      return !api.hasRoute({ method: known, url: route });
    });
    expect(missing).toEqual([]);
  });

  it.each(guarded)('$method $route: nobody without a key', async ({ method, route }) => {
    const expired = await newKey(ours.tenantId, 'owner', new Date(Date.now() - 1000));
    for (const key of ['', 'bkh_ak_nonsense', createToken(TOKEN_KINDS.apiKey).text, expired]) {
      const response = await call(method, pathOf(route, ours), { key });
      expect(response.statusCode).toBe(401);
      expect(response.json()).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });

  it.each(guarded)('$method $route: only roles that may', async ({ method, route, access }) => {
    const permission = PERMISSIONS.find((known) => known === access);
    for (const role of ROLES) {
      const may = permission !== undefined && ROLE_PERMISSIONS[role].includes(permission);
      if (may) continue;
      const key = await newKey(ours.tenantId, role);
      const response = await call(method, pathOf(route, ours), { key });
      expect(response.statusCode).toBe(403);
    }
  });

  const withIds = guarded.filter(({ route }) => route.includes(':'));
  it.each(withIds)(
    "$method $route: another tenant's is as unknown as what never was",
    async ({ method, route }) => {
      const body = BODIES[`${method} ${route}`];
      const foreign = await call(method, pathOf(route, theirs), { body });
      const unknown = await call(method, pathOf(route, {}), { body });
      expect(foreign.statusCode).toBe(404);
      const { requestId: _a, ...foreignBody } = foreign.json();
      const { requestId: _b, ...unknownBody } = unknown.json();
      expect(foreignBody).toEqual(unknownBody);
    },
  );

  const lists = guarded.filter(({ method, route }) => method === 'GET' && !route.includes(':'));
  it.each(lists)("$method $route: tells nothing of another tenant's", async ({ method, route }) => {
    const response = await call(method, route);
    expect(response.statusCode).toBe(200);
    for (const id of Object.values(theirs)) expect(response.body).not.toContain(String(id));
  });
});

describe('bad input', () => {
  const bodies = [
    undefined,
    'no json',
    [],
    { unknown: 1 },
    { name: '' },
    { name: 'x'.repeat(300) },
  ];
  const taking = guarded.filter(({ method, route }) => BODIES[`${method} ${route}`] !== undefined);

  it.each(taking)('$method $route answers with a known code', async ({ method, route }) => {
    for (const body of bodies) {
      if (JSON.stringify(body) === JSON.stringify(BODIES[`${method} ${route}`])) continue;
      const response = await call(method, pathOf(route, ours), { body });
      expect(response.statusCode).toBeGreaterThanOrEqual(400);
      expect(response.statusCode).toBeLessThan(500);
      expect(response.headers['content-type']).toContain('application/problem+json');
      expect(response.json()).toMatchObject({
        code: expect.stringMatching(/^[A-Z_]+$/),
        requestId: expect.any(String),
      });
    }
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'after=x', 'nonsense=1', 'since=x'])(
    'GET /v1/events?%s',
    async (query) => {
      const response = await call('GET', `/v1/events?${query}`);
      expect(response.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    },
  );

  it('an id that is none, a route that is none, a body that is too large', async () => {
    expect((await call('GET', '/v1/nodes/x')).statusCode).toBe(400);
    expect((await call('GET', '/v2')).json()).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    const body = { source: 'x'.repeat(3_000_000) };
    expect((await call('POST', '/v1/policies/validate', { body })).json()).toMatchObject({
      status: 413,
      code: 'PAYLOAD_TOO_LARGE',
    });
  });
});

describe('a policy over the API', () => {
  it('is refused with every problem and its place', async () => {
    const source = POLICY.replace('operation', 'opertion').replace('[alert, block]', '[block]');
    const response = await call('POST', '/v1/policies', { body: { name: 'bad', source } });
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

  it('is made, versioned, published and taken back', async () => {
    const made = await call('POST', '/v1/policies', { body: { name: 'drift', source: POLICY } });
    expect(made.statusCode).toBe(201);
    const { id } = made.json();
    const again = await call('POST', '/v1/policies', { body: { name: 'drift', source: POLICY } });
    expect(again.json()).toMatchObject({ status: 409, code: 'CONFLICT' });

    const yaml = await api.inject({
      method: 'POST',
      url: `/v1/policies/${id}/versions`,
      headers: { authorization: `Bearer ${owner}`, 'content-type': 'application/yaml' },
      payload: `# a comment\n${POLICY}`,
    });
    expect(yaml.json()).toMatchObject({ version: 2 });
    const [first, second] = await Promise.all(
      [1, 2].map((version) => call('GET', `/v1/policies/${id}/versions/${version}`)),
    );
    // A comment changes the source and not the meaning.
    expect(second?.json().sha256).toBe(first?.json().sha256);
    expect(second?.json().source).toContain('# a comment');

    const path = `/v1/policies/${id}/publish`;
    const body = { clusters: [ours.clusterId], mode: 'enforce', version: 1 };
    const published = await call('POST', path, { body });
    expect(published.json().published).toMatchObject([
      { clusterId: ours.clusterId, version: 1, mode: 'enforce' },
    ]);
    const byDefault = await call('POST', path, { body: { clusters: 'all' } });
    expect(byDefault.json()).toMatchObject({ version: 2, mode: 'observe' });
    expect((await call('DELETE', path, { body: { clusters: 'all' } })).statusCode).toBe(200);
    expect((await call('GET', `/v1/policies/${id}`)).json().published).toHaveLength(1);
  });
});

describe('secrets', () => {
  it('of a join token, a webhook and a key are shown once and never listed', async () => {
    const path = `/v1/clusters/${ours.clusterId}/join-tokens`;
    const token = (await call('POST', path, { body: {} })).json();
    expect(token).toMatchObject({ caPin: CA_PIN, maxUses: 1 });
    const hook = { name: 'soar', url: 'https://example.com/' };
    const webhook = (await call('POST', '/v1/webhooks', { body: hook })).json();
    const key = (
      await call('POST', '/v1/api-keys', { body: { name: 'k', role: 'viewer' } })
    ).json();
    const pages = [path, '/v1/webhooks', '/v1/api-keys'];
    const lists = await Promise.all(pages.map((page) => call('GET', page)));
    for (const secret of [token.token, webhook.secret, key.apiKey]) {
      expect(secret.length).toBeGreaterThan(40);
      for (const list of lists) expect(list.body).not.toContain(secret.slice(30));
    }
    expect((await call('GET', '/v1/tenant', { key: key.apiKey })).json()).toMatchObject({
      id: ours.tenantId,
      caller: { role: 'viewer' },
    });
    await call('DELETE', `/v1/api-keys/${key.id}`);
    expect((await call('GET', '/v1/tenant', { key: key.apiKey })).statusCode).toBe(401);
  });

  it('nobody hands out more than they hold', async () => {
    const admin = await newKey(ours.tenantId, 'admin');
    const body = { name: 'up', role: 'owner' };
    expect((await call('POST', '/v1/api-keys', { key: admin, body })).statusCode).toBe(403);
  });
});

describe('health', () => {
  it('is told without a key', async () => {
    expect((await call('GET', '/livez', { key: '' })).statusCode).toBe(200);
    expect((await call('GET', '/readyz', { key: '' })).statusCode).toBe(200);
  });
});
