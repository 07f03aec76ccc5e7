import type { Logger } from 'pino';
import { alertToEcs } from '../domain/alert-document.js';
import { byTenant } from '../domain/by-tenant.js';
import type { BatchDecoder } from '../domain/event-batches.js';
import type { ElasticsearchSink, WriteResult } from '../sinks/elasticsearch.js';
import { leaseAlertChanges, registerAlertConsumer } from '../store/alert-changes.js';
import type { Database } from '../store/database.js';
import {
  completeLease,
  leaseShard,
  registerConsumer,
  releaseLease,
} from '../store/event-cursors.js';
import { readBatches } from './batch-events.js';
import type { LoopOptions } from './loop.js';

export interface ElasticsearchDependencies {
  readonly database: Database;
  readonly decode: BatchDecoder;
  readonly elasticsearch: ElasticsearchSink | undefined;
  readonly log: Logger;
}

export const EVENTS_CONSUMER = 'elasticsearch';
export const ALERTS_CONSUMER = 'elasticsearch-alerts';
const LEASE_MS = 120_000;
/** Given up before the lease ends, so that nobody else writes the same meanwhile; then tried again. */
const WRITE_LIMIT_MS = 90_000;
const LIMITS = { maxBatches: 64, maxPayloadBytes: 8 * 1024 * 1024, leaseMs: LEASE_MS };
const ALERTS_PER_ROUND = 200;

/**
 * Two loops with cursors of their own: an outage of Elasticsearch delays them and nothing else. A
 * round that is cut off writes the same documents again under the same ids.
 */
export function elasticsearchLoops(
  dependencies: ElasticsearchDependencies,
): Omit<LoopOptions, 'log' | 'metrics'>[] {
  const { elasticsearch: sink, database } = dependencies;
  if (!sink) return [];
  let ready: Promise<void> | undefined;
  const prepare = (signal: AbortSignal) => {
    ready ??= prepareSink(database, sink, signal).catch((error: unknown) => {
      ready = undefined;
      throw error;
    });
    return ready;
  };
  return [
    {
      name: 'elasticsearch-events',
      everyMs: 1_000,
      round: async (signal) => {
        await prepare(signal);
        return eventsRound(dependencies, sink, signal);
      },
    },
    {
      name: 'elasticsearch-alerts',
      everyMs: 1_000,
      round: async (signal) => {
        await prepare(signal);
        return alertsRound(dependencies, sink, signal);
      },
    },
  ];
}

async function prepareSink(
  database: Database,
  sink: ElasticsearchSink,
  signal: AbortSignal,
): Promise<void> {
  await database.withPlatform(async (tx) => {
    await registerConsumer(tx, EVENTS_CONSUMER);
    await registerAlertConsumer(tx, ALERTS_CONSUMER);
  });
  await sink.installTemplates(signal);
}

async function eventsRound(
  dependencies: ElasticsearchDependencies,
  sink: ElasticsearchSink,
  signal: AbortSignal,
): Promise<boolean> {
  const { database, log } = dependencies;
  const lease = await leaseShard(database, EVENTS_CONSUMER, LIMITS);
  if (!lease) return false;
  try {
    const documents = [];
    for (const [tenantId, theirs] of byTenant(lease.batches)) {
      const read = await database.readTenant({ tenantId }, (tx) =>
        readBatches(dependencies, tx, theirs),
      );
      for (const { events } of read) {
        for (const { id, time, document } of events) {
          documents.push({ id, timestampMs: time.getTime(), tenantId, document });
        }
      }
    }
    reportDead(await sink.writeEvents(documents, limited(signal)), log);
    await completeLease(database, lease);
    return true;
  } catch (error) {
    await releaseLease(database, lease);
    throw error;
  }
}

async function alertsRound(
  { database, log }: ElasticsearchDependencies,
  sink: ElasticsearchSink,
  signal: AbortSignal,
): Promise<boolean> {
  const lease = await leaseAlertChanges(database, ALERTS_CONSUMER, {
    maxChanges: ALERTS_PER_ROUND,
    leaseMs: LEASE_MS,
  });
  if (!lease) return false;
  try {
    const changes = lease.changes.map(({ alert }) => ({
      alertId: alert.id,
      changeId: String(alert.changeId),
      timestampMs: alert.lastSeenAt.getTime(),
      tenantId: alert.tenantId,
      document: alertToEcs({ ...alert, groupKey: Buffer.from(alert.groupKey) }),
    }));
    reportDead(await sink.writeAlerts(changes, limited(signal)), log);
    await completeLease(database, lease);
    return true;
  } catch (error) {
    await releaseLease(database, lease);
    throw error;
  }
}

function limited(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(WRITE_LIMIT_MS)]);
}

function reportDead(results: readonly WriteResult[], log: Logger): void {
  for (const { id, outcome, reason } of results) {
    if (outcome === 'dead')
      log.error({ documentId: id, reason }, 'elasticsearch refused it for good');
  }
}
