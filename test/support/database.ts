import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { type Database, openDatabase } from '../../control-plane/store/database.js';
import { migrate } from '../../control-plane/store/migrate.js';
import { createTenant, type Tenant } from '../../control-plane/store/tenants.js';
import { eventually } from './eventually.js';

/** A migrated database of one test file, and the two ways in that the control plane has. */
export interface TestDatabase {
  /** Of a superuser: for what only a test does, and for processes that open their own pools. */
  readonly url: string;
  readonly app: Database;
  readonly worker: Database;
  /** A superuser's connection; sees every row. */
  readonly admin: postgres.Sql;
  newTenant(): Promise<Tenant>;
  /** Removes every row: much quicker than a database for each test. */
  clear(): Promise<void>;
  /** Closes the pools and drops the database. @throws Error where a transaction was left open */
  close(): Promise<void>;
}

const TEMPLATE = 'bulkhead_template';
/** Held while the template is made: the first test file of the run makes it. */
const TEMPLATE_LOCK = 4711;

/** A clone of the migrated template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = serverUrl();
  const url = await onServer(server, async (sql) => {
    await ensureTemplate(sql, server);
    return createDatabase(sql, server, TEMPLATE);
  });
  const open = (role: 'bulkhead_app' | 'bulkhead_worker') =>
    openDatabase({ url, role, maxConnections: 8, applicationName: `test-${role}` });
  const app = open('bulkhead_app');
  const worker = open('bulkhead_worker');
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  return {
    url,
    app,
    worker,
    admin,
    newTenant: () =>
      app.withPlatform((tx) => createTenant(tx, { name: `t-${randomBytes(6).toString('hex')}` })),
    async clear() {
      const tables = await admin<{ name: string }[]>`
        select relname as name from pg_class where relkind in ('r', 'p') and not relispartition
          and relnamespace = 'public'::regnamespace and relname <> 'schema_migrations'`;
      await admin`truncate ${admin(tables.map(({ name }) => name))} cascade`;
    },
    async close() {
      try {
        await noTransactionOpen(admin);
      } finally {
        await Promise.all([app.close(), worker.close(), admin.end()]);
        await dropDatabase(url);
      }
    },
  };
}

/** An empty one, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<string> {
  const server = serverUrl();
  return onServer(server, (sql) => createDatabase(sql, server, 'template0'));
}

/** With whatever is still connected to it. */
export async function dropDatabase(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await onServer(serverUrl(), (sql) => sql`drop database if exists ${sql(name)} with (force)`);
}

function serverUrl(): string {
  const url = process.env.BULKHEAD_TEST_POSTGRES_URL;
  if (!url) throw new Error('no test server: run the tests of this folder as the project "db"');
  return url;
}

async function onServer<T>(url: string, fn: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await fn(sql);
  } finally {
    await sql.end();
  }
}

async function ensureTemplate(sql: postgres.Sql, server: string): Promise<void> {
  await sql`select pg_advisory_lock(${TEMPLATE_LOCK})`;
  try {
    const made = await sql`select from pg_database where datname = ${TEMPLATE}`;
    if (made.length > 0) return;
    const url = await createDatabase(sql, server, 'template0');
    await migrate(url);
    await sql`alter database ${sql(new URL(url).pathname.slice(1))} rename to ${sql(TEMPLATE)}`;
  } finally {
    await sql`select pg_advisory_unlock(${TEMPLATE_LOCK})`;
  }
}

async function createDatabase(
  sql: postgres.Sql,
  server: string,
  template: string,
): Promise<string> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await sql`create database ${sql(name)} template ${sql(template)}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** A test that lets go of a transaction leaves locks that stop the next one. */
async function noTransactionOpen(sql: postgres.Sql): Promise<void> {
  await eventually(
    async () => {
      const open = await sql`
        select application_name, state, query from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
          and state <> 'idle' and backend_type = 'client backend'`;
      if (open.length > 0) throw new Error(`a transaction is open: ${JSON.stringify(open)}`);
    },
    { withinMs: 5_000 },
  );
}

/** A pool of its own of so many connections, for as long as `fn` runs. */
export async function withConnections<T>(
  { url }: Pick<TestDatabase, 'url'>,
  maxConnections: number,
  fn: (database: Database) => Promise<T>,
): Promise<T> {
  const few = openDatabase({
    url,
    role: 'bulkhead_app',
    maxConnections,
    maxIngestConnections: maxConnections,
    applicationName: 'test-few',
  });
  try {
    return await fn(few);
  } finally {
    await few.close();
  }
}
