import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { retentionRound } from '../../control-plane/jobs/retention.js';
import { recordAlert, setAlertStatus } from '../../control-plane/store/alerts.js';
import { insertBatches } from '../../control-plane/store/event-batches.js';
import { registerConsumer, withClaimedShard } from '../../control-plane/store/event-cursors.js';
import { insertEvents, listEvents } from '../../control-plane/store/events.js';
import { enqueueDelivery, markDelivered } from '../../control-plane/store/outbox.js';
import { ensurePartitions } from '../../control-plane/store/partitions.js';
import { dropBatchesBefore } from '../../control-plane/store/retention.js';
import { updateSettings } from '../../control-plane/store/settings.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import {
  batchOf,
  createWorld,
  eventOf,
  sha256,
  sightingOf,
  type World,
} from '../support/store-world.js';

const DAY_MS = 86_400_000;
const CONSUMER = 'test';
const LIMITS = { maxBatches: 100, maxPayloadBytes: 1024 * 1024 };

let database: TestDatabase;
let ours: World;
let theirs: World;

beforeEach(async () => {
  await database?.close();
  database = await createTestDatabase();
  ours = await createWorld(database);
  theirs = await createWorld(database);
  await database.worker.withPlatform((tx) => registerConsumer(tx, CONSUMER));
});

afterAll(() => database?.close());

const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS);
const midnight = () => new Date(new Date().toISOString().slice(0, 10));
const round = () =>
  retentionRound(
    { database: database.worker, batchDays: 7, log: pino({ level: 'silent' }) },
    new AbortController().signal,
  );

async function readAll(): Promise<void> {
  while (await withClaimedShard(database.worker, CONSUMER, LIMITS, async () => {}));
}

async function batchDays(): Promise<number[]> {
  const rows = await database.admin<{ days: number }[]>`
    select round(extract(epoch from now() - batch_time) / 86400)::integer as days
    from event_batches order by batch_time desc`;
  return rows.map(({ days }) => days);
}

const fill = (days: readonly number[]) =>
  insertBatches(
    database.app,
    ours.tenantId,
    days.map((age) => batchOf(randomUUID(), { batchTime: daysAgo(age) })),
  );

describe('the log of batches', () => {
  it('loses what all have read, and after a month the rest', async () => {
    await fill([6, 8, 29]);
    await readAll();
    await fill([8, 29, 31]);
    await round();
    // The two worlds have one of today each.
    expect(await batchDays()).toEqual([0, 0, 6, 8, 29]);
    await readAll();
    await round();
    expect(await batchDays()).toEqual([0, 0, 6]);
  });

  it('loses a whole day once nothing in it is unread', async () => {
    await ensurePartitions(database.worker, 1);
    await fill([1]);
    const drop = (unread: Date) => dropBatchesBefore(database.worker, midnight(), unread);
    expect(await drop(daysAgo(30))).toEqual([]);
    const name = `event_batches_${daysAgo(1).toISOString().slice(0, 10).replaceAll('-', '')}`;
    await readAll();
    expect(await drop(daysAgo(30))).toEqual([name]);
    expect(await batchDays()).toEqual([0, 0]);
  });

  it('loses an unread day whose time is over', async () => {
    await ensurePartitions(database.worker, 1);
    await fill([1]);
    expect(await dropBatchesBefore(database.worker, midnight(), midnight())).toHaveLength(1);
  });
});

describe('events', () => {
  it('are kept as long as their tenant says', async () => {
    await database.app.withTenant(ours, (tx) =>
      updateSettings(tx, { retention: { eventDays: 3 } }),
    );
    for (const { tenantId, clusterId, nodeId } of [ours, theirs]) {
      const events = [2, 4, 29, 31].map((age) =>
        eventOf(clusterId, nodeId, { time: daysAgo(age), kind: `${age}` }),
      );
      await database.worker.withTenant({ tenantId }, (tx) => insertEvents(tx, events));
    }
    await round();
    const kindsOf = async (world: World) => {
      const page = await database.app.withTenant(world, (tx) => listEvents(tx));
      return page.items.map(({ kind }) => kind);
    };
    expect(await kindsOf(ours)).toEqual(['exec', '2']);
    expect(await kindsOf(theirs)).toEqual(['exec', '2', '4', '29']);
  });
});

describe('alerts', () => {
  it('stay while they are open; closed ones go with their deliveries', async () => {
    const { tenantId, clusterId, nodeId, webhookId } = ours;
    const made: string[] = [];
    for (const age of [364, 366, 367]) {
      const sighting = sightingOf(clusterId, nodeId, {
        groupKey: sha256(`${age}`),
        lastSeenAt: daysAgo(age),
      });
      await database.worker.withTenant({ tenantId }, async (tx) => {
        const { alertId } = await recordAlert(tx, sighting);
        await enqueueDelivery(tx, {
          endpointId: webhookId,
          alertId,
          eventType: 'alert.created',
          payload: {},
        });
        made.push(alertId);
      });
    }
    for (const id of made.slice(0, 2)) {
      await database.app.withTenant(ours, (tx) => setAlertStatus(tx, id, 'closed'));
    }
    await round();
    const left = await database.admin<{ id: string; deliveries: number }[]>`
      select a.id, count(o.id)::integer as deliveries
      from alerts a left join outbox o on o.tenant_id = a.tenant_id and o.alert_id = a.id
      where a.id in ${database.admin(made)} group by a.id order by a.id`;
    const [young, , open] = made;
    expect(left).toEqual([
      { id: young, deliveries: 1 },
      { id: open, deliveries: 1 },
    ]);
  });

  it('lose deliveries that were made long ago, and none that wait', async () => {
    const { tenantId, alertId, webhookId } = ours;
    const ids = await database.worker.withTenant({ tenantId }, async (tx) => {
      const delivery = { endpointId: webhookId, alertId, eventType: 'alert.created', payload: {} };
      const first = await enqueueDelivery(tx, delivery);
      const second = await enqueueDelivery(tx, delivery);
      await markDelivered(tx, first.id);
      return [first.id, second.id];
    });
    await database.admin`update outbox set created_at = now() - interval '31 days'
      where id in ${database.admin(ids)}`;
    await round();
    const left = await database.admin<{ id: string }[]>`
      select id from outbox where id in ${database.admin(ids)}`;
    expect(left.map(({ id }) => id)).toEqual(ids.slice(1));
  });
});
