import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import { RATES, type Rates } from '../../control-plane/domain/rates.js';
import { ROUTE_ACCESS } from '../../control-plane/http/access.js';
import { ROUTE_COSTS } from '../../control-plane/http/rate-limits.js';
import { createMetrics, type Metrics } from '../../control-plane/metrics/metrics.js';
import type { Database } from '../../control-plane/store/database.js';
import {
  LOGIN_ATTEMPT_MINUTES,
  OPEN_ATTEMPTS_MAX,
} from '../../control-plane/store/login-attempts.js';
import { createToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import {
  createTestApi,
  createTestServer,
  type Injected,
  NEVER_WAS,
  type TestApi,
} from '../support/http-api.js';
import { UNLIMITED } from '../support/rates.js';

let http: TestApi;
let transactions = 0;
const servers: FastifyInstance[] = [];

beforeAll(async () => {
  http = await createTestApi();
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

afterAll(() => http?.close());

interface Limited {
  readonly metrics: Metrics;
  call(
    key: string,
    url: string,
    method?: 'GET' | 'POST',
    address?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Injected>;
}

async function limited(rates: Partial<Rates>): Promise<Limited> {
  const metrics = createMetrics();
  const count = <Args extends unknown[], T>(fn: (...args: Args) => T) => {
    return (...args: Args): T => {
      transactions += 1;
      return fn(...args);
    };
  };
  const database: Database = {
    ...http.database.app,
    withTenant: count(http.database.app.withTenant) as Database['withTenant'],
    withPlatform: count(http.database.app.withPlatform) as Database['withPlatform'],
  };
  const server = await createTestServer(http.database, {
    database,
    rates: { ...UNLIMITED, ...rates },
    limits: metrics.limits,
  });
  servers.push(server);
  return {
    metrics,
    call: (key, url, method = 'GET', remoteAddress = '192.0.2.1', headers = {}) =>
      server.inject({
        method,
        url,
        remoteAddress,
        headers: { ...(key && { authorization: `Bearer ${key}` }), ...headers },
      }),
  };
}

async function countOf({ metrics }: Limited, limit: string): Promise<number> {
  const { values } = await metrics.limits.limited.get();
  return values.find(({ labels }) => labels.limit === limit)?.value ?? 0;
}

async function tenantName(): Promise<string> {
  const [row] = await http.database.admin<{ name: string }[]>`
    select name from tenants where id = ${http.ours.tenantId}`;
  return row?.name ?? '';
}

const wrongKey = () => createToken(TOKEN_KINDS.apiKey).text;

describe('rate limits of the API', () => {
  it('hold a caller, who is told how long, and no other', async () => {
    const api = await limited({ caller: 3 });
    const key = await http.newKey(http.ours.tenantId, 'viewer');
    const first = await api.call(key, '/v1/tenant');
    expect(first.headers).toMatchObject({
      'ratelimit-policy': expect.stringMatching(/^"caller";q=3;w=60, "tenant";q=\d+;w=60$/),
      ratelimit: expect.stringMatching(/^"caller";r=2;t=20, "tenant";r=\d+;t=1$/),
    });
    for (let n = 0; n < 2; n += 1) expect((await api.call(key, '/v1/nodes')).statusCode).toBe(200);
    const refused = await api.call(key, '/v1/tenant');
    expect(refused.json()).toMatchObject({ status: 429, code: 'RESOURCE_EXHAUSTED' });
    const wait = Number(refused.headers['retry-after']);
    expect(wait).toBeGreaterThan(10);
    expect(wait).toBeLessThanOrEqual(20);
    expect(refused.headers.ratelimit).toMatch(/^"caller";r=0;t=\d+$/);
    const other = await http.newKey(http.ours.tenantId, 'viewer');
    expect((await api.call(other, '/v1/tenant')).statusCode).toBe(200);
    expect(await countOf(api, 'caller')).toBe(1);
  });

  it('hold all callers of a tenant together, and no other tenant', async () => {
    const api = await limited({ tenant: 3 });
    for (let n = 0; n < 3; n += 1) {
      const key = await http.newKey(http.ours.tenantId, 'viewer');
      expect((await api.call(key, '/v1/tenant')).statusCode).toBe(200);
    }
    const key = await http.newKey(http.ours.tenantId, 'owner');
    const refused = await api.call(key, '/v1/tenant');
    expect([refused.statusCode, refused.json().detail]).toEqual([
      429,
      expect.stringContaining('tenant'),
    ]);
    const theirs = await http.newKey(http.theirs.tenantId, 'viewer');
    expect((await api.call(theirs, '/v1/tenant')).statusCode).toBe(200);
    expect(await countOf(api, 'tenant')).toBe(1);
  });

  it('count what is refused too, and what is dear for more', async () => {
    const api = await limited({ caller: 60 });
    const key = await http.newKey(http.ours.tenantId, 'viewer');
    const left = async (url: string, method?: 'POST') => {
      const { headers } = await api.call(key, url, method);
      return Number(/"caller";r=(\d+)/.exec(String(headers.ratelimit))?.[1]);
    };
    expect(await left('/v1/audit-log/export')).toBe(10);
    expect(await left('/v1/policies/validate', 'POST')).toBe(5);
    expect((await api.call(key, '/v1/audit-log/export')).statusCode).toBe(429);
    expect(await left('/v1/tenant')).toBe(4);
  });

  it('stop guessing at an address before the database is asked', async () => {
    const api = await limited({ failures: 3 });
    const key = await http.newKey(http.ours.tenantId, 'viewer');
    for (let n = 0; n < 3; n += 1) {
      expect((await api.call(wrongKey(), '/v1/tenant')).statusCode).toBe(401);
    }
    transactions = 0;
    const refused = await api.call(wrongKey(), '/v1/tenant');
    expect(refused.json()).toMatchObject({ status: 429, code: 'RESOURCE_EXHAUSTED' });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1);
    expect((await api.call(key, '/v1/tenant')).statusCode).toBe(429);
    expect(transactions).toBe(0);
    expect((await api.call(key, '/v1/tenant', 'GET', '192.0.2.2')).statusCode).toBe(200);
    expect(await countOf(api, 'failed-authentication')).toBe(2);
  });

  it('stop guessing however the path is spelt', async () => {
    const api = await limited({ failures: 2 });
    for (let n = 0; n < 2; n += 1) {
      expect((await api.call(wrongKey(), '/%761/tenant')).statusCode).toBe(401);
    }
    for (const path of ['/%761/tenant', '/v1/tenant', '/auth/session', '/%61uth/session']) {
      expect([path, (await api.call(wrongKey(), path)).statusCode]).toEqual([path, 429]);
    }
  });

  it('hold the logins of an address before the database is asked, with words for a person', async () => {
    const login = `/auth/login?tenant=${await tenantName()}`;
    for (const [method, path] of [
      ['GET', login],
      ['GET', login.replace('auth', '%61uth')],
      ['GET', `/auth/callback/${NEVER_WAS}?state=x`],
      ['POST', '/auth/link'],
    ] as const) {
      const api = await limited({ logins: 3 });
      const answers = [];
      for (let n = 0; n < 3; n += 1) answers.push((await api.call('', path, method)).statusCode);
      expect([path, answers.includes(429)]).toEqual([path, false]);
      transactions = 0;
      const refused = await api.call('', path, method);
      expect(refused.json()).toMatchObject({ status: 429, code: 'RESOURCE_EXHAUSTED' });
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(1);
      const page = await api.call('', path, method, undefined, { accept: 'text/html' });
      expect([page.statusCode, page.headers['content-type']]).toEqual([
        429,
        expect.stringMatching(/^text\/html/),
      ]);
      expect(transactions).toBe(0);
      expect(await countOf(api, 'login-address')).toBe(2);
      // Neither another address nor what is no login.
      expect((await api.call('', path, method, '192.0.2.2')).statusCode).not.toBe(429);
      const key = await http.newKey(http.ours.tenantId, 'viewer');
      expect((await api.call(key, '/v1/tenant')).statusCode).toBe(200);
    }
  });

  it('leave an address far from all the logins that a tenant may have under way', () => {
    expect(RATES.logins.standard * (LOGIN_ATTEMPT_MINUTES + 1)).toBeLessThan(
      OPEN_ATTEMPTS_MAX / 10,
    );
  });

  it('do not count who says rightly who they are', async () => {
    const api = await limited({ failures: 1 });
    const key = await http.newKey(http.ours.tenantId, 'viewer');
    for (let n = 0; n < 5; n += 1) {
      expect((await api.call(key, '/v1/webhooks')).statusCode).toBe(403);
    }
  });

  it('let health through whatever happens', async () => {
    const api = await limited({ caller: 1, tenant: 1, failures: 1 });
    for (let n = 0; n < 4; n += 1) await api.call(wrongKey(), '/v1/tenant');
    expect((await api.call(wrongKey(), '/v1/tenant')).statusCode).toBe(429);
    for (const url of ['/livez', '/readyz', '/openapi.json']) {
      for (let n = 0; n < 4; n += 1) {
        const response = await api.call(wrongKey(), url);
        expect([url, response.statusCode]).toEqual([url, 200]);
        expect(response.headers).not.toHaveProperty('ratelimit');
      }
    }
  });

  it('have dear routes that there are', () => {
    expect(Object.keys(ROUTE_COSTS).filter((route) => !(route in ROUTE_ACCESS))).toEqual([]);
  });
});
