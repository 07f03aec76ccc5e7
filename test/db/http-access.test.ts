import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  PERMISSION_SCOPES,
  PERMISSIONS,
  ROLE_PERMISSIONS,
  ROUTE_ACCESS,
} from '../../control-plane/http/access.js';
import { LIVE_TOPICS } from '../../control-plane/http/live-topics.js';
import { ROLES, type Role } from '../../control-plane/store/api-keys.js';
import { createMember } from '../../control-plane/store/members.js';
import { createToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { headersOfPage, newSession, SESSION_COOKIE } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import {
  BODIES,
  createTestApi,
  PLATFORM_PREFIX,
  PUBLIC_URL,
  pathOf,
  type TestApi,
} from '../support/http-api.js';
import { openLive } from '../support/live.js';

let http: TestApi;
let baseUrl = '';
const members = new Map<Role, string>();

beforeAll(async () => {
  http = await createTestApi();
  baseUrl = await http.api.listen({ host: '127.0.0.1', port: 0 });
  for (const role of ROLES) {
    const member = { email: `${role}@example.org`, displayName: role, role };
    const { id } = await http.database.app.withTenant(http.ours, (tx) => createMember(tx, member));
    members.set(role, id);
  }
});

const memberOf = (role: Role): string => members.get(role) ?? '';

afterAll(() => http?.close());

const routes = Object.entries(ROUTE_ACCESS).map(([key, access]) => {
  const [method = '', route = ''] = key.split(' ');
  return { method, route, access };
});
/** Its answer does not end by itself. */
const ENDLESS = '/v1/live';
const guarded = routes.filter(({ access }) => access !== 'anyone');
const inTenants = guarded.filter(({ route }) => !route.startsWith(PLATFORM_PREFIX));
/** Those to which a key is no help are in sessions.test.ts. */
const byKey = inTenants.filter(({ access }) => access !== 'session');
const ofPlatform = guarded.filter(({ route }) => route.startsWith(PLATFORM_PREFIX));

describe('access', () => {
  it('every route of the table is there', () => {
    const missing = routes.filter(({ method, route }) => {
      const known = method as NonNullable<Parameters<typeof http.api.hasRoute>[0]['method']>;
      return !http.api.hasRoute({ method: known, url: route });
    });
    expect(missing).toEqual([]);
  });

  it.each(guarded)('$method $route: nobody without a key', async ({ method, route }) => {
    const expired = await http.newKey(http.ours.tenantId, 'owner', new Date(Date.now() - 1000));
    for (const key of ['', 'bkh_ak_nonsense', createToken(TOKEN_KINDS.apiKey).text, expired]) {
      const response = await http.call(method, pathOf(route, http.ours), { key });
      expect(response.statusCode).toBe(401);
      expect(response.json()).toMatchObject({ code: 'UNAUTHENTICATED' });
    }
  });

  it.each(guarded)('$method $route: only roles that may', async ({ method, route, access }) => {
    const permission = PERMISSIONS.find((known) => known === access);
    for (const role of ROLES) {
      const may = permission !== undefined && ROLE_PERMISSIONS[role].includes(permission);
      if (may) continue;
      const key = await http.newKey(http.ours.tenantId, role);
      const response = await http.call(method, pathOf(route, http.ours), { key });
      expect(response.statusCode).toBe(403);
    }
  });

  it.each(guarded)('$method $route: every role that may', async ({ method, route, access }) => {
    const permission = PERMISSIONS.find((known) => known === access);
    for (const role of ROLES) {
      if (!permission || !ROLE_PERMISSIONS[role].includes(permission)) continue;
      const key = await http.newKey(http.ours.tenantId, role);
      // Ids that never were and no body: past the door, and no further.
      const response = await http.call(method, pathOf(route, {}), { key });
      expect([200, 400, 404]).toContain(response.statusCode);
    }
  });

  it.each(ofPlatform)('$method $route: the platform', async ({ method, route }) => {
    const expired = await http.newPlatformKey(new Date(Date.now() - 1000));
    for (const key of [expired, createToken(TOKEN_KINDS.platform).text]) {
      expect((await http.call(method, pathOf(route, {}), { key })).statusCode).toBe(401);
    }
    expect([200, 400, 404]).toContain((await http.call(method, pathOf(route, {}))).statusCode);
  });

  it.each(inTenants)('$method $route: not the platform', async ({ method, route }) => {
    const key = await http.newPlatformKey();
    const body = BODIES[`${method} ${route}`];
    const response = await http.call(method, pathOf(route, http.ours), { key, body });
    expect(response.json()).toMatchObject({ status: 403, code: 'PERMISSION_DENIED' });
  });

  it('a permission of the platform is on its routes, and only there', () => {
    const scopes = (some: typeof guarded) =>
      new Set(
        some.map(
          ({ access }) =>
            access !== 'anyone' && access !== 'session' && PERMISSION_SCOPES[access] === 'platform',
        ),
      );
    expect(scopes(ofPlatform)).toEqual(new Set([true]));
    expect(scopes(inTenants)).toEqual(new Set([false]));
  });

  it.each(guarded)('$method $route: a session of a role as a key of it', async (each) => {
    const { method, route, access } = each;
    const permission = PERMISSIONS.find((known) => known === access);
    for (const role of ROLES) {
      const tenantId = http.ours.tenantId;
      const cookie = await newSession(http.database, tenantId, memberOf(role));
      const headers = headersOfPage(PUBLIC_URL, cookie);
      const response = await http.call(method, pathOf(route, {}), { key: '', headers });
      const may =
        access === 'session' || (permission && ROLE_PERMISSIONS[role].includes(permission));
      expect([role, response.statusCode === 403]).toEqual([role, !may]);
      expect([role, response.statusCode === 401]).toEqual([role, false]);
    }
  });

  const changing = guarded.filter(({ method }) => method !== 'GET');
  it.each(changing)('$method $route: not by cookie alone', async ({ method, route }) => {
    const cookie = await newSession(http.database, http.ours.tenantId, memberOf('owner'));
    const headers = { cookie: `${SESSION_COOKIE}=${cookie}`, origin: PUBLIC_URL };
    const body = BODIES[`${method} ${route}`];
    const response = await http.call(method, pathOf(route, http.ours), { key: '', headers, body });
    expect(response.json()).toMatchObject({ status: 403, code: 'CSRF_REFUSED' });
  });

  const withIds = inTenants.filter(({ route }) => route.includes(':'));
  it.each(withIds)(
    "$method $route: another tenant's is as unknown as what never was",
    async ({ method, route }) => {
      const body = BODIES[`${method} ${route}`];
      const foreign = await http.call(method, pathOf(route, http.theirs), { body });
      const unknown = await http.call(method, pathOf(route, {}), { body });
      expect(foreign.statusCode).toBe(404);
      const { requestId: _a, ...foreignBody } = foreign.json();
      const { requestId: _b, ...unknownBody } = unknown.json();
      expect(foreignBody).toEqual(unknownBody);
    },
  );

  const lists = byKey.filter(
    ({ method, route }) => method === 'GET' && !route.includes(':') && route !== ENDLESS,
  );
  it.each(lists)("$method $route: tells nothing of another tenant's", async ({ method, route }) => {
    const response = await http.call(method, route);
    expect(response.statusCode).toBe(200);
    for (const id of Object.values(http.theirs)) expect(response.body).not.toContain(String(id));
  });

  it(`GET ${ENDLESS}: tells nothing of another tenant's`, async () => {
    const key = await http.newKey(http.ours.tenantId, 'owner');
    const topics = Object.keys(LIVE_TOPICS).join(',');
    const live = await openLive(baseUrl, key, `topics=${topics}`);
    try {
      await eventually(() => expect(live.events).toHaveLength(1));
      for (const world of [http.theirs, http.ours]) {
        await http.database
          .admin`update clusters set name = name || '2' where id = ${world.clusterId}`;
      }
      await eventually(() => expect(live.text).toContain(http.ours.clusterId));
      for (const id of Object.values(http.theirs)) expect(live.text).not.toContain(String(id));
    } finally {
      live.close();
    }
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
      const response = await http.call(method, pathOf(route, http.ours), { body });
      expect(response.statusCode).toBeGreaterThanOrEqual(400);
      expect(response.statusCode).toBeLessThan(500);
      expect(response.headers['content-type']).toContain('application/problem+json');
      expect(response.json()).toMatchObject({
        code: expect.stringMatching(/^[A-Z_]+$/),
        requestId: expect.any(String),
      });
    }
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'after=x', 'nonsense=1', 'since=x', 'kind=x'])(
    'GET /v1/events?%s',
    async (query) => {
      const response = await http.call('GET', `/v1/events?${query}`);
      expect(response.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    },
  );

  it.each(guarded.filter(({ route }) => route.includes(':')))(
    '$method $route: an id that is none',
    async ({ method, route }) => {
      const body = BODIES[`${method} ${route}`];
      const response = await http.call(method, route.replaceAll(/:\w+/g, 'x'), { body });
      expect(response.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    },
  );

  it.each<[string, string, object]>([
    ['a leap second', '/v1/api-keys', { expiresAt: '2036-12-31T23:59:60Z' }],
    ['a key that ended before it began', '/v1/api-keys', { expiresAt: '2020-01-01T00:00:00Z' }],
    ['a label that is no text', '/v1/clusters', { labels: { zone: { a: 1 } } }],
    ['a label key with a line end', '/v1/clusters', { labels: { 'a\nb': 'c' } }],
    ['a label with a control character', '/v1/clusters', { labels: { zone: '\u0000' } }],
    ['a name with a control character', '/v1/clusters', { name: 'a\u0000b' }],
    ['a name of too many bytes', '/v1/clusters', { name: '\u00e9'.repeat(200) }],
    ['a webhook that is no web address', '/v1/webhooks', { url: 'file:///etc/passwd' }],
    ['a webhook with a password', '/v1/webhooks', { url: 'https://a:b@example.com/' }],
  ])('%s', async (_what, path, more) => {
    const good = BODIES[`POST ${path}`];
    const body = { ...(typeof good === 'object' && good), ...more };
    const response = await http.call('POST', path, { body });
    expect(response.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
  });

  it.each([
    ['since=2026-12-31T23:59:60Z'],
    ['since=0000-01-01T00:00:00Z'],
    ['containerId=%00'],
    ['limit=5&limit=6'],
    [`after=${Buffer.from('["x","y"]').toString('base64url')}`],
  ])('GET /v1/events?%s', async (query) => {
    const response = await http.call('GET', `/v1/events?${query}`);
    expect(response.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
  });

  it('a document that is not UTF-8', async () => {
    const response = await http.call('POST', '/v1/policies/validate', {
      body: Buffer.from([0x23, 0x20, 0xff]),
      contentType: 'application/yaml',
    });
    expect(response.json()).toMatchObject({
      code: 'POLICY_INVALID',
      problems: [{ code: 'POLICY_NOT_UTF8' }],
    });
  });

  it('a method that a route does not have', async () => {
    expect((await http.call('HEAD', '/v1/clusters')).statusCode).toBe(404);
    expect((await http.call('PUT', '/v1/clusters')).json()).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('what is no HTTP at all', async () => {
    const address = new URL(baseUrl);
    const ask = (text: string) =>
      new Promise<string>((resolve, reject) => {
        let answer = '';
        const socket = connect(Number(address.port), address.hostname, () => socket.write(text));
        socket.on('data', (chunk) => {
          answer += chunk.toString();
        });
        socket.on('error', reject).on('close', () => resolve(answer));
      });
    expect(await ask('what is this\r\n\r\n')).toContain('"code":"INVALID_ARGUMENT"');
    const large = `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await ask(large)).toContain('"code":"PAYLOAD_TOO_LARGE"');
  });

  it('an id that is none, a route that is none, a body that is too large', async () => {
    expect((await http.call('GET', '/v1/nodes/x')).statusCode).toBe(400);
    expect((await http.call('GET', '/v2')).json()).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
    });
    const body = { source: 'x'.repeat(3_000_000) };
    expect((await http.call('POST', '/v1/policies/validate', { body })).json()).toMatchObject({
      status: 413,
      code: 'PAYLOAD_TOO_LARGE',
    });
  });
});
