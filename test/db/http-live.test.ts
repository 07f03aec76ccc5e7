import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createMetrics } from '../../control-plane/metrics/metrics.js';
import { setAlertStatus } from '../../control-plane/store/alerts.js';
import { revokeApiKey } from '../../control-plane/store/api-keys.js';
import { trimChanges } from '../../control-plane/store/changes.js';
import { createCluster, updateCluster } from '../../control-plane/store/clusters.js';
import type { Database } from '../../control-plane/store/database.js';
import { createMember } from '../../control-plane/store/members.js';
import { updateTenantQuotas } from '../../control-plane/store/quotas.js';
import { updateTenant } from '../../control-plane/store/tenants.js';
import { headersOfPage, newSession, SESSION_COOKIE } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { createTestApi, createTestServer, PUBLIC_URL, type TestApi } from '../support/http-api.js';
import { type LiveClient, type LiveOptions, openLive } from '../support/live.js';
import type { World } from '../support/store-world.js';

const ALL = 'topics=nodes,alerts,clusters,policies';
const metrics = createMetrics();

let http: TestApi;
let url = '';
let key = '';
const clients: LiveClient[] = [];
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  http = await createTestApi({ live: { pollMs: 500 }, metrics: metrics.http });
  url = await http.api.listen({ host: '127.0.0.1', port: 0 });
  key = await http.newKey(http.ours.tenantId, 'owner');
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const close of closing.splice(0).reverse()) await close();
});

afterAll(() => http?.close());

async function watch(
  query = ALL,
  more: LiveOptions & { key?: string; cookie?: string; url?: string } = {},
): Promise<LiveClient> {
  const who = more.cookie ? { cookie: `${SESSION_COOKIE}=${more.cookie}` } : (more.key ?? key);
  const client = await openLive(more.url ?? url, who, query, more);
  clients.push(client);
  return client;
}

function newCluster(
  name: string,
  labels: Readonly<Record<string, string>> = {},
  world: World = http.ours,
): Promise<string> {
  return http.database.app.withTenant(
    world,
    async (tx) => (await createCluster(tx, { name, labels })).id,
  );
}

async function expectEvents(client: LiveClient, expected: readonly string[]): Promise<void> {
  await eventually(() => {
    expect(client.events.map(({ event }) => event)).toEqual(expected);
  });
}

/** The ids of the things, in the order in which they were told. */
const idsOf = ({ events }: LiveClient) => events.flatMap(({ data }) => data.id ?? []);

describe('GET /v1/live', () => {
  it('says first where it is, then what changes, in order', async () => {
    const client = await watch();
    expect(client.status).toBe(200);
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    await expectEvents(client, ['ready']);
    expect(client.events[0]?.id).toMatch(/^\d+-\d+$/);
    expect(client.retryMs).toBeGreaterThan(0);
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.push(await newCluster(`in order ${n}`));
    const { alertId, clusterId } = http.ours;
    await http.database.app.withTenant(http.ours, (tx) => setAlertStatus(tx, alertId, 'closed'));
    await eventually(() => expect(idsOf(client)).toEqual([...ids, alertId]));
    expect(client.events.at(1)).toMatchObject({
      event: 'cluster.created',
      data: { id: ids[0], kind: 'created', clusterId: ids[0] },
    });
    expect(client.events.at(-1)).toMatchObject({
      event: 'alert.updated',
      data: { id: alertId, kind: 'updated', clusterId },
    });
  });

  it('tells only the topics that were asked for, and nothing of another tenant', async () => {
    const clusters = await watch('topics=clusters');
    const alerts = await watch('topics=alerts');
    const theirKey = await http.newKey(http.theirs.tenantId, 'viewer');
    const theirs = await watch(ALL, { key: theirKey });
    for (const client of [clusters, alerts, theirs]) await expectEvents(client, ['ready']);
    const foreign = await newCluster('theirs alone', {}, http.theirs);
    const own = await newCluster('ours alone');
    await eventually(() => {
      expect(idsOf(clusters)).toEqual([own]);
      expect(idsOf(theirs)).toEqual([foreign]);
    });
    expect(idsOf(alerts)).toEqual([]);
  });

  it('tells who is limited to clusters of those, live and afterwards', async () => {
    const { tenantId } = http.ours;
    const limited = await http.newKey(tenantId, 'operator', undefined, 'team=live');
    const client = await watch(ALL, { key: limited });
    const all = await watch();
    for (const each of [client, all]) await expectEvents(each, ['ready']);
    const foreign = await newCluster('of another team');
    const own = await newCluster('of the team', { team: 'live' });
    await eventually(() => expect(idsOf(all)).toEqual([foreign, own]));
    await eventually(() => expect(idsOf(client)).toEqual([own]));

    // A cluster that leaves their sight says so, and nothing after that.
    const relabel = (clusterId: string, labels: Record<string, string>) =>
      http.database.app.withTenant(http.ours, (tx) => updateCluster(tx, clusterId, { labels }));
    await relabel(own, {});
    await eventually(() => expect(idsOf(client)).toEqual([own, own]));
    await relabel(own, { n: '1' });
    await relabel(foreign, { n: '2' });
    await eventually(() => expect(idsOf(all)).toHaveLength(5));
    const last = await newCluster('of the team again', { team: 'live' });
    await eventually(() => expect(idsOf(client)).toEqual([own, own, last]));

    const lastEventId = all.events[0]?.id ?? '';
    const again = await watch(ALL, { key: limited, lastEventId });
    await eventually(() => expect(idsOf(again)).toEqual([last]));
  });

  it('refuses a topic that is none, or that the caller may not read', async () => {
    for (const query of ['', 'topics=', 'topics=webhooks', 'topics=callers', `${ALL}&x=1`]) {
      const response = await http.call('GET', `/v1/live?${query}`);
      expect([query, response.json()]).toMatchObject([query, { code: 'INVALID_ARGUMENT' }]);
    }
    expect((await http.call('GET', '/v1/live?topics=nodes,webhooks')).json().detail).toContain(
      'webhooks',
    );
  });

  it('goes on where the client was, on another replica, without gap and without repeat', async () => {
    const other = await createTestServer(http.database, { live: { pollMs: 500 } });
    closing.push(() => other.close());
    const otherUrl = await other.listen({ host: '127.0.0.1', port: 0 });
    const first = await watch();
    await expectEvents(first, ['ready']);
    const ids = [await newCluster('before the break')];
    await eventually(() => expect(idsOf(first)).toEqual(ids));
    first.close();
    for (let n = 0; n < 3; n += 1) ids.push(await newCluster(`in the break ${n}`));
    const second = await watch(ALL, { url: otherUrl, lastEventId: first.lastEventId });
    await eventually(() => expect(idsOf(second)).toEqual(ids.slice(1)));
    ids.push(await newCluster('after the break'));
    await eventually(() => expect(idsOf(second)).toEqual(ids.slice(1)));
    expect(second.events[0]).toMatchObject({ event: 'ready', id: first.lastEventId });

    // A polyfill says it in the query.
    const third = await watch(`${ALL}&lastEventId=${first.lastEventId}`);
    await eventually(() => expect(idsOf(third)).toEqual(ids.slice(1)));
  });

  it('says reset where it cannot know what the client missed', async () => {
    const first = await watch();
    await expectEvents(first, ['ready']);
    await newCluster('forgotten');
    await expectEvents(first, ['ready', 'cluster.created']);
    const before = first.events[0]?.id ?? '';
    const { lastEventId: upToDate } = first;
    await http.database.admin`update changes set created_at = now() - interval '2 hours'`;
    await trimChanges(http.database.worker, new Date(Date.now() - 3_600_000));
    for (const lastEventId of [
      before,
      'nonsense',
      '99999999999999999999-1',
      '18446744073709551615-1',
    ]) {
      const client = await watch(ALL, { lastEventId });
      await expectEvents(client, ['reset']);
      const id = await newCluster(`after the reset of ${lastEventId}`);
      await eventually(() => expect(idsOf(client)).toContain(id));
    }
    // Who is up to date has missed nothing.
    await expectEvents(await watch(ALL, { lastEventId: upToDate }), [
      'ready',
      ...Array.from({ length: 4 }, () => 'cluster.created'),
    ]);
  });

  it('keeps the connection and the id fresh where nothing happens', async () => {
    const server = await createTestServer(http.database, { live: { heartbeatMs: 50, pollMs: 50 } });
    closing.push(() => server.close());
    const quiet = await watch('topics=policies', {
      url: await server.listen({ host: '127.0.0.1', port: 0 }),
    });
    await expectEvents(quiet, ['ready']);
    const { lastEventId } = quiet;
    await newCluster('not for policies');
    await eventually(() => {
      expect(quiet.text).toContain(': still here\n');
      expect(quiet.lastEventId).not.toBe(lastEventId);
    });
    expect(quiet.events).toHaveLength(1);
  });
});

describe('a stream ends', () => {
  it('when its key is revoked, at once, and no other with it', async () => {
    const doomed = await http.newKey(http.ours.tenantId, 'viewer');
    const client = await watch(ALL, { key: doomed });
    const other = await watch();
    await expectEvents(client, ['ready']);
    const id = doomed.split('_')[2] ?? '';
    await http.database.app.withTenant(http.ours, (tx) => revokeApiKey(tx, id));
    await eventually(() => expect(client.hasEnded).toBe(true));
    const told = await newCluster('behind the revocation');
    await eventually(() => expect(idsOf(other)).toContain(told));
    expect(other.hasEnded).toBe(false);
    expect((await watch(ALL, { key: doomed })).status).toBe(401);
  });

  it('when its session is, and no other of the same member with it', async () => {
    const { memberId, tenantId } = http.ours;
    const cookies = [];
    for (let n = 0; n < 3; n += 1) {
      cookies.push(await newSession(http.database, tenantId, memberId));
    }
    const [doomed, logged, kept] = await Promise.all(
      cookies.map((cookie) => watch(ALL, { cookie })),
    );
    for (const client of [doomed, logged, kept]) {
      if (client) await expectEvents(client, ['ready']);
    }
    const id = cookies[0]?.split('_')[2] ?? '';
    expect((await http.call('DELETE', `/v1/sessions/${id}`)).statusCode).toBe(204);
    await eventually(() => expect(doomed?.hasEnded).toBe(true));
    const headers = headersOfPage(PUBLIC_URL, cookies[1] ?? '');
    const out = await http.call('POST', '/auth/logout', { key: '', headers });
    expect(out.statusCode).toBe(204);
    await eventually(() => expect(logged?.hasEnded).toBe(true));
    const told = await newCluster('behind the logout');
    await eventually(() => expect(kept && idsOf(kept)).toContain(told));
    expect(kept?.hasEnded).toBe(false);
    expect((await watch(ALL, { cookie: cookies[0] ?? '' })).status).toBe(401);
  });

  it('when its session expires', async () => {
    const cookie = await newSession(http.database, http.ours.tenantId, http.ours.memberId);
    const id = cookie.split('_')[2] ?? '';
    await http.database.admin`
      update sessions set expires_at = now() + interval '1500 ms' where id = ${id}`;
    const client = await watch(ALL, { cookie });
    expect(client.status).toBe(200);
    await eventually(() => expect(client.hasEnded).toBe(true));
  });

  it('when the member of its session is disabled, or removed', async () => {
    for (const end of ['update members set disabled_at = now()', 'delete from members']) {
      const member = {
        email: `${end.length}@example.org`,
        displayName: 'x',
        role: 'viewer',
      } as const;
      const { id } = await http.database.app.withTenant(http.ours, (tx) =>
        createMember(tx, member),
      );
      const client = await watch(ALL, {
        cookie: await newSession(http.database, http.ours.tenantId, id),
      });
      await expectEvents(client, ['ready']);
      await http.database.admin.unsafe(`${end} where id = $1`, [id]);
      await eventually(() => expect(client.hasEnded).toBe(true));
    }
  });

  it('when its tenant is suspended', async () => {
    const { id: tenantId } = await http.database.newTenant();
    const client = await watch(ALL, { key: await http.newKey(tenantId, 'owner') });
    await expectEvents(client, ['ready']);
    await http.database.app.withPlatform((tx) => updateTenant(tx, tenantId, { suspended: true }));
    await eventually(() => expect(client.hasEnded).toBe(true));
  });

  it('when its key expires', async () => {
    const brief = await http.newKey(http.ours.tenantId, 'viewer', new Date(Date.now() + 1_500));
    const client = await watch(ALL, { key: brief });
    expect(client.status).toBe(200);
    await eventually(() => expect(client.hasEnded).toBe(true));
  });

  it('when it is found that the caller may not, though nothing was told of them', async () => {
    const server = await createTestServer(http.database, { live: { pollMs: 50, sweepMs: 100 } });
    closing.push(() => server.close());
    const doomed = await http.newKey(http.ours.tenantId, 'viewer');
    const client = await watch(ALL, {
      key: doomed,
      url: await server.listen({ host: '127.0.0.1', port: 0 }),
    });
    await expectEvents(client, ['ready']);
    const id = doomed.split('_')[2] ?? '';
    // As a writer does that fires no trigger.
    await http.database.admin.begin(async (sql) => {
      await sql`set local session_replication_role = replica`;
      await sql`update api_keys set revoked_at = now() where id = ${id}`;
    });
    await eventually(() => expect(client.hasEnded).toBe(true));
  });

  it('when it is old, in order, with an id to come back with', async () => {
    const server = await createTestServer(http.database, { live: { lifetimeMs: 300, pollMs: 50 } });
    closing.push(() => server.close());
    const old = await watch(ALL, { url: await server.listen({ host: '127.0.0.1', port: 0 }) });
    await eventually(() => expect(old.hasEnded).toBe(true));
    expect(old.response.complete).toBe(true);
    const id = await newCluster('while nobody watched');
    const next = await watch(ALL, { lastEventId: old.lastEventId });
    await eventually(() => expect(idsOf(next)).toContain(id));
  });

  it('at once where the replica ends, and holds nothing up', async () => {
    const server = await createTestServer(http.database);
    const baseUrl = await server.listen({ host: '127.0.0.1', port: 0 });
    const open = await Promise.all(Array.from({ length: 5 }, () => watch(ALL, { url: baseUrl })));
    await Promise.all(open.map((client) => expectEvents(client, ['ready'])));
    await server.close();
    await eventually(() => expect(open.every(({ hasEnded }) => hasEnded)).toBe(true));
    for (const { response } of open) expect(response.complete).toBe(true);
    // Each at another moment, so that they do not all come to the next one at once.
    expect(new Set(open.map(({ retryMs }) => retryMs)).size).toBeGreaterThan(1);
  });

  it('when its client does not read', async () => {
    const server = await createTestServer(http.database, {
      live: { bufferBytes: 1_500_000, pollMs: 50 },
      metrics: metrics.http,
    });
    closing.push(() => server.close());
    const baseUrl = await server.listen({ host: '127.0.0.1', port: 0 });
    const slow = await watch(ALL, { url: baseUrl, paused: true });
    const reading = await watch(ALL, { url: baseUrl });
    // The kernel's buffers are filled first: that takes some megabytes.
    const world = http.ours;
    await eventually(
      async () => {
        await http.database.admin`
          insert into changes (tenant_id, topic, target_id, kind)
          select ${world.tenantId}, 'clusters', repeat('x', 1000) || n, 'updated'
          from generate_series(1, 900) n`;
        const { values } = await metrics.http.liveStreamsEnded.get();
        expect(values.find(({ labels }) => labels.outcome === 'slow')?.value).toBe(1);
      },
      { withinMs: 60_000 },
    );
    expect(reading.hasEnded).toBe(false);
    slow.response.resume();
    await eventually(() => expect(slow.hasEnded).toBe(true));
    expect(slow.response.complete).toBe(false);
  });
});

describe('many streams', () => {
  it('cost no query each', async () => {
    let transactions = 0;
    const counting: Database = {
      ...http.database.app,
      withTenant: (context, fn) => {
        transactions += 1;
        return http.database.app.withTenant(context, fn);
      },
      withPlatform: (fn) => {
        transactions += 1;
        return http.database.app.withPlatform(fn);
      },
    };
    const server = await createTestServer(http.database, {
      database: counting,
      live: { pollMs: 100, maxStreamsOfCaller: 200 },
    });
    closing.push(() => server.close());
    const baseUrl = await server.listen({ host: '127.0.0.1', port: 0 });
    const open = await Promise.all(Array.from({ length: 200 }, () => watch(ALL, { url: baseUrl })));
    await Promise.all(open.map((client) => expectEvents(client, ['ready'])));
    const { alertId } = http.ours;
    const before = transactions;
    const started = performance.now();
    const changed = 5;
    for (let n = 1; n <= changed; n += 1) {
      await http.database.app.withTenant(http.ours, (tx) => setAlertStatus(tx, alertId, 'open'));
      await eventually(() => {
        for (const client of open) expect(client.events).toHaveLength(1 + n);
      });
    }
    // A poll at least every 50 ms, and one for each wake-up, each of one transaction.
    const polls = (performance.now() - started) / 50 + 2 * changed;
    expect(transactions - before).toBeGreaterThan(0);
    expect(transactions - before).toBeLessThan(polls);
  });

  it('of a tenant are limited by its quota, and counted', async () => {
    const { tenantId } = http.theirs;
    const theirs = await http.newKey(tenantId, 'viewer');
    const setQuota = (liveStreams: number) =>
      http.database.app.withPlatform((tx) => updateTenantQuotas(tx, tenantId, { liveStreams }));
    const uses = async () => {
      const { items } = (await http.call('GET', '/v1/tenant/quotas', { key: theirs })).json();
      return items.find(({ quota }: { quota: string }) => quota === 'liveStreams');
    };
    await setQuota(1);
    expect((await watch(ALL, { key: theirs })).status).toBe(200);
    expect((await watch(ALL, { key: theirs })).status).toBe(429);
    expect(await uses()).toEqual({ quota: 'liveStreams', limit: 1, used: 1 });
    await setQuota(2);
    expect((await watch(ALL, { key: theirs })).status).toBe(200);
  });

  it('of one caller are limited', async () => {
    const server = await createTestServer(http.database, { live: { maxStreamsOfCaller: 2 } });
    closing.push(() => server.close());
    const baseUrl = await server.listen({ host: '127.0.0.1', port: 0 });
    const [first] = await Promise.all([watch(ALL, { url: baseUrl }), watch(ALL, { url: baseUrl })]);
    expect((await watch(ALL, { url: baseUrl })).status).toBe(429);
    const other = await http.newKey(http.ours.tenantId, 'viewer');
    expect((await watch(ALL, { url: baseUrl, key: other })).status).toBe(200);
    first?.close();
    await eventually(async () => {
      expect((await watch(ALL, { url: baseUrl })).status).toBe(200);
    });
  });
});
