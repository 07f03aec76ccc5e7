import { randomUUID } from 'node:crypto';
import { type Logger, pino } from 'pino';
import type { Config } from './config.js';
import type { KeySource } from './domain/keyring.js';
import type { Vault } from './domain/vault.js';
import { aborted, drain, type Running } from './drain.js';
import type { Phase } from './http/health.js';
import { OpenRequests } from './http/open-requests.js';
import { createOperationsServer } from './http/operations.js';
import { KeyWatch } from './keys/key-watch.js';
import { openMasterKeys } from './keys/master-keys.js';
import { collectProcessMetrics, createMetrics, type Metrics } from './metrics/metrics.js';
import type { ElasticsearchSink } from './sinks/elasticsearch.js';
import { type Database, type DatabaseRole, openDatabase } from './store/database.js';
import { migrate } from './store/migrate.js';
import { startTracing } from './tracing/exporter.js';

/** What the parts of a replica are made of. */
interface Replica extends Running {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly phase: () => Phase;
}

/*
 * What only one role needs is loaded where that role starts: a replica of the edge alone then has a third
 * less memory and starts in two thirds of the time.
 */

/** The composition root of one replica. Resolves when the signal aborted and everything is closed. */
export async function serve(config: Config, signal: AbortSignal): Promise<void> {
  const log = pino({ level: config.logLevel, name: 'control-plane' }, pino.destination(2));
  const metrics = createMetrics();
  collectProcessMetrics(metrics);
  let phase: Phase = 'starting';
  const replica: Replica = { config, log, metrics, phase: () => phase, works: [], resources: [] };
  let delayMs = 0;
  try {
    await start(replica);
    phase = 'serving';
    log.info({ roles: [...config.roles] }, 'ready');
    await aborted(signal);
    ({ delayMs } = config.drain);
  } finally {
    phase = 'draining';
    log.info({ ...config.drain, delayMs }, 'draining');
    await drain(replica, { ...config.drain, delayMs }, log);
  }
  log.info('stopped');
}

async function start(replica: Replica): Promise<void> {
  const { config, log, resources } = replica;
  if (config.tracing) {
    const tracing = await startTracing({
      ...config.tracing,
      instanceId: randomUUID(),
      onProblem: (message) => log.warn({ reason: message }, 'traces'),
    });
    resources.push({ name: 'traces', close: () => tracing.close() });
  }
  if (config.migrateOnStart) await migrate(config.databaseUrl);
  const database = open(replica, 'bulkhead_app');
  await startOperations(replica, database);
  const master = await openMasterKeys(database, config.masterKey);
  const { vault } = master;
  const keys = await KeyWatch.start({
    database,
    vault,
    trustDomain: config.trustDomain,
    refreshVault: () => master.refresh(),
    log: replica.log,
  });
  replica.resources.push({ name: 'master key', close: async () => master.close() });
  replica.resources.push({ name: 'keys', close: () => keys.stop() });
  replica.metrics.keys.watch(() => ({
    active: keys.current.authority.certificate.notAfter,
    trusted: keys.current.trustedAuthorities.map(({ notAfter }) => notAfter),
  }));
  if (config.roles.has('worker')) await startWorker(replica, vault);
  if (config.roles.has('edge')) await startEdge(replica, database, keys);
  if (config.roles.has('api')) await startApi(replica, database, vault, keys);
}

function open({ config, metrics, resources }: Replica, role: DatabaseRole): Database {
  const database = openDatabase({
    url: config.databaseUrl,
    role,
    maxConnections: config.databaseConnections,
    applicationName: role.replace('_', '-'),
  });
  resources.push({ name: role, close: () => database.close() });
  metrics.pools.watch(role, () => database.usage());
  return database;
}

/** In every role, and there until the end: who asks is told how it stands. */
async function startOperations(replica: Replica, database: Database): Promise<void> {
  const { config, log, metrics, phase, resources } = replica;
  const server = await createOperationsServer({
    database,
    phase,
    registry: metrics.registry,
    log: log.child({ role: 'operations' }),
  });
  resources.push({ name: 'operations', close: () => new OpenRequests(server).closeAll() });
  const address = await server.listen({ ...config.operations });
  log.info({ address }, 'health and metrics are served');
}

async function startWorker(replica: Replica, vault: Vault): Promise<void> {
  const { config, log, metrics, works, resources } = replica;
  const [{ startJobs }, { createBatchDecoder }, { createWebhookSender }] = await Promise.all([
    import('./jobs/jobs.js'),
    import('./domain/event-batches.js'),
    import('./sinks/webhook-sender.js'),
  ]);
  const sender = createWebhookSender({ allowPrivateAddresses: config.webhookAllowPrivate });
  resources.push({ name: 'webhooks', close: () => sender.close() });
  const elasticsearch = config.elasticsearchUrl
    ? await openElasticsearch(config.elasticsearchUrl, log)
    : undefined;
  if (elasticsearch) {
    resources.push({ name: 'elasticsearch', close: () => elasticsearch.close() });
  }
  const jobs = await startJobs({
    database: open(replica, 'bulkhead_worker'),
    decode: createBatchDecoder(),
    vault,
    sender,
    elasticsearch,
    batchDays: config.batchDays,
    metrics: metrics.jobs,
    log: log.child({ role: 'worker' }),
  });
  works.push({ name: 'worker', drain: (cut) => jobs.stop(cut) });
}

async function openElasticsearch(url: string, log: Logger): Promise<ElasticsearchSink> {
  const { createElasticsearchSink } = await import('./sinks/elasticsearch.js');
  return createElasticsearchSink({ url, log });
}

async function startEdge(replica: Replica, database: Database, keys: KeySource): Promise<void> {
  const { config, log, metrics, works } = replica;
  const { RpcServer } = await import('./rpc/server.js');
  const rpc = new RpcServer({
    database,
    log: log.child({ role: 'edge' }),
    metrics: metrics.rpc,
    keys,
    rates: config.rates,
    limits: metrics.limits,
    trustDomain: config.trustDomain,
    ...config.grpc,
  });
  works.push({ name: 'edge', drain: (cut) => rpc.stop(cut) });
  const port = await rpc.start();
  log.info({ host: config.grpc.host, port }, 'agents are served');
}

async function startApi(
  replica: Replica,
  database: Database,
  vault: Vault,
  keys: KeySource,
): Promise<void> {
  const { config, log, metrics, phase, works, resources } = replica;
  const [{ createHttpServer }, { createOidcClient }] = await Promise.all([
    import('./http/server.js'),
    import('./identity/oidc.js'),
  ]);
  const oidc = createOidcClient({ allowPrivateAddresses: config.oidcAllowPrivate });
  resources.push({ name: 'identity providers', close: () => oidc.close() });
  const http = await createHttpServer({
    database,
    vault,
    caPin: () => keys.current.caPin,
    publicUrl: config.publicUrl,
    oidc,
    log: log.child({ role: 'api' }),
    metrics: metrics.http,
    rates: config.rates,
    limits: metrics.limits,
    trustedProxies: config.trustedProxies,
    apiKeyMaxDays: config.apiKeyDays,
    phase,
  });
  const requests = new OpenRequests(http);
  works.push({ name: 'api', drain: (cut) => requests.drain(cut) });
  const address = await http.listen({ ...config.http });
  log.info({ address }, 'the API is served');
}
