import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { toStoreError } from './errors.js';
import { PlatformTx, type Queries, setTenant, TenantTx } from './transaction.js';

/** What a process may be: see README. Neither role passes row level security by. */
export const DATABASE_ROLES = ['bulkhead_app', 'bulkhead_worker'] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];

/** Wake-ups only, beside a poll: a lost one costs time, never correctness. */
export const CHANNELS = {
  /** The desired state of a tenant changed; the payload is its id. */
  policy: 'bulkhead_policy',
  /** A batch of kind alert was stored; no payload. */
  alerts: 'bulkhead_alerts',
} as const;
export type Channel = (typeof CHANNELS)[keyof typeof CHANNELS];

export interface DatabaseOptions {
  /** postgres://user:password@host:port/database; the login is a superuser or a member of the role. */
  readonly url: string;
  readonly role: DatabaseRole;
  /** At most so many connections for transactions; default 10. */
  readonly maxConnections?: number;
  /** At most so many for the bulk insert of batches; default 2, opened when first used. */
  readonly maxIngestConnections?: number;
  readonly applicationName: string;
}

export interface TenantContext {
  readonly tenantId: string;
}

export interface Subscription {
  close(): Promise<void>;
}

export type IngestTx = postgres.TransactionSql;

/** The pool of one process for one role. Every error of its methods is a BulkheadError. */
export interface Database {
  readonly role: DatabaseRole;
  /** A transaction that sees one tenant's rows; committed when `fn` resolves. */
  withTenant<T>(context: TenantContext, fn: (tx: TenantTx) => Promise<T>): Promise<T>;
  /** A transaction of no tenant. */
  withPlatform<T>(fn: (tx: PlatformTx) => Promise<T>): Promise<T>;
  /** For insertBatches only: a transaction of the client whose serializers drizzle has not changed. */
  withIngest<T>(context: TenantContext, fn: (sql: IngestTx) => Promise<T>): Promise<T>;
  /**
   * Calls back per notification, and once with '' after each (re)connect, since some may have been
   * missed. Resolves when it listens.
   */
  listen(channel: Channel, onNotify: (payload: string) => void): Promise<Subscription>;
  /** Rejects where the database does not answer. */
  ping(): Promise<void>;
  /** Waits a little for running transactions, then closes every connection. */
  close(): Promise<void>;
}

const TRANSACTION_LIMIT_MS = 30_000;
const LOCK_LIMIT_MS = 10_000;
const CLOSE_WAIT_SECONDS = 5;

export function openDatabase(options: DatabaseOptions): Database {
  const url = withoutParameters(options.url);
  const open = (max: number, suffix: string) =>
    postgres(url, {
      max,
      idle_timeout: 60,
      connect_timeout: 10,
      onnotice: () => {},
      connection: {
        application_name: `${options.applicationName}${suffix}`,
        role: options.role,
        timezone: 'UTC',
        statement_timeout: TRANSACTION_LIMIT_MS,
        idle_in_transaction_session_timeout: TRANSACTION_LIMIT_MS,
        lock_timeout: LOCK_LIMIT_MS,
      },
    });
  const main = open(options.maxConnections ?? 10, '');
  const ingest = open(options.maxIngestConnections ?? 2, '-ingest');
  const db = drizzle(main);

  const transaction = async <T>(fn: (queries: Queries) => Promise<T>): Promise<T> => {
    try {
      return await db.transaction(fn);
    } catch (error) {
      throw toStoreError(error);
    }
  };

  return {
    role: options.role,
    withTenant: ({ tenantId }, fn) =>
      transaction(async (queries) => {
        await setTenant(queries, tenantId);
        return fn(new TenantTx(queries, tenantId));
      }),
    withPlatform: (fn) =>
      transaction(async (queries) => {
        await queries.execute(sql`select set_config('app.platform', 'on', true)`);
        return fn(new PlatformTx(queries));
      }),
    async withIngest<T>({ tenantId }: TenantContext, fn: (tx: IngestTx) => Promise<T>): Promise<T> {
      try {
        // `begin` is typed as unwrapping arrays of promises; a box keeps T as it is.
        const box = await ingest.begin(async (tx) => {
          await tx`select set_config('app.tenant_id', ${tenantId}, true)`;
          return { value: await fn(tx) };
        });
        return box.value;
      } catch (error) {
        throw toStoreError(error);
      }
    },
    async listen(channel, onNotify) {
      try {
        const { unlisten } = await main.listen(channel, onNotify, () => onNotify(''));
        return { close: () => unlisten() };
      } catch (error) {
        throw toStoreError(error);
      }
    },
    async ping() {
      try {
        await main`select 1`;
      } catch (error) {
        throw toStoreError(error);
      }
    },
    async close() {
      await Promise.all([
        main.end({ timeout: CLOSE_WAIT_SECONDS }),
        ingest.end({ timeout: CLOSE_WAIT_SECONDS }),
      ]);
    },
  };
}

/** Of the URL's parameters the driver would take `role` and `options` over ours; TLS is all it may choose. */
function withoutParameters(text: string): string {
  const url = new URL(text);
  const sslmode = url.searchParams.get('sslmode') ?? url.searchParams.get('ssl');
  url.search = sslmode === null ? '' : new URLSearchParams({ sslmode }).toString();
  return url.href;
}

/** Sent when the transaction commits. NOTIFY serialises the commits that send one: wake-ups only. */
export async function notify(
  tx: TenantTx | PlatformTx,
  channel: Channel,
  payload: string,
): Promise<void> {
  await tx.queries.execute(sql`select pg_notify(${channel}, ${payload})`);
}
