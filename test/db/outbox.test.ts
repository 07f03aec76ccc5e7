import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  claimDueDeliveries,
  enqueueDelivery,
  listDeliveries,
  markDelivered,
  markFailed,
} from '../../control-plane/store/outbox.js';
import { deleteWebhookEndpoint } from '../../control-plane/store/webhooks.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { createWorld, type World } from '../support/store-world.js';

let database: TestDatabase;
let world: World;
const LEASE_MS = 60_000;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.close());

beforeEach(async () => {
  await database.clear();
  world = await createWorld(database);
});

const claim = (limit = 10, leaseMs = LEASE_MS) =>
  claimDueDeliveries(database.worker, limit, leaseMs);
const list = () => database.app.withTenant(world, (tx) => listDeliveries(tx, world.webhookId));

async function enqueue(count: number, of: World = world): Promise<string[]> {
  return database.worker.withTenant(of, async (tx) => {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const { webhookId: endpointId, alertId } = of;
      const delivery = { endpointId, alertId, eventType: 'alert.created', payload: { index } };
      ids.push((await enqueueDelivery(tx, delivery)).id);
    }
    return ids;
  });
}

describe('claimDueDeliveries', () => {
  it('gives what a try needs, counts it and keeps it from others for the lease', async () => {
    expect(await claim()).toEqual([
      {
        tenantId: world.tenantId,
        id: world.deliveryId,
        endpointId: world.webhookId,
        alertId: world.alertId,
        eventType: 'alert.created',
        payload: { type: 'alert.created' },
        attempts: 1,
        url: 'https://example.org/hook',
        secretEncrypted: Buffer.from('sealed'),
      },
    ]);
    expect(await claim()).toEqual([]);
  });

  it('gives it again once the lease is over', async () => {
    await claim(10, 1);
    const [again] = await eventually(async () => {
      const due = await claim();
      if (due.length === 0) throw new Error('not yet due');
      return due;
    });
    expect(again).toMatchObject({ id: world.deliveryId, attempts: 2 });
  });

  it('gives each delivery of each tenant to one of many workers', async () => {
    const other = await createWorld(database);
    const ids = [
      ...(await enqueue(30)),
      ...(await enqueue(30, other)),
      world.deliveryId,
      other.deliveryId,
    ];
    const claimed: string[] = [];
    const work = async () => {
      for (let due = await claim(7); due.length > 0; due = await claim(7)) {
        claimed.push(...due.map(({ id }) => id));
      }
    };
    await Promise.all([work(), work(), work(), work()]);
    await work();
    expect(claimed.sort()).toEqual(ids.sort());
  });

  it('passes over endpoints that are disabled', async () => {
    await database.admin`update webhook_endpoints set enabled = false`;
    expect(await claim()).toEqual([]);
  });

  it('is not for the role of the API', async () => {
    // Row security shows it nothing that is due: it belongs to no tenant here.
    expect(await claimDueDeliveries(database.app, 10, LEASE_MS)).toEqual([]);
  });
});

describe('a delivery', () => {
  it('is done when it was delivered', async () => {
    await database.worker.withTenant(world, (tx) => markDelivered(tx, world.deliveryId));
    const [delivery] = (await list()).items;
    expect(delivery).toMatchObject({ state: 'delivered', deliveredAt: expect.any(Date) });
    await database.admin`update outbox set next_attempt_at = now() - interval '1 day'`;
    expect(await claim()).toEqual([]);
  });

  it('waits for its next try and remembers why', async () => {
    const nextAttemptAt = new Date(Date.now() + 3_600_000);
    await database.worker.withTenant(world, (tx) =>
      markFailed(tx, world.deliveryId, { error: 'refused\u0000', nextAttemptAt }),
    );
    const [delivery] = (await list()).items;
    expect(delivery).toMatchObject({ state: 'pending', nextAttemptAt, lastError: 'refused\ufffd' });
    expect(await claim()).toEqual([]);
  });

  it('that is dead stays dead', async () => {
    await database.worker.withTenant(world, (tx) =>
      markFailed(tx, world.deliveryId, { error: 'gone', nextAttemptAt: 'dead' }),
    );
    const late = database.worker.withTenant(world, (tx) => markDelivered(tx, world.deliveryId));
    await expect(late).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await list()).items).toEqual([expect.objectContaining({ state: 'dead' })]);
  });

  it('goes with its endpoint', async () => {
    await database.app.withTenant(world, (tx) => deleteWebhookEndpoint(tx, world.webhookId));
    expect(await database.admin`select from outbox`).toHaveLength(0);
  });

  it('is not written where its transaction is not', async () => {
    await expect(
      database.worker.withTenant(world, async (tx) => {
        const { webhookId: endpointId, alertId } = world;
        await enqueueDelivery(tx, { endpointId, alertId, eventType: 'alert.created', payload: {} });
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect((await list()).items).toHaveLength(1);
  });
});
