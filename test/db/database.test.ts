import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { createAssignment } from '../../control-plane/store/assignments.js';
import { createCluster, getCluster, listClusters } from '../../control-plane/store/clusters.js';
import { CHANNELS, notify, openDatabase } from '../../control-plane/store/database.js';
import { createTenant, listTenants } from '../../control-plane/store/tenants.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestDatabase, type TestDatabase, withConnections } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { assignmentOf } from '../support/store-world.js';

let database: TestDatabase;
let tenantId = '';

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await database.newTenant()).id;
});

afterAll(() => database.close());

describe('a login that is a superuser', () => {
  it('is its role and nothing more on every connection', async () => {
    for (const db of [database.app, database.worker]) {
      const role = await db.withIngest({ tenantId }, async (tx) => {
        const [row] = await tx`
          select current_user, current_setting('is_superuser') as is_superuser,
            current_setting('timezone') as timezone`;
        return row;
      });
      expect(role).toMatchObject({ current_user: db.role, is_superuser: 'off', timezone: 'UTC' });
      const main = await db.withTenant({ tenantId }, (tx) =>
        tx.queries.execute(sql`select current_user`),
      );
      expect([...main]).toEqual([{ current_user: db.role }]);
    }
  });
});

describe('the URL', () => {
  it('does not choose another role', async () => {
    const url = new URL(database.url);
    url.searchParams.set('role', 'postgres');
    url.searchParams.set('options', '-c role=postgres');
    const app = openDatabase({ url: url.href, role: 'bulkhead_app', applicationName: 'test-url' });
    try {
      const role = await app.withPlatform((tx) => tx.queries.execute(sql`select current_user`));
      expect([...role]).toEqual([{ current_user: 'bulkhead_app' }]);
    } finally {
      await app.close();
    }
  });
});

describe('a transaction', () => {
  it('leaves its tenant to nobody that gets the connection next', async () => {
    await withConnections(database, 1, async (one) => {
      await one.withTenant({ tenantId }, (tx) => createCluster(tx, { name: 'left' }));
      const seen = await one.withPlatform((tx) =>
        tx.queries.execute(sql`select count(*)::int as count from clusters`),
      );
      expect([...seen]).toEqual([{ count: 0 }]);
    });
  });

  it('of a tenant sees no list of tenants', async () => {
    const seen = await database.app.withTenant({ tenantId }, (tx) =>
      tx.queries.execute(sql`select id from tenants`),
    );
    expect([...seen]).toEqual([{ id: tenantId }]);
    const all = await database.app.withPlatform((tx) => listTenants(tx));
    expect(all.items.map(({ id }) => id)).toContain(tenantId);
  });

  it('is undone where its function throws, and the error stays what it was', async () => {
    const error = new Error('stop');
    await expect(
      database.app.withTenant({ tenantId }, async (tx) => {
        await createCluster(tx, { name: 'undone' });
        throw error;
      }),
    ).rejects.toBe(error);
    const rows = await database.admin`select from clusters where name = 'undone'`;
    expect(rows).toHaveLength(0);
  });
});

describe('a transaction of one read', () => {
  const read = <T>(fn: (tx: TenantTx) => Promise<T>) => database.app.readTenant({ tenantId }, fn);
  const isFailure = { code: 'INTERNAL' };

  it('sees its tenant alone, and leaves nothing to the next on the connection', async () => {
    const other = (await database.newTenant()).id;
    await withConnections(database, 1, async (one) => {
      const namesOf = async (id: string) => {
        const page = await one.readTenant({ tenantId: id }, listClusters);
        return page.items.map(({ name }) => name);
      };
      await one.withTenant({ tenantId: other }, (tx) => createCluster(tx, { name: 'theirs' }));
      await one.withTenant({ tenantId }, (tx) => createCluster(tx, { name: 'ours' }));
      for (let round = 0; round < 3; round += 1) {
        expect(await namesOf(other)).toEqual(['theirs']);
        expect(await namesOf(tenantId)).toContain('ours');
        const outside = await one.withPlatform((tx) =>
          tx.queries.execute(sql`select count(*)::int as count from clusters`),
        );
        expect([...outside]).toEqual([{ count: 0 }]);
      }
    });
  });

  it('refuses a second statement, and to write', async () => {
    const twice = read(async (tx) => {
      await listClusters(tx);
      await listClusters(tx);
    });
    await expect(twice).rejects.toMatchObject(isFailure);
    const select = sql`select 1`;
    const together = read((tx) =>
      Promise.all([tx.queries.execute(select), tx.queries.execute(select)]),
    );
    await expect(together).rejects.toMatchObject(isFailure);
    const insert = sql`insert into clusters (tenant_id, id, name, labels)
      values (${tenantId}, gen_random_uuid(), 'written', '{}')`;
    const writing = read((tx) => tx.queries.execute(insert));
    await expect(writing).rejects.toMatchObject({ ...isFailure, cause: { code: '25006' } });
    expect(await database.admin`select from clusters where name = 'written'`).toHaveLength(0);
  });

  it('passes on what failed, and what its function throws, and the next goes on', async () => {
    await expect(read((tx) => getCluster(tx, 'no uuid'))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const error = new Error('stop');
    const before = read(() => Promise.reject(error));
    await expect(before).rejects.toBe(error);
    const behind = read(async (tx) => {
      await listClusters(tx);
      throw error;
    });
    await expect(behind).rejects.toBe(error);
    expect(await read(async () => 'no statement')).toBe('no statement');
  });

  it('that ends before its statement is answered does not end the next one', async () => {
    const error = new Error('stop');
    await withConnections(database, 1, async (one) => {
      for (let round = 0; round < 20; round += 1) {
        const early = one.readTenant({ tenantId }, async (tx) => {
          void listClusters(tx).catch(() => {});
          throw error;
        });
        const next = one.withTenant({ tenantId }, async (tx) => {
          await createCluster(tx, { name: 'undone-early' });
          throw error;
        });
        await expect(early).rejects.toBe(error);
        await expect(next).rejects.toBe(error);
      }
    });
    expect(await database.admin`select from clusters where name = 'undone-early'`).toEqual([]);
  });
});

describe('a transaction of one write', () => {
  const nameOf = (name: string) => database.admin`select from clusters where name = ${name}`;
  const insert = (
    name: string,
    id: string = randomUUID(),
  ) => `insert into clusters (tenant_id, id, name, labels)
    values ('${tenantId}', '${id}', '${name}', '{}')`;

  it('stands once it is answered, and is not there where it fails', async () => {
    await withConnections(database, 1, async (one) => {
      await one.ingestOnce({ tenantId }, (tx) => tx.unsafe(insert('stands')));
      expect(await nameOf('stands')).toHaveLength(1);
      const failing = one.ingestOnce({ tenantId }, (tx) => tx.unsafe(insert('is not', 'no uuid')));
      await expect(failing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await nameOf('is not')).toHaveLength(0);
      await one.ingestOnce({ tenantId }, (tx) => tx.unsafe(insert('goes on')));
      expect(await nameOf('goes on')).toHaveLength(1);
    });
  });

  it('refuses a second statement', async () => {
    const both = database.app.ingestOnce({ tenantId }, async (tx) => {
      await tx.unsafe(insert('first'));
      await tx.unsafe(insert('second'));
    });
    await expect(both).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await nameOf('second')).toHaveLength(0);
  });
});

describe('a statement that fails', () => {
  it('undoes its transaction, whether or not somebody looks', async () => {
    const tryTo = (wait: (failing: Promise<unknown>) => Promise<unknown>) =>
      database.app.withTenant({ tenantId }, async (tx) => {
        await createCluster(tx, { name: 'beside a failure' });
        await wait(Promise.resolve(tx.queries.execute(sql`select 1 / 0`)));
      });
    const failed = { cause: { code: '22012' } };
    await expect(tryTo((failing) => failing.catch(() => {}))).rejects.toMatchObject(failed);
    await expect(
      tryTo(async (failing) => {
        void failing.catch(() => {});
      }),
    ).rejects.toMatchObject(failed);
    const rows = await database.admin`select from clusters where name = 'beside a failure'`;
    expect(rows).toHaveLength(0);
  });

  it('is what is told, not what failed in its wake', async () => {
    const both = database.app.withTenant({ tenantId }, async (tx) => {
      const settled = await Promise.allSettled([
        tx.queries.execute(sql`select 1 / 0`).execute(),
        tx.queries.execute(sql`select 1`).execute(),
      ]);
      throw settled[1].status === 'rejected' ? settled[1].reason : new Error('it did not fail');
    });
    await expect(both).rejects.toMatchObject({ cause: { code: '22012' } });
  });
});

describe('errors of Postgres', () => {
  const asTenant = (fn: Parameters<TestDatabase['app']['withTenant']>[1]) =>
    database.app.withTenant({ tenantId }, fn);

  it('become ours, the cause kept for the log', async () => {
    await asTenant((tx) => createCluster(tx, { name: 'twice' }));
    await expect(asTenant((tx) => createCluster(tx, { name: 'twice' }))).rejects.toMatchObject({
      name: 'BulkheadError',
      code: 'CONFLICT',
      cause: { code: '23505' },
    });
    await expect(asTenant((tx) => createCluster(tx, { name: '' }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(asTenant((tx) => createCluster(tx, { name: 'nul\u0000' }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(asTenant((tx) => getCluster(tx, 'no uuid'))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await expect(
      asTenant((tx) => createAssignment(tx, assignmentOf(randomUUID()))),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(
      database.app.withTenant({ tenantId: "x'; --" }, listClusters),
    ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('never carry the parameters of their statement', async () => {
    const secret = 'do-not-log-me';
    const error = await asTenant((tx) => createCluster(tx, { name: secret.repeat(50) })).catch(
      (caught: unknown) => caught,
    );
    const words: string[] = [];
    for (let at = error; at instanceof Error; at = at.cause) {
      words.push(at.message, JSON.stringify(at), at.stack ?? '');
    }
    expect(words.length).toBeGreaterThan(3);
    expect(words.join(' ')).not.toContain(secret.repeat(50));
  });

  it('are UNAVAILABLE where nobody listens', async () => {
    const closed = openDatabase({
      url: 'postgres://u:p@127.0.0.1:1/none',
      role: 'bulkhead_app',
      applicationName: 'test',
    });
    try {
      await expect(closed.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const transaction = closed.withPlatform(async () => {});
      await expect(transaction).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    } finally {
      await closed.close();
    }
  });

  it('are UNAVAILABLE where the server ends the session, and the pool goes on', async () => {
    const broken = database.app.withTenant({ tenantId }, async (tx) => {
      const [row] = await tx.queries.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      await database.admin`select pg_terminate_backend(${row?.pid ?? 0})`;
      await listClusters(tx);
    });
    await expect(broken).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await database.app.ping();
  });
});

describe('listen', () => {
  it('hears what commits and nothing that does not', async () => {
    const heard: string[] = [];
    const subscription = await database.app.listen(CHANNELS.policy, (id) => heard.push(id));
    await expect(
      database.app.withTenant({ tenantId }, async (tx) => {
        await notify(tx, CHANNELS.policy, 'undone');
        throw new Error('undone');
      }),
    ).rejects.toThrow('undone');
    await database.app.withTenant({ tenantId }, (tx) => notify(tx, CHANNELS.policy, tenantId));
    await eventually(() => expect(heard).toContain(tenantId));
    expect(heard).toEqual(['', tenantId]);
    await subscription.close();
  });

  it('listens again after its connection is lost, and says so', async () => {
    const heard: string[] = [];
    const subscription = await database.worker.listen(CHANNELS.policy, (id) => heard.push(id));
    expect(heard).toEqual(['']);
    await database.admin`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query ilike 'listen%'`;
    await eventually(() => expect(heard).toEqual(['', '']));
    await database.app.withPlatform((tx) => notify(tx, CHANNELS.policy, 'again'));
    await eventually(() => expect(heard).toEqual(['', '', 'again']));
    await subscription.close();
  });
});

describe('pages', () => {
  it('refuse a limit or a cursor that is none', async () => {
    const list = (request: Parameters<typeof listTenants>[1]) =>
      database.app.withPlatform((tx) => listTenants(tx, request));
    const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const request of [
      { limit: 0 },
      { limit: 201 },
      { limit: 1.5 },
      { limit: Number.NaN },
      { after: 'x' },
      { after: forged(['a', 'b']) },
      { after: forged([1]) },
      { after: forged({ 0: 'a', length: 1 }) },
      { after: 'a'.repeat(5000) },
    ]) {
      await expect(list(request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  it('give every row once, by name', async () => {
    const names = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'];
    for (const name of names) await database.app.withPlatform((tx) => createTenant(tx, { name }));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await database.app.withPlatform((tx) => listTenants(tx, { limit: 2, after }));
      seen.push(...page.items.map(({ name }) => name));
      after = page.nextCursor;
    } while (after !== undefined);
    expect(seen.filter((name) => name.startsWith('page-'))).toEqual(names);
    expect(seen).toEqual([...seen].sort());
  });
});
