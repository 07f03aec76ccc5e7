import { type Logger, pino } from 'pino';
import type { Config } from './config.js';
import { createBatchDecoder } from './domain/event-batches.js';
import { createVault } from './domain/vault.js';
import { createHttpServer } from './http/server.js';
import { startJobs } from './jobs/jobs.js';
import { loadKeyring } from './keyring.js';
import { RpcServer } from './rpc/server.js';
import { createElasticsearchSink } from './sinks/elasticsearch.js';
import { createWebhookSender } from './sinks/webhook.js';
import { type DatabaseRole, openDatabase } from './store/database.js';
import { migrate } from './store/migrate.js';

/** The composition root of one replica. Resolves when the signal aborted and everything is closed. */
export async function serve(config: Config, signal: AbortSignal): Promise<void> {
  const log = pino({ level: config.logLevel, name: 'control-plane' }, pino.destination(2));
  const closing: (() => Promise<void>)[] = [];
  try {
    await start(config, log, closing);
    log.info({ roles: [...config.roles] }, 'ready');
    await aborted(signal);
    log.info('stopping');
  } finally {
    for (const close of closing.reverse()) {
      await close().catch((error: unknown) => log.error({ err: error }, 'closing failed'));
    }
  }
  log.info('stopped');
}

async function start(config: Config, log: Logger, closing: (() => Promise<void>)[]): Promise<void> {
  if (config.migrateOnStart) await migrate(config.databaseUrl);
  const open = (role: DatabaseRole) => {
    const database = openDatabase({
      url: config.databaseUrl,
      role,
      maxConnections: config.databaseConnections,
      applicationName: role.replace('_', '-'),
    });
    closing.push(() => database.close());
    return database;
  };
  const database = open('bulkhead_app');
  const vault = createVault(config.masterKey);
  const keyring = await loadKeyring(database, vault, config.trustDomain);

  if (config.roles.has('worker')) {
    const sender = createWebhookSender({ allowPrivateAddresses: config.webhookAllowPrivate });
    closing.push(() => sender.close());
    const elasticsearch = config.elasticsearchUrl
      ? createElasticsearchSink({ url: config.elasticsearchUrl, log })
      : undefined;
    if (elasticsearch) closing.push(() => elasticsearch.close());
    const jobs = await startJobs({
      database: open('bulkhead_worker'),
      decode: createBatchDecoder(),
      vault,
      sender,
      elasticsearch,
      log: log.child({ role: 'worker' }),
    });
    closing.push(() => jobs.stop());
  }
  if (config.roles.has('edge')) {
    const { publicKey, ...signingKey } = keyring.signingKey;
    const rpc = new RpcServer({
      database,
      log: log.child({ role: 'edge' }),
      authority: keyring.authority,
      trustDomain: config.trustDomain,
      signingKey: {
        ...signingKey,
        publicKeyDer: publicKey.export({ type: 'spki', format: 'der' }),
      },
      ...config.grpc,
    });
    closing.push(() => rpc.stop());
    const port = await rpc.start();
    log.info({ host: config.grpc.host, port }, 'agents are served');
  }
  if (config.roles.has('api')) {
    const http = await createHttpServer({
      database,
      vault,
      caPin: keyring.caPin,
      log: log.child({ role: 'api' }),
    });
    closing.push(async () => {
      await http.close();
    });
    await http.listen({ host: config.http.host, port: config.http.port });
    log.info({ host: config.http.host, port: config.http.port }, 'the API is served');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
