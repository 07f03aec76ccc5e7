import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { registerAlertConsumer } from '../../control-plane/store/alert-changes.js';
import { readBacklog } from '../../control-plane/store/backlog.js';
import { registerConsumer, withClaimedShard } from '../../control-plane/store/event-cursors.js';
import { markDelivered } from '../../control-plane/store/outbox.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createWorld, type World } from '../support/store-world.js';

const CONSUMERS = { batches: ['decode'], alerts: ['alerts'] };

let database: TestDatabase;
let worlds: readonly World[];

beforeAll(async () => {
  database = await createTestDatabase();
  worlds = [await createWorld(database), await createWorld(database)];
  await database.worker.withPlatform(async (tx) => {
    await registerConsumer(tx, 'decode');
    await registerAlertConsumer(tx, 'alerts');
  });
});

afterAll(() => database?.close());

it('counts what waits, over all tenants', async () => {
  await database.admin`update event_batches set received_at = now() - interval '1 hour'`;
  const { lagSeconds, alertChanges, dueDeliveries } = await readBacklog(database.worker, CONSUMERS);
  expect(lagSeconds.get('decode')).toBeGreaterThanOrEqual(3600);
  expect(alertChanges.get('alerts')).toBe(2);
  expect(dueDeliveries).toBe(2);
});

it('says that nothing waits when all is done', async () => {
  const claim = () =>
    withClaimedShard(
      database.worker,
      'decode',
      { maxBatches: 9, maxPayloadBytes: 999 },
      async () => {},
    );
  while (await claim());
  for (const world of worlds) {
    await database.worker.withTenant(world, (tx) => markDelivered(tx, world.deliveryId));
  }
  const { lagSeconds, dueDeliveries } = await readBacklog(database.worker, CONSUMERS);
  expect(lagSeconds.get('decode')).toBe(0);
  expect(dueDeliveries).toBe(0);
});

it('passes over deliveries of endpoints that are disabled', async () => {
  await database.admin`update outbox set state = 'pending'`;
  await database.admin`update webhook_endpoints set enabled = false`;
  expect(await readBacklog(database.worker, CONSUMERS)).toMatchObject({ dueDeliveries: 0 });
});

it('is not for the role of the API', async () => {
  await database.admin`update webhook_endpoints set enabled = true`;
  expect(await readBacklog(database.worker, CONSUMERS)).toMatchObject({ dueDeliveries: 2 });
  const seen = await readBacklog(database.app, CONSUMERS).catch(({ code }) => code);
  // Row security shows it nothing of any tenant, and cursors are not its business.
  expect(typeof seen === 'string' ? 0 : seen.dueDeliveries).toBe(0);
});
