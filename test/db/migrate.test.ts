import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import postgres from 'postgres';
import { openDatabase } from '../../control-plane/store/database.js';
import { migrate, pendingMigrations, readMigrations } from '../../control-plane/store/migrate.js';
import { createEmptyDatabase, dropDatabase } from '../support/database.js';

describe('migrations', () => {
  let url = '';
  let sql: postgres.Sql;

  beforeEach(async () => {
    url = await createEmptyDatabase();
    sql = postgres(url, { max: 1, onnotice: () => {} });
  });

  afterEach(async () => {
    await sql.end();
    await dropDatabase(url);
  });

  it('are applied once each by two runners that race', async () => {
    const names = (await readMigrations()).map(({ name }) => name);
    const applied = await Promise.all([migrate(url), migrate(url), migrate(url)]);
    expect(applied.flat().sort()).toEqual(names);
    const rows = await sql<{ name: string }[]>`select name from schema_migrations order by name`;
    expect(rows.map(({ name }) => name)).toEqual(names);
  });

  it('change nothing the second time', async () => {
    expect((await migrate(url)).length).toBeGreaterThan(0);
    expect(await migrate(url)).toEqual([]);
  });

  it('leave nothing of one that fails and go on from there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bulkhead-migrations-'));
    try {
      await cp(new URL('../../migrations', import.meta.url), folder, { recursive: true });
      const next = join(folder, '9999_next.sql');
      await writeFile(next, 'create table half (id int); select 1 / 0;');
      const options = { folder: pathToFileURL(`${folder}/`) };
      await expect(migrate(url, options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await sql`select to_regclass('half') as half`).toEqual([{ half: null }]);
      await writeFile(next, 'create table half (id int);');
      expect(await migrate(url, options)).toEqual(['9999_next.sql']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('refuse to go on where an applied one was edited', async () => {
    await migrate(url);
    await sql`update schema_migrations set sha256 = 'other' where name like '0001%'`;
    await expect(migrate(url)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('run as a login that is no superuser', async () => {
    const login = `login_${url.slice(-12)}`;
    const database = new URL(url).pathname.slice(1);
    await sql`create role ${sql(login)} login createrole password 'secret'`;
    try {
      await sql`alter database ${sql(database)} owner to ${sql(login)}`;
      // Where the roles are there already, who made them lets the login in.
      const roles = await sql<{ rolname: string }[]>`
        select rolname from pg_roles where rolname like 'bulkhead\\_%'`;
      for (const { rolname } of roles) await sql`grant ${sql(rolname)} to ${sql(login)}`;
      const asLogin = new URL(url);
      asLogin.username = login;
      asLogin.password = 'secret';
      expect((await migrate(asLogin.href)).length).toBeGreaterThan(0);
      const app = openDatabase({
        url: asLogin.href,
        role: 'bulkhead_app',
        applicationName: 'test',
      });
      try {
        expect(await pendingMigrations(app)).toEqual([]);
      } finally {
        await app.close();
      }
    } finally {
      await sql`reassign owned by ${sql(login)} to current_user`;
      await sql`drop owned by ${sql(login)}`;
      await sql`drop role ${sql(login)}`;
    }
  });

  it('are known to be missing before they are applied', async () => {
    await sql`create table schema_migrations (name text primary key, sha256 text)`;
    await sql`grant select on schema_migrations to public`;
    const app = openDatabase({ url, role: 'bulkhead_app', applicationName: 'test' });
    try {
      const names = (await readMigrations()).map(({ name }) => name);
      expect(await pendingMigrations(app)).toEqual(names);
    } finally {
      await app.close();
    }
  });
});
