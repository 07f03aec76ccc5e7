import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FastifyInstance } from 'fastify';
import type { Rates } from '../../control-plane/domain/rates.js';
import { ROUTE_ACCESS } from '../../control-plane/http/access.js';
import { ROUTE_COSTS } from '../../control-plane/http/rate-limits.js';
import { createMetrics, type Metrics } from '../../control-plane/metrics/metrics.js';
import type { Database } from '../../control-plane/store/database.js';
import { createToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import {
  createTestApi,
  createTestServer,
  type Injected,
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
  call(key: string, url: string, method?: 'GET' | 'POST', address?: string): Promise<Injected>;
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
    call: (key, url, method = 'GET', remoteAddress = '192.0.2.1') =>
      server.inject({ method, url, remoteAddress, headers: { authorization: `Bearer ${key}` } }),
  };
}

async function countOf({ metrics }: Limited, limit: string): Promise<number> {
  const { values } = await metrics.limits.limited.get();
  return values.find(({ labels }) => labels.limit === limit)?.value ?? 0;
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
