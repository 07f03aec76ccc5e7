import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { createCluster, listClusters } from '../../control-plane/store/clusters.js';
import { openDatabase } from '../../control-plane/store/database.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

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
    const small = openDatabase({
      url: database.url,
      role: 'bulkhead_app',
      maxConnections: 1,
      applicationName: 'test-small',
    });
    const codes: unknown[] = [];
    let stray: Promise<void> | undefined;
    try {
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
    } finally {
      await small.close();
    }
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
    const stop = performance.now() + 1500;
    const write = async () => {
      while (performance.now() < stop) {
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
    const kill = async () => {
      while (performance.now() < stop) {
        await database.admin`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'test-bulkhead_app'
          order by random() limit 1`;
      }
    };
    await Promise.all([write(), write(), write(), write(), kill()]);
    const names = new Set(await namesOf());
    expect(done.size).toBeGreaterThan(0);
    expect(failed.size).toBeGreaterThan(0);
    for (const name of done) expect(names.has(name) && names.has(`${name}-2`)).toBe(true);
    // One that failed while its COMMIT was under way may stand, but only whole.
    for (const name of failed) expect(names.has(name)).toBe(names.has(`${name}-2`));
    await database.app.ping();
  });
});

describe('the pool', () => {
  it('lets transactions wait for a connection and serves them all', async () => {
    const small = openDatabase({
      url: database.url,
      role: 'bulkhead_app',
      maxConnections: 2,
      applicationName: 'test-two',
    });
    try {
      const pids = await Promise.all(
        Array.from({ length: 20 }, () => small.withTenant({ tenantId }, backendOf)),
      );
      expect(new Set(pids).size).toBe(2);
    } finally {
      await small.close();
    }
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
