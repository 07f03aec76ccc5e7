import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import type { LabelSelector } from '../domain/label-selector.js';
import { inChildSpan } from '../tracing/spans.js';
import type { Setting, Statements } from './connection.js';
import { selectorToJsonPath } from './label-selector.js';
import { type Subscription, subscribe } from './listen.js';
import { Pool } from './pool.js';
import { PlatformTx, SETTINGS, TenantTx } from './transaction.js';

/** What a process may be: see README. Neither role passes row level security by. */
export const DATABASE_ROLES = ['bulkhead_app', 'bulkhead_worker'] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];

/** Wake-ups only, beside a poll: a lost one costs time, never correctness. */
export const CHANNELS = {
  /** The desired state of a tenant changed; the payload is its id. */
  policy: 'bulkhead_policy',
  /** Nodes of a tenant may no longer call: revoked or removed; the payload is its id. */
  nodes: 'bulkhead_nodes',
  /** A batch of kind alert was stored; no payload. */
  alerts: 'bulkhead_alerts',
  /** The installation's own keys changed; no payload. */
  keys: 'bulkhead_keys',
  /** Something changed that is shown, and seldom does; the payload is its tenant's id. Sent by triggers. */
  changes: 'bulkhead_changes',
} as const;
export type Channel = (typeof CHANNELS)[keyof typeof CHANNELS];

export interface DatabaseOptions {
  /** postgres://user:password@host:port/database; the login is a superuser or a member of the role. */
  readonly url: string;
  readonly role: DatabaseRole;
  /** At most so many connections for transactions; default 10. */
  readonly maxConnections?: number;
  /** At most so many for the bulk insert of batches; default 2. All are opened when first needed. */
  readonly maxIngestConnections?: number;
  readonly applicationName: string;
}

export interface TenantContext {
  readonly tenantId: string;
  /** Only these clusters and what belongs to them; absent: all. */
  readonly clusters?: LabelSelector;
}

export type IngestTx = Statements;
export type { Subscription } from './listen.js';

/** The pool of one process for one role. Every error of its methods is a BulkheadError. */
export interface Database {
  readonly role: DatabaseRole;
  /** A transaction that sees one tenant's rows; committed when `fn` resolves. */
  withTenant<T>(context: TenantContext, fn: (tx: TenantTx) => Promise<T>): Promise<T>;
  /**
   * The same for one statement that reads: a third of the trips to the database.
   * @throws also BulkheadError INTERNAL where `fn` sends a second one, or writes
   */
  readTenant<T>(context: TenantContext, fn: (tx: TenantTx) => Promise<T>): Promise<T>;
  /** A transaction of no tenant. */
  withPlatform<T>(fn: (tx: PlatformTx) => Promise<T>): Promise<T>;
  /** A transaction of the client whose serializers drizzle has not changed. */
  withIngest<T>(
    context: Pick<TenantContext, 'tenantId'>,
    fn: (sql: IngestTx) => Promise<T>,
  ): Promise<T>;
  /**
   * The same for one statement, which stands once it is answered: a third of the trips.
   * @throws also BulkheadError INTERNAL where `fn` sends a second one
   */
  ingestOnce<T>(
    context: Pick<TenantContext, 'tenantId'>,
    fn: (sql: IngestTx) => Promise<T>,
  ): Promise<T>;
  /**
   * Calls back per notification, and once with '' after each (re)connect, since some may have been
   * missed. Resolves when it listens.
   */
  listen(channel: Channel, onNotify: (payload: string) => void): Promise<Subscription>;
  /** At this moment, of each of its pools. */
  usage(): readonly {
    readonly pool: string;
    readonly inUse: number;
    readonly waiting: number;
  }[];
  /** Rejects where the database does not answer. */
  ping(): Promise<void>;
  /** Waits a little for running transactions, then closes every connection. */
  close(): Promise<void>;
}

const SPAN = { kind: 'client', attributes: { 'db.system.name': 'postgresql' } } as const;
const STATEMENT_LIMIT_MS = 30_000;
const LOCK_LIMIT_MS = 10_000;

export function openDatabase(options: DatabaseOptions): Database {
  const connect = (suffix: string) => (onClose: () => void) =>
    newClient(options, suffix, { onClose });
  const main = new Pool({ max: options.maxConnections ?? 10, connect: connect('') });
  const ingest = new Pool({ max: options.maxIngestConnections ?? 2, connect: connect('-ingest') });
  const subscriptions = new Set<Subscription>();

  return {
    role: options.role,
    withTenant: (context, fn) =>
      inChildSpan('transaction', SPAN, () =>
        main.transaction({ settings: settingsOf(context) }, (statements) =>
          fn(new TenantTx(drizzle(statements), context.tenantId)),
        ),
      ),
    readTenant: (context, fn) =>
      inChildSpan('transaction', SPAN, () =>
        main.transaction({ settings: settingsOf(context), one: 'read' }, (statements) =>
          fn(new TenantTx(drizzle(statements), context.tenantId)),
        ),
      ),
    withPlatform: (fn) =>
      inChildSpan('transaction', SPAN, () =>
        main.transaction({ settings: [[SETTINGS.platform, 'on']] }, (statements) =>
          fn(new PlatformTx(drizzle(statements))),
        ),
      ),
    withIngest: (context, fn) => ingest.transaction({ settings: settingsOf(context) }, fn),
    ingestOnce: (context, fn) =>
      ingest.transaction({ settings: settingsOf(context), one: 'write' }, fn),
    async listen(channel, onNotify) {
      const subscription = await subscribe(
        (handlers) => newClient(options, '-listen', handlers),
        channel,
        onNotify,
      );
      subscriptions.add(subscription);
      return {
        async close() {
          subscriptions.delete(subscription);
          await subscription.close();
        },
      };
    },
    usage: () =>
      Object.entries({ main, ingest }).map(([pool, { inUse, waiting }]) => ({
        pool,
        inUse,
        waiting,
      })),
    ping: () =>
      main.transaction({ one: 'read' }, async (statements) => void (await statements`select 1`)),
    async close() {
      await Promise.all([...subscriptions].map((subscription) => subscription.close()));
      await Promise.all([main.close(), ingest.close()]);
    },
  };
}

function settingsOf({ tenantId, clusters }: TenantContext): readonly Setting[] {
  const tenant = [SETTINGS.tenant, tenantId] as const;
  return clusters ? [tenant, [SETTINGS.clusters, selectorToJsonPath(clusters)]] : [tenant];
}

function newClient(
  options: DatabaseOptions,
  suffix: string,
  handlers: {
    readonly onClose: () => void;
    readonly onNotify?: (channel: string, payload: string) => void;
  },
): postgres.Sql {
  // An option that its types leave out; the tests of `listen` hold it.
  const undocumented = { onnotify: handlers.onNotify };
  return postgres(withoutParameters(options.url), {
    ...undocumented,
    max: 1,
    connect_timeout: 10,
    // Asked on every connection, and where that is lost meanwhile, rejects to nobody: the process ends.
    fetch_types: false,
    // It closes when we say so: one that closes by itself is taken for lost.
    idle_timeout: 0,
    max_lifetime: null,
    onclose: handlers.onClose,
    onnotice: () => {},
    connection: {
      application_name: `${options.applicationName}${suffix}`,
      role: options.role,
      timezone: 'UTC',
      statement_timeout: STATEMENT_LIMIT_MS,
      idle_in_transaction_session_timeout: STATEMENT_LIMIT_MS,
      lock_timeout: LOCK_LIMIT_MS,
      // Tenants differ by orders of magnitude: what is planned for one is not for another.
      plan_cache_mode: 'force_custom_plan',
    },
  });
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
