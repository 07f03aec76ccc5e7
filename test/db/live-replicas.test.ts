import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { createCluster } from '../../control-plane/store/clusters.js';
import {
  type ControlPlaneProcess,
  newOwnerKey,
  startControlPlane,
} from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type LiveClient, openLive } from '../support/live.js';

jest.setTimeout(120_000);

const QUERY = 'topics=clusters';

let database: TestDatabase;
let tenantId = '';
let key = '';
const replicas: ControlPlaneProcess[] = [];
const clients: LiveClient[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await database.newTenant()).id;
  key = await newOwnerKey(database, tenantId);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const replica of replicas.splice(0)) await replica.destroy();
});

afterAll(() => database?.close());

async function start(): Promise<ControlPlaneProcess> {
  const replica = await startControlPlane(database.url, {}, ['--role=api']);
  replicas.push(replica);
  return replica;
}

async function watch(replica: ControlPlaneProcess, lastEventId?: string): Promise<LiveClient> {
  const client = await openLive(replica.apiUrl, key, QUERY, lastEventId ? { lastEventId } : {});
  clients.push(client);
  await eventually(() => expect(client.events.length).toBeGreaterThan(0));
  return client;
}

/** Writes until it is told to stop; whoever reads must have all of it. */
function writeClusters(): { readonly ids: string[]; stop(): Promise<void> } {
  const ids: string[] = [];
  let stopped = false;
  const work = async () => {
    while (!stopped) {
      const name = `cluster ${Math.random()}`;
      const made = await database.app.withTenant({ tenantId }, (tx) => createCluster(tx, { name }));
      ids.push(made.id);
    }
  };
  const running = work();
  return {
    ids,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

const idsOf = ({ events }: LiveClient) => events.flatMap(({ data }) => data.id ?? []);

it('a client that loses its replica misses nothing and is told nothing twice', async () => {
  const [first, second] = [await start(), await start()];
  const before = await watch(first);
  const writing = writeClusters();
  await eventually(() => expect(before.events.length).toBeGreaterThan(20));
  first.kill('SIGKILL');
  await eventually(() => expect(before.hasEnded).toBe(true));
  const known = writing.ids.length;
  await eventually(() => expect(writing.ids.length).toBeGreaterThan(known + 20));
  const after = await watch(second, before.lastEventId);
  await eventually(() => expect(after.events.length).toBeGreaterThan(40));
  await writing.stop();
  await eventually(() => {
    expect([...idsOf(before), ...idsOf(after)]).toEqual(writing.ids);
  });
});

it('a replica that is to end does not wait for who watches', async () => {
  const replica = await start();
  const open = [await watch(replica), await watch(replica)];
  replica.kill('SIGTERM');
  expect(await replica.ended).toBe(0);
  await eventually(() => expect(open.every(({ hasEnded }) => hasEnded)).toBe(true));
  for (const { response } of open) expect(response.complete).toBe(true);
  expect(replica.output).not.toContain('not done in time');
});
