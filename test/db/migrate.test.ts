import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import postgres from 'postgres';
import { openDatabase } from '../../control-plane/store/database.js';
import { recomputeDesired } from '../../control-plane/store/desired-state.js';
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

  /** Those of a lower number. */
  async function migrateBelow(number: string): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'bulkhead-migrations-'));
    try {
      await cp(new URL('../../migrations', import.meta.url), folder, { recursive: true });
      const later = (await readdir(folder)).filter(
        (name) => name >= number && name.endsWith('.sql'),
      );
      for (const name of later) await rm(join(folder, name));
      await migrate(url, { folder: pathToFileURL(`${folder}/`) });
    } finally {
      await rm(folder, { recursive: true });
    }
  }

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

  it('make assignments of what was published, and clusters run what they ran', async () => {
    await migrateBelow('0014');
    const tenantId = randomUUID();
    const otherId = randomUUID();
    const [everywhere, mixed, own] = [randomUUID(), randomUUID(), randomUUID()] as const;
    const there = Array.from({ length: 68 }, () => randomUUID());
    await sql`insert into tenants (id, name) values (${tenantId}, 'a'), (${otherId}, 'b')`;
    await sql`insert into clusters (tenant_id, id, name, labels)
      select ${tenantId}::uuid, id, id::text, '{}'::jsonb from unnest(${there}::uuid[]) id
      union all select ${otherId}::uuid, ${randomUUID()}::uuid, 'other', '{}'`;
    for (const [id, name] of [
      [everywhere, 'everywhere'],
      [mixed, 'm'.repeat(253)],
      [own, 'own'],
    ] as const) {
      await sql`insert into policies (tenant_id, id, name, created_by)
        values (${tenantId}, ${id}, ${name}, 'test')`;
      await sql`insert into policy_versions
          (tenant_id, policy_id, version, source, normalised, sha256, created_by)
        select ${tenantId}, ${id}, version, '', '', ${Buffer.alloc(32)}, 'test'
        from generate_series(1, 2) version`;
    }
    await sql`insert into desired_state (tenant_id, policy_id, cluster_id, version, mode)
      values (${tenantId}, ${everywhere}, null, 1, 'enforce'), (${tenantId}, ${mixed}, null, 1, 'observe'),
        (${tenantId}, ${mixed}, ${there[0] ?? ''}, 2, 'enforce')`;
    // One more than a selector has values.
    await sql`insert into desired_state (tenant_id, policy_id, cluster_id, version, mode)
      select ${tenantId}, ${own}, id, 2, 'observe' from unnest(${there.slice(0, 65)}::uuid[]) id`;
    const runs = () => sql`
      select distinct on (policy_id, c.id) policy_id, c.id, version, mode
      from clusters c join desired_state d
        on d.tenant_id = c.tenant_id and (d.cluster_id is null or d.cluster_id = c.id)
      order by policy_id, c.id, d.cluster_id nulls last`;
    const before = await runs();
    expect(before).toHaveLength(68 + 68 + 65);

    await migrate(url);
    expect(await runs()).toEqual(before);
    const assignments = await sql<{ name: string; priority: number }[]>`
      select name, priority, octet_length(clusters) > 0 as chooses from assignments order by name`;
    expect(assignments).toMatchObject([
      { name: 'everywhere', priority: 0, chooses: false },
      { name: expect.stringMatching(/^m{40} on its own /), priority: 1, chooses: true },
      { name: 'm'.repeat(253), priority: 0, chooses: false },
      { name: expect.stringMatching(/^own on its own /), priority: 1, chooses: true },
      { name: expect.stringMatching(/^own on its own /), priority: 1, chooses: true },
    ]);

    // And deciding it all again changes nothing.
    const app = openDatabase({ url, role: 'bulkhead_app', applicationName: 'test' });
    try {
      const state = () => sql`select * from desired_state order by policy_id, cluster_id`;
      const derived = await state();
      await app.withTenant({ tenantId }, async (tx) => {
        for (const policyId of [everywhere, mixed, own]) {
          await recomputeDesired(tx, { policyId });
        }
      });
      expect(await state()).toEqual(derived);
    } finally {
      await app.close();
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
