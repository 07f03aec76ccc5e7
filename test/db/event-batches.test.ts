import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CHANNELS } from '../../control-plane/store/database.js';
import { insertBatches, shardOf } from '../../control-plane/store/event-batches.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { batchOf } from '../support/store-world.js';

let database: TestDatabase;
let tenantId = '';
let nodeId = '';

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.close());

beforeEach(async () => {
  tenantId = (await database.newTenant()).id;
  nodeId = randomUUID();
});

const countOf = async (id: string) => {
  const [row] = await database.admin<{ count: number }[]>`
    select count(*)::int from event_batches where node_id = ${id}`;
  return row?.count;
};

describe('insertBatches', () => {
  it('stores every field as it came', async () => {
    const payload = Buffer.from([0, 1, 92, 34, 39, 255, 123, 125, 44]);
    const batchTime = new Date('2026-02-03T04:05:06.789Z');
    const sequence = 2n ** 63n - 1n;
    const batch = batchOf(nodeId, { payload, batchTime, sequence, kind: 'alert', eventCount: 7 });
    expect(await insertBatches(database.app, tenantId, [batch])).toBe(1);
    const [row] = await database.admin`select * from event_batches where node_id = ${nodeId}`;
    expect(row).toMatchObject({
      tenant_id: tenantId,
      boot_id: batch.bootId,
      sequence: sequence.toString(),
      batch_time: batchTime,
      kind: 1,
      event_count: 7,
      shard: shardOf(nodeId),
    });
    expect(Buffer.compare(row?.payload, payload)).toBe(0);
  });

  it('counts each batch once, however often and however mixed it comes', async () => {
    const batches = Array.from({ length: 20 }, (_, index) =>
      batchOf(nodeId, { sequence: BigInt(index + 1), batchTime: new Date(1_780_000_000_000) }),
    );
    expect(await insertBatches(database.app, tenantId, batches.slice(0, 12))).toBe(12);
    expect(await insertBatches(database.app, tenantId, batches.slice(6))).toBe(8);
    const again = await Promise.all([
      insertBatches(database.app, tenantId, batches),
      insertBatches(database.app, tenantId, [...batches].reverse()),
    ]);
    expect(again).toEqual([0, 0]);
    expect(await countOf(nodeId)).toBe(20);
  });

  it('counts one once that two connections send at the same moment', async () => {
    const batches = Array.from({ length: 50 }, (_, index) =>
      batchOf(nodeId, { sequence: BigInt(index + 1), batchTime: new Date(1_780_000_000_000) }),
    );
    const inserted = await Promise.all([
      insertBatches(database.app, tenantId, batches),
      insertBatches(database.app, tenantId, batches),
    ]);
    expect(inserted[0] + inserted[1]).toBe(50);
    expect(await countOf(nodeId)).toBe(50);
  });

  it('finds a repeat whose day has no partition', async () => {
    for (const batchTime of [new Date('1970-01-01'), new Date('2222-02-02T23:59:59.999Z')]) {
      const batch = batchOf(nodeId, { batchTime });
      expect(await insertBatches(database.app, tenantId, [batch])).toBe(1);
      expect(await insertBatches(database.app, tenantId, [batch])).toBe(0);
    }
  });

  it('takes a payload of the largest size', async () => {
    const batch = batchOf(nodeId, { payload: Buffer.alloc(1024 * 1024, 0xfe) });
    expect(await insertBatches(database.app, tenantId, [batch])).toBe(1);
  });

  it('refuses what cannot be a batch, whole', async () => {
    const good = batchOf(nodeId);
    const bad = [
      batchOf(nodeId, { sequence: 2n ** 63n }),
      batchOf(nodeId, { bootId: 'boot' }),
      batchOf(nodeId, { bootId: `${randomUUID()}","${randomUUID()}` }),
      batchOf(nodeId, { payload: Buffer.alloc(1024 * 1024 + 1) }),
    ];
    for (const batch of bad) {
      await expect(insertBatches(database.app, tenantId, [good, batch])).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect(await countOf(nodeId)).toBe(0);
  });

  it('wakes the workers for a new batch of kind alert, and for nothing else', async () => {
    const woken: string[] = [];
    const listener = await database.worker.listen(CHANNELS.alerts, (payload) =>
      woken.push(payload),
    );
    const alert = batchOf(nodeId, { kind: 'alert', sequence: 3n });
    await insertBatches(database.app, tenantId, [batchOf(nodeId)]);
    await insertBatches(database.app, tenantId, [alert]);
    await insertBatches(database.app, tenantId, [alert]);
    // Notifications come in the order of the commits: once this one is here, all before it are.
    await database.admin`select pg_notify(${CHANNELS.alerts}, 'last')`;
    await eventually(() => expect(woken).toContain('last'));
    // The first is the one of the connection itself.
    expect(woken).toEqual(['', '', 'last']);
    await listener.close();
  });

  it('does not let a tenant write as another', async () => {
    const other = (await database.newTenant()).id;
    await expect(
      database.app.withIngest(
        { tenantId },
        (sql) => sql`
          insert into event_batches
            (tenant_id, node_id, boot_id, sequence, batch_time, kind, event_count, payload, shard)
          values (${other}, ${nodeId}, ${randomUUID()}, 1, now(), 2, 1, '', 0)`,
      ),
    ).rejects.toMatchObject({ code: 'NOT_FOUND', cause: { code: '42501' } });
  });
});
