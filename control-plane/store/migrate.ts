import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import postgres from 'postgres';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Database } from './database.js';
import { toStoreError } from './errors.js';

const MIGRATIONS_FOLDER = new URL('../../migrations/', import.meta.url);
/** A migration that begins with this line runs as the login; any other as bulkhead_owner. */
const RUN_AS_LOGIN = '-- run as: login\n';
/** Any number that nothing else on this server locks: "bulkhead" in ASCII. */
const MIGRATION_LOCK = '7094704195655853412';

export interface Migration {
  /** The file's name. */
  readonly name: string;
  readonly sql: string;
  /** Hex. */
  readonly sha256: string;
}

export async function readMigrations(folder: URL = MIGRATIONS_FOLDER): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Brings the database to the newest migration. Each one is a transaction of its own under a lock, so
 * that of two runners the second waits and then finds it done. The login is a superuser, or owns the
 * database and may create roles or is a member of ours.
 * @returns the names of those applied by this call
 * @throws BulkheadError CONFLICT where an applied migration was edited since
 */
export async function migrate(
  url: string,
  options: { readonly folder?: URL } = {},
): Promise<readonly string[]> {
  const migrations = await readMigrations(options.folder);
  const client = postgres(url, {
    max: 1,
    onnotice: () => {},
    connection: { application_name: 'bulkhead-migrate', timezone: 'UTC' },
  });
  const applied: string[] = [];
  try {
    for (;;) {
      const name = await client.begin((tx) => applyNext(tx, migrations));
      if (name === undefined) return applied;
      applied.push(name);
    }
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await client.end({ timeout: 5 });
  }
}

/** The names of migrations that this code knows and the database does not have. */
export async function pendingMigrations(database: Database): Promise<readonly string[]> {
  const migrations = await readMigrations();
  return database.withIngest({ tenantId: '' }, async (tx) => {
    const rows = await tx<{ name: string }[]>`select name from schema_migrations`;
    const names = new Set(rows.map((row) => row.name));
    return migrations.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  });
}

async function applyNext(
  tx: postgres.TransactionSql,
  migrations: readonly Migration[],
): Promise<string | undefined> {
  await tx`select pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`;
  const [table] = await tx<{ exists: boolean }[]>`
    select to_regclass('schema_migrations') is not null as exists`;
  if (!table?.exists) {
    await tx`create table schema_migrations
      (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`;
  }
  const rows = await tx<{ name: string; sha256: string }[]>`
    select name, sha256 from schema_migrations`;
  const applied = new Map(rows.map((row) => [row.name, row.sha256]));
  for (const migration of migrations) {
    const sha256 = applied.get(migration.name);
    if (sha256 === undefined) {
      await apply(tx, migration);
      return migration.name;
    }
    if (sha256 !== migration.sha256) {
      throw new BulkheadError('CONFLICT', `${migration.name} was edited after it was applied`);
    }
  }
  return undefined;
}

async function apply(tx: postgres.TransactionSql, migration: Migration): Promise<void> {
  const becomeOwner = () => tx`set local role bulkhead_owner`;
  const asLogin = migration.sql.startsWith(RUN_AS_LOGIN);
  if (!asLogin) await becomeOwner();
  await tx.unsafe(migration.sql).simple();
  if (asLogin) await becomeOwner();
  await tx`
    insert into schema_migrations (name, sha256) values (${migration.name}, ${migration.sha256})`;
}
