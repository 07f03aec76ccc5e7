import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PERMISSION_SCOPES, ROUTE_ACCESS } from '../../control-plane/http/access.js';
import { enqueueDelivery } from '../../control-plane/store/outbox.js';
import { BODIES, createTestApi, pathOf, type TestApi } from '../support/http-api.js';
import { type ClusterWorld, createClusterWorld, PROD, type World } from '../support/store-world.js';

const LIMIT = 'env=prod';

let http: TestApi;
/** Of the same tenant, and not among the clusters that the key is limited to. */
let other: ClusterWorld;
let key: string;
let deliveries: string;
/** Of an owner without limit. */
let owner: string;

beforeAll(async () => {
  http = await createTestApi();
  other = await createClusterWorld(http.database, http.ours.tenantId, { env: 'dev' });
  await http.database.worker.withTenant({ tenantId: http.ours.tenantId }, (tx) =>
    enqueueDelivery(tx, {
      endpointId: http.ours.webhookId,
      alertId: other.alertId,
      eventType: 'alert.created',
      payload: {},
    }),
  );
  deliveries = `/v1/webhooks/${http.ours.webhookId}/deliveries`;
  key = await http.newKey(http.ours.tenantId, 'owner', undefined, LIMIT);
  owner = await http.newKey(http.ours.tenantId, 'owner');
});

afterAll(() => http?.close());

const routes = Object.entries(ROUTE_ACCESS).flatMap(([name, access]) => {
  const [method = '', route = ''] = name.split(' ');
  if (access === 'anyone' || access === 'session') return [];
  return [{ name, method, route, scope: PERMISSION_SCOPES[access] }];
});
const limited = routes.filter(({ scope }) => scope === 'cluster');
/** What belongs to a cluster. */
const OF_CLUSTER = /:(clusterId|nodeId|alertId|tokenId)/;

describe('a key that is limited to clusters', () => {
  it.each(routes.filter(({ scope }) => scope !== 'cluster'))(
    '$name: may not what is of the whole tenant',
    async ({ name, method, route }) => {
      const response = await http.call(method, pathOf(route, http.ours), {
        key,
        body: BODIES[name],
      });
      expect(response.json()).toMatchObject({ status: 403, code: 'PERMISSION_DENIED' });
    },
  );

  it.each(limited.filter(({ route }) => OF_CLUSTER.test(route)))(
    '$name: the cluster of another is as unknown as one that never was',
    async ({ name, method, route }) => {
      const body = BODIES[name];
      const foreign = await http.call(method, pathOf(route, other as World), { key, body });
      const unknown = await http.call(method, pathOf(route, {}), { key, body });
      expect(foreign.statusCode).toBe(404);
      const { requestId: _a, ...foreignBody } = foreign.json();
      const { requestId: _b, ...unknownBody } = unknown.json();
      expect(foreignBody).toEqual(unknownBody);
    },
  );

  // Whose answer does not end by itself: see http-live.test.ts.
  const ending = limited.filter(({ route }) => route !== '/v1/live');
  it.each(ending.filter(({ method }) => method === 'GET'))(
    '$name: the same as others where it is theirs, and nothing else',
    async ({ method, route }) => {
      const path = pathOf(route, http.ours);
      const [mine, all] = [await http.call(method, path, { key }), await http.call(method, path)];
      expect([mine.statusCode, all.statusCode]).toEqual([200, 200]);
      const { groupKey: _groupKey, ...ids } = other;
      for (const id of Object.values(ids)) expect(mine.body).not.toContain(id);
    },
  );

  it.each([
    ['/v1/nodes', 'nodeId'],
    ['/v1/alerts', 'alertId'],
    ['/v1/events', 'eventId'],
    ['/v1/clusters', 'clusterId'],
    ['deliveries', 'alertId'],
  ] as const)('%s: without limit there is more', async (path, id) => {
    const url = path === 'deliveries' ? deliveries : path;
    const all = (await http.call('GET', url, { key: owner })).body;
    expect(all).toContain(other[id]);
    expect(all).toContain(http.ours[id]);
    const mine = (await http.call('GET', url, { key })).body;
    expect(mine).not.toContain(other[id]);
    expect(mine).toContain(http.ours[id]);
  });

  it('is told its limit', async () => {
    const tenant = (await http.call('GET', '/v1/tenant', { key })).json();
    expect(tenant.caller).toMatchObject({ role: 'owner', clusters: LIMIT });
  });

  it('makes clusters that it may see afterwards, and no others', async () => {
    const make = (name: string, labels?: object) =>
      http.call('POST', '/v1/clusters', { key, body: { name, labels } });
    expect((await make('unlabelled')).json().code).toBe('PERMISSION_DENIED');
    expect((await make('dev', { env: 'dev' })).json().code).toBe('PERMISSION_DENIED');
    const made = await make('prod', { ...PROD, a: 'b' });
    expect(made.statusCode).toBe(201);
    const url = `/v1/clusters/${made.json().id}`;
    const relabel = (target: string, labels: object) =>
      http.call('PATCH', target, { key, body: { labels } });
    expect((await relabel(url, { env: 'dev' })).json().code).toBe('PERMISSION_DENIED');
    expect((await relabel(url, PROD)).statusCode).toBe(200);
    // Nor takes one to itself.
    const taken = await relabel(`/v1/clusters/${other.clusterId}`, PROD);
    expect(taken.json().code).toBe('NOT_FOUND');
  });

  it('has its requests made once, and written down', async () => {
    const body = { name: 'once', labels: PROD };
    const headers = { 'idempotency-key': 'limited' };
    const answers = [1, 2].map(() => http.call('POST', '/v1/clusters', { key, body, headers }));
    const [first, again] = await Promise.all(answers);
    expect(first?.json()).toEqual(again?.json());
    const url = `/v1/audit-log?targetId=${first?.json().id}`;
    const { items } = (await http.call('GET', url)).json();
    expect(items).toMatchObject([{ action: 'cluster.create', actorKind: 'api-key' }]);
  });

  it.each(['cluster-id', 'cluster-name'])('may be for one cluster by its %s', async (label) => {
    const { clusterId } = http.ours;
    const { name } = (await http.call('GET', `/v1/clusters/${clusterId}`)).json();
    const value = label === 'cluster-id' ? clusterId : name;
    const { tenantId } = http.ours;
    const limit = `bulkhead.io/${label}=${value}`;
    const narrow = await http.newKey(tenantId, 'owner', undefined, limit);
    const { items } = (await http.call('GET', '/v1/clusters', { key: narrow })).json();
    expect(items.map(({ id }: { id: string }) => id)).toEqual([clusterId]);
    const nodes = (await http.call('GET', '/v1/nodes', { key: narrow })).json().items;
    expect(nodes.map(({ id }: { id: string }) => id)).toEqual([http.ours.nodeId]);
    const renamed = { key: narrow, body: { name: `by-${label}` } };
    const answer = await http.call('PATCH', `/v1/clusters/${clusterId}`, renamed);
    expect(answer.statusCode).toBe(label === 'cluster-id' ? 200 : 403);
    // What it makes is another one.
    const body = { name: 'not theirs' };
    const refused = await http.call('POST', '/v1/clusters', { key: narrow, body });
    expect(refused.json().code).toBe('PERMISSION_DENIED');
  });

  it('sees only what its limit chooses now', async () => {
    const made = { name: 'moves', labels: { ...PROD, moves: 'yes' } };
    const { id } = (await http.call('POST', '/v1/clusters', { body: made })).json();
    const status = async () => (await http.call('GET', `/v1/clusters/${id}`, { key })).statusCode;
    expect(await status()).toBe(200);
    await http.call('PATCH', `/v1/clusters/${id}`, { body: { labels: { env: 'dev' } } });
    expect(await status()).toBe(404);
  });
});

describe('a limit', () => {
  const make = (clusters: string) =>
    http.call('POST', '/v1/api-keys', { body: { name: 'k', role: 'viewer', clusters } });

  it('is kept as it is meant, and none is none', async () => {
    expect((await make(' env == prod ,  team in (a, b)')).json().clusters).toBe(
      'env=prod,team in (a,b)',
    );
    for (const none of ['', '  ']) expect((await make(none)).json()).not.toHaveProperty('clusters');
    expect((await make('env=')).json().clusters).toBe('env=');
  });

  it.each(['env=a b', ',', '"', "env='", 'env in ()x', 'a'.repeat(5000)])(
    'that is none is refused: %s',
    async (text) => {
      expect((await make(text)).json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    },
  );
});
