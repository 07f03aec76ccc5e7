import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import postgres from 'postgres';
import {
  insertBatches,
  type LoggedBatch,
  shardOf,
} from '../../control-plane/store/event-batches.js';
import {
  completeLease,
  leaseShard,
  registerConsumer,
  releaseLease,
  renewLease,
  withClaimedShard,
} from '../../control-plane/store/event-cursors.js';
import { insertEvents } from '../../control-plane/store/events.js';
import { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { batchOf, eventOf } from '../support/store-world.js';

const LIMITS = { maxBatches: 10, maxPayloadBytes: 1024 * 1024 };
const LEASE = { ...LIMITS, leaseMs: 60_000 };
const CONSUMER = 'test';

let database: TestDatabase;
let tenantId = '';

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.close());

beforeEach(async () => {
  await database.clear();
  tenantId = (await database.newTenant()).id;
  await database.worker.withPlatform((tx) => registerConsumer(tx, CONSUMER));
});

/** So many batches of each of so many nodes, in the order of their sequence. */
async function fill(nodes: number, each: number): Promise<string[]> {
  const ids = Array.from({ length: nodes }, () => randomUUID());
  for (let sequence = 1n; sequence <= each; sequence += 1n) {
    await insertBatches(
      database.app,
      tenantId,
      ids.map((id) => batchOf(id, { sequence })),
    );
  }
  return ids;
}

const nameOf = (batch: LoggedBatch) => `${batch.nodeId}/${batch.sequence}`;

/** Reads until nothing is left. */
async function readAll(consumer = CONSUMER, limits = LIMITS): Promise<string[]> {
  const read: string[] = [];
  while (
    await withClaimedShard(database.worker, consumer, limits, async (_tx, batches) => {
      read.push(...batches.map(nameOf));
    })
  );
  return read;
}

function signal(): { readonly given: Promise<void>; give(): void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}

describe('withClaimedShard', () => {
  it('gives every batch once, a node at a time in the order of its sequence', async () => {
    const nodes = await fill(5, 25);
    const read = await readAll();
    expect(new Set(read).size).toBe(125);
    expect(read.length).toBe(125);
    for (const node of nodes) {
      const sequences = read.filter((name) => name.startsWith(node)).map((n) => n.split('/')[1]);
      expect(sequences).toEqual(Array.from({ length: 25 }, (_, index) => String(index + 1)));
    }
    expect(await readAll()).toEqual([]);
  });

  it('gives the batch as it was stored, with its tenant', async () => {
    const batch = batchOf(randomUUID(), { kind: 'alert', eventCount: 3, sequence: 9n });
    await insertBatches(database.app, tenantId, [batch]);
    const given: LoggedBatch[] = [];
    await withClaimedShard(database.worker, CONSUMER, LIMITS, async (_tx, batches) => {
      given.push(...batches);
    });
    expect(given).toEqual([
      expect.objectContaining({ ...batch, tenantId, receivedAt: expect.any(Date) }),
    ]);
  });

  it('gives no batch to two consumers that run at the same time', async () => {
    await fill(24, 10);
    const read: string[] = [];
    let most = 0;
    let atOnce = 0;
    const consume = async () => {
      while (
        await withClaimedShard(database.worker, CONSUMER, LIMITS, async (tx, batches) => {
          atOnce += 1;
          most = Math.max(most, atOnce);
          await tx.asTenant(tenantId, (tenant) =>
            insertEvents(
              tenant,
              batches.map((b) => eventOf(randomUUID(), b.nodeId, { id: nameOf(b) })),
            ),
          );
          read.push(...batches.map(nameOf));
          atOnce -= 1;
        })
      );
    };
    await Promise.all([consume(), consume(), consume(), consume()]);
    // One that found every shard claimed went home early.
    await consume();
    expect(most).toBeGreaterThan(1);
    expect(read.length).toBe(240);
    expect(new Set(read).size).toBe(240);
    const [stored] = await database.admin`select count(*)::int from events`;
    expect(stored).toEqual({ count: 240 });
  });

  it('does nothing where the work fails, and gives the same again', async () => {
    const [node] = await fill(1, 3);
    const attempt = withClaimedShard(database.worker, CONSUMER, LIMITS, async (tx, batches) => {
      await tx.asTenant(tenantId, (tenant) =>
        insertEvents(tenant, [eventOf(randomUUID(), batches[0]?.nodeId ?? '')]),
      );
      throw new Error('the work failed');
    });
    await expect(attempt).rejects.toThrow('the work failed');
    expect(await database.admin`select from events`).toHaveLength(0);
    expect(await readAll()).toEqual([`${node}/1`, `${node}/2`, `${node}/3`]);
  });

  it('does not pass over a batch whose transaction began earlier and commits later', async () => {
    const nodeId = randomUUID();
    const slow = postgres(database.url, { max: 1, onnotice: () => {} });
    const begun = signal();
    const commit = signal();
    try {
      const late = slow.begin(async (sql) => {
        await sql`
          insert into event_batches
            (tenant_id, node_id, boot_id, sequence, batch_time, kind, event_count, payload, shard)
          values (${tenantId}, ${nodeId}, ${randomUUID()}, 1, now(), 2, 1, 'late', ${shardOf(nodeId)})`;
        begun.give();
        await commit.given;
      });
      await begun.given;
      await insertBatches(database.app, tenantId, [batchOf(nodeId, { sequence: 2n })]);
      // The second is committed and visible, but not given before the first is decided.
      expect(await readAll()).toEqual([]);
      commit.give();
      await late;
      expect(await readAll()).toEqual([`${nodeId}/1`, `${nodeId}/2`]);
    } finally {
      commit.give();
      await slow.end();
    }
  });

  it('goes on behind a transaction that is rolled back', async () => {
    const nodeId = randomUUID();
    await expect(
      database.app.withIngest({ tenantId }, async (sql) => {
        await sql`select pg_current_xact_id()`;
        await insertBatches(database.app, tenantId, [batchOf(nodeId)]);
        expect(await readAll()).toEqual([]);
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await readAll()).toEqual([`${nodeId}/1`]);
  });

  it('keeps to its limits, but gives one batch however large', async () => {
    const nodeId = randomUUID();
    const sizes = [400, 400, 400, 5000, 10];
    for (const [index, size] of sizes.entries()) {
      const batch = batchOf(nodeId, { sequence: BigInt(index + 1), payload: Buffer.alloc(size) });
      await insertBatches(database.app, tenantId, [batch]);
    }
    const rounds: number[] = [];
    const limits = { maxBatches: 10, maxPayloadBytes: 1000 };
    while (
      await withClaimedShard(database.worker, CONSUMER, limits, async (_tx, batches) => {
        rounds.push(batches.length);
      })
    );
    expect(rounds).toEqual([2, 1, 1, 1]);
  });

  it('lets each consumer read all of it', async () => {
    await fill(2, 3);
    expect((await readAll()).length).toBe(6);
    await database.worker.withPlatform((tx) => registerConsumer(tx, 'second'));
    expect((await readAll('second')).length).toBe(6);
  });

  it('is not for the role of the API', async () => {
    await expect(
      withClaimedShard(database.app, CONSUMER, LIMITS, async () => {}),
    ).rejects.toMatchObject({ code: 'INTERNAL', cause: { code: '42501' } });
  });
});

describe('a tenant inside a claim', () => {
  it('that fails takes only its own writes with it', async () => {
    const other = (await database.newTenant()).id;
    await fill(1, 1);
    await withClaimedShard(database.worker, CONSUMER, LIMITS, async (tx) => {
      await tx.asTenant(tenantId, (tenant) =>
        insertEvents(tenant, [eventOf(randomUUID(), randomUUID())]),
      );
      await expect(
        tx.asTenant(other, async (tenant) => {
          await insertEvents(tenant, [eventOf(randomUUID(), randomUUID())]);
          await insertEvents(tenant, [eventOf('no uuid', randomUUID())]);
        }),
      ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });
    const rows = await database.admin`select tenant_id from events`;
    expect(rows).toEqual([{ tenant_id: tenantId }]);
    expect(await readAll()).toEqual([]);
  });

  it('is nobody again afterwards', async () => {
    await fill(1, 1);
    await expect(
      withClaimedShard(database.worker, CONSUMER, LIMITS, async (tx) => {
        await tx.asTenant(tenantId, async () => {});
        const forgotten = new TenantTx(tx.queries, tenantId);
        await insertEvents(forgotten, [eventOf(randomUUID(), randomUUID())]);
      }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND', cause: { code: '42501' } });
  });

  it('is never one of two at a time', async () => {
    await fill(1, 1);
    await withClaimedShard(database.worker, CONSUMER, LIMITS, async (tx) => {
      const first = tx.asTenant(tenantId, async () => {});
      await expect(tx.asTenant(tenantId, async () => {})).rejects.toMatchObject({
        code: 'INTERNAL',
      });
      await first;
    });
  });
});

describe('leaseShard', () => {
  it('holds no transaction, gives its shard to nobody else and moves the cursor at the end', async () => {
    const [node] = await fill(1, 2);
    const lease = await leaseShard(database.worker, CONSUMER, LEASE);
    expect(lease?.batches.map(nameOf)).toEqual([`${node}/1`, `${node}/2`]);
    expect(await leaseShard(database.worker, CONSUMER, LEASE)).toBeUndefined();
    expect(await readAll()).toEqual([]);
    const open = await database.admin`
      select from pg_stat_activity where datname = current_database()
        and state like 'idle in transaction%'`;
    expect(open).toHaveLength(0);
    if (!lease) throw new Error('no lease');
    await completeLease(database.worker, lease);
    expect(await leaseShard(database.worker, CONSUMER, LEASE)).toBeUndefined();
  });

  it('gives the same again after it was released', async () => {
    await fill(1, 2);
    const first = await leaseShard(database.worker, CONSUMER, LEASE);
    if (!first) throw new Error('no lease');
    await releaseLease(database.worker, first);
    const second = await leaseShard(database.worker, CONSUMER, LEASE);
    expect(second?.batches).toEqual(first.batches);
    await expect(completeLease(database.worker, first)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('is lost to another once its time is over, unless it is renewed', async () => {
    await fill(1, 2);
    const first = await leaseShard(database.worker, CONSUMER, { ...LEASE, leaseMs: 1 });
    if (!first) throw new Error('no lease');
    const second = await eventually(async () => {
      const lease = await leaseShard(database.worker, CONSUMER, { ...LEASE, leaseMs: 1 });
      if (!lease) throw new Error('not yet over');
      return lease;
    });
    expect(second.batches).toEqual(first.batches);
    await expect(renewLease(database.worker, first, 1000)).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await renewLease(database.worker, second, 60_000);
    expect(await leaseShard(database.worker, CONSUMER, LEASE)).toBeUndefined();
    await completeLease(database.worker, second);
    expect(await readAll()).toEqual([]);
  });
});
