import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { insertBatches } from '../../control-plane/store/event-batches.js';
import { insertEvents, listEvents } from '../../control-plane/store/events.js';
import { dropEventDaysBefore, ensurePartitions } from '../../control-plane/store/partitions.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { batchOf, eventOf } from '../support/store-world.js';

const DAY_MS = 86_400_000;

let database: TestDatabase;
let tenantId = '';

beforeEach(async () => {
  database = await createTestDatabase();
  tenantId = (await database.newTenant()).id;
});

afterEach(() => database.close());

const dayName = (time: Date) => time.toISOString().slice(0, 10).replaceAll('-', '');
const daysFromNow = (days: number) => new Date(Date.now() + days * DAY_MS);

async function partitionOf(table: string, id: string): Promise<string | undefined> {
  const { admin } = database;
  const [row] = await admin<{ partition: string }[]>`
    select tableoid::regclass::text as partition from ${admin(table)} where node_id = ${id}`;
  return row?.partition;
}

describe('ensurePartitions', () => {
  it('makes the days from yesterday on, once, also when two workers race', async () => {
    const made = await Promise.all([
      ensurePartitions(database.worker, 2),
      ensurePartitions(database.worker, 2),
    ]);
    const days = [-1, 0, 1, 2].map((days) => dayName(daysFromNow(days)));
    const names = ['event_batches', 'events'].flatMap((t) => days.map((day) => `${t}_${day}`));
    expect(made.flat().sort()).toEqual(names.sort());
    expect(await ensurePartitions(database.worker, 2)).toEqual([]);
  });

  it('puts each row into its day (UTC), and what has no day into the default', async () => {
    await ensurePartitions(database.worker, 2);
    const today = new Date(new Date().toISOString().slice(0, 10));
    const cases: [Date, string][] = [
      [today, `event_batches_${dayName(today)}`],
      [new Date(today.getTime() - 1), `event_batches_${dayName(daysFromNow(-1))}`],
      [new Date(today.getTime() + DAY_MS - 1), `event_batches_${dayName(today)}`],
      [new Date('2001-01-01'), 'event_batches_default'],
      [daysFromNow(300), 'event_batches_default'],
    ];
    for (const [batchTime, partition] of cases) {
      const nodeId = randomUUID();
      await insertBatches(database.app, tenantId, [batchOf(nodeId, { batchTime })]);
      expect(await partitionOf('event_batches', nodeId)).toBe(partition);
    }
  });

  it('leaves a day in the default partition that has rows there already', async () => {
    const nodeId = randomUUID();
    const batch = batchOf(nodeId);
    await insertBatches(database.app, tenantId, [batch]);
    const made = await ensurePartitions(database.worker, 1);
    expect(made).not.toContain(`event_batches_${dayName(new Date())}`);
    expect(made).toContain(`event_batches_${dayName(daysFromNow(1))}`);
    expect(await insertBatches(database.app, tenantId, [batch])).toBe(0);
  });

  it('refuses nonsense, and the role of the API', async () => {
    await expect(ensurePartitions(database.worker, 1000)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(ensurePartitions(database.app)).rejects.toMatchObject({
      code: 'INTERNAL',
      cause: { code: '42501' },
    });
  });
});

describe('a partition', () => {
  it('cannot be read or written by its own name', async () => {
    await ensurePartitions(database.worker);
    for (const db of [database.app, database.worker]) {
      for (const name of ['event_batches_default', `events_${dayName(new Date())}`]) {
        const ask = db.withIngest({ tenantId }, (sql) => sql`select from ${sql(name)}`);
        await expect(ask).rejects.toMatchObject({ cause: { code: '42501' } });
      }
    }
  });
});

describe('dropEventDaysBefore', () => {
  it('drops whole days that ended by then and nothing younger', async () => {
    await ensurePartitions(database.worker, 2);
    const old = eventOf(randomUUID(), randomUUID(), { time: new Date('2001-01-01') });
    const yesterday = eventOf(randomUUID(), randomUUID(), { time: daysFromNow(-1) });
    const today = eventOf(randomUUID(), randomUUID());
    await database.worker.withTenant({ tenantId }, (tx) =>
      insertEvents(tx, [old, yesterday, today]),
    );
    const midnight = new Date(new Date().toISOString().slice(0, 10));
    const dropped = await dropEventDaysBefore(database.worker, midnight);
    expect(dropped).toEqual([`events_${dayName(daysFromNow(-1))}`]);
    const left = await database.app.withTenant({ tenantId }, (tx) => listEvents(tx));
    expect(left.items.map(({ id }) => id)).toEqual([today.id]);
    expect(await dropEventDaysBefore(database.worker, midnight)).toEqual([]);
  });

  it('touches the one table only', async () => {
    await ensurePartitions(database.worker, 2);
    const nodeId = randomUUID();
    await insertBatches(database.app, tenantId, [batchOf(nodeId)]);
    await dropEventDaysBefore(database.worker, daysFromNow(2));
    expect(await partitionOf('event_batches', nodeId)).toBe(`event_batches_${dayName(new Date())}`);
  });

  it('gives up where the table stays busy, and holds nobody up meanwhile', async () => {
    await ensurePartitions(database.worker, 1);
    await database.app.withTenant({ tenantId }, async (tx) => {
      await listEvents(tx);
      const drop = dropEventDaysBefore(database.worker, daysFromNow(2));
      await expect(drop).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    });
  });
});
