import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { createCluster, listClusters } from '../../control-plane/store/clusters.js';
import { type Database, openDatabase } from '../../control-plane/store/database.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestDatabase, type TestDatabase, withConnections } from '../support/database.js';
import { eventually } from '../support/eventually.js';

/** Transactions of each outcome. */
const ENOUGH = 20;

let database: TestDatabase;
let tenantId = '';

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await database.newTenant()).id;
});

afterAll(() => database.close());

async function backendOf(tx: TenantTx): Promise<number> {
  const [row] = await tx.queries.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
  return row?.pid ?? 0;
}

/** Ends the session and waits until the server has none of that number. */
async function endSession(pid: number): Promise<void> {
  await database.admin`select pg_terminate_backend(${pid})`;
  await eventually(async () => {
    const left = await database.admin`select from pg_stat_activity where pid = ${pid}`;
    if (left.length > 0) throw new Error('the session is still there');
  });
}

const namesOf = async () => {
  const rows = await database.admin<{ name: string }[]>`select name from clusters`;
  return rows.map(({ name }) => name);
};

describe('a connection that is lost inside a transaction', () => {
  it('fails it, and no statement of it runs anywhere afterwards', async () => {
    const codes: unknown[] = [];
    let stray: Promise<void> | undefined;
    await withConnections(database, 1, async (small) => {
      const lost = small.withTenant({ tenantId }, (tx) => {
        const run = async () => {
          await createCluster(tx, { name: 'before' });
          await endSession(await backendOf(tx));
          for (const name of ['after-1', 'after-2']) {
            await createCluster(tx, { name }).catch((error) => codes.push(error.code));
          }
        };
        stray = run();
        return stray;
      });
      await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      // The next transaction has a connection that the former's last words do not reach.
      await small.withTenant({ tenantId }, (tx) => createCluster(tx, { name: 'next' }));
      await stray;
      expect(codes).toHaveLength(2);
      expect(await namesOf()).toEqual(['next']);
    });
  });

  it('fails the statements that wait behind the one that was under way', async () => {
    let outcomes: Promise<PromiseSettledResult<unknown>[]> | undefined;
    const lost = database.app.withTenant({ tenantId }, async (tx) => {
      const pid = await backendOf(tx);
      const sleep = tx.queries.execute(sql`select pg_sleep(60), ${'parameter'}::text`).execute();
      outcomes = Promise.allSettled([sleep, createCluster(tx, { name: 'behind' })]);
      await eventually(async () => {
        const sleeping = await database.admin`
          select from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`;
        if (sleeping.length === 0) throw new Error('it does not sleep yet');
      });
      await endSession(pid);
      await outcomes;
    });
    await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await outcomes)?.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await namesOf()).not.toContain('behind');
  });

  it('ends the wait of what runs behind a savepoint too', async () => {
    const lost = database.worker.withPlatform(async (tx) => {
      await tx.asTenant(tenantId, async (tenant) => {
        await endSession(await backendOf(tenant));
        await listClusters(tenant);
      });
    });
    await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await database.worker.ping();
  });

  it('never tells of a commit that was not, nor the reverse, while sessions are ended all the time', async () => {
    const done = new Set<string>();
    const failed = new Set<string>();
    const deadline = performance.now() + 30_000;
    const goesOn = () => Math.min(done.size, failed.size) < ENOUGH && performance.now() < deadline;
    const write = async () => {
      while (goesOn()) {
        const name = randomUUID();
        try {
          await database.app.withTenant({ tenantId }, async (tx) => {
            await createCluster(tx, { name });
            await createCluster(tx, { name: `${name}-2` });
          });
          done.add(name);
        } catch (error) {
          expect(error).toMatchObject({ code: 'UNAVAILABLE' });
          failed.add(name);
        }
      }
    };
    // Each time one got through: a slow machine would otherwise never finish any.
    const kill = async () => {
      while (goesOn()) {
        const before = done.size;
        await database.admin`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'test-bulkhead_app'
          order by random() limit 1`;
        while (done.size === before && goesOn()) await nextTurn();
      }
    };
    await Promise.all([write(), write(), write(), write(), kill()]);
    const names = new Set(await namesOf());
    expect(Math.min(done.size, failed.size)).toBeGreaterThanOrEqual(ENOUGH);
    for (const name of done) expect(names.has(name) && names.has(`${name}-2`)).toBe(true);
    // One that failed while its COMMIT was under way may stand, but only whole.
    for (const name of failed) expect(names.has(name)).toBe(names.has(`${name}-2`));
    await database.app.ping();
  });
});

describe('the pool', () => {
  it('lets transactions wait for a connection and serves them all', async () => {
    await withConnections(database, 2, async (small) => {
      const pids = await Promise.all(
        Array.from({ length: 20 }, () => small.withTenant({ tenantId }, backendOf)),
      );
      expect(new Set(pids).size).toBe(2);
    });
  });

  it('refuses what comes after it was closed and leaves no session behind', async () => {
    const closed = openDatabase({
      url: database.url,
      role: 'bulkhead_app',
      applicationName: 'test-closed',
    });
    await Promise.all([closed.ping(), closed.ping()]);
    await closed.listen('bulkhead_policy', () => {});
    await closed.close();
    await expect(closed.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await eventually(async () => {
      const left = await database.admin`
        select application_name from pg_stat_activity where application_name like 'test-closed%'`;
      expect(left).toEqual([]);
    });
  });
});

describe('statements with parameters', () => {
  const withOne = <T>(fn: (one: Database) => Promise<T>) => withConnections(database, 1, fn);

  const inTenant = <T>(one: Database, fn: (tx: TenantTx) => Promise<T>) =>
    one.withTenant({ tenantId }, fn);

  it('are prepared, so many of them and no more, and the rest runs all the same', async () => {
    const count = 600;
    await withOne((one) =>
      inTenant(one, async (tx) => {
        for (let at = 0; at < count; at += 1) {
          const text = sql.raw(` + ${at}`);
          const rows = await tx.queries.execute(sql`select ${1}::int${text} as sum`);
          expect(rows).toMatchObject([{ sum: at + 1 }]);
        }
        const [row] = await tx.queries.execute<{ count: number }>(
          sql`select count(*)::int as count from pg_prepared_statements`,
        );
        expect(row?.count).toBe(500);
      }),
    );
  });

  it('that were prepared before a migration fail once, as what is to be tried again', async () => {
    await database.admin`create table migrated (n integer)`;
    await database.admin`grant select on migrated to bulkhead_app`;
    await database.admin`insert into migrated values (7)`;
    await withOne(async (one) => {
      const read = () =>
        inTenant(one, (tx) => tx.queries.execute(sql`select n from migrated where n > ${1}::int`));
      expect(await read()).toMatchObject([{ n: 7 }]);
      await database.admin`alter table migrated alter column n type smallint`;
      await expect(read()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await read()).toMatchObject([{ n: 7 }]);
    });
    await database.admin`drop table migrated`;
  });
});
