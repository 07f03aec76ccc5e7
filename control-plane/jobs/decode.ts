import type { Logger } from 'pino';
import { type Finding, findingsFromEvent } from '../domain/alerts.js';
import { byTenant } from '../domain/by-tenant.js';
import type { BatchOrigin } from '../domain/ecs.js';
import type { BatchDecoder } from '../domain/event-batches.js';
import { enqueueNotices } from '../store/alert-notices.js';
import { recordAlert } from '../store/alerts.js';
import type { Database } from '../store/database.js';
import type { LoggedBatch } from '../store/event-batches.js';
import { withClaimedShard } from '../store/event-cursors.js';
import { insertEvents, type NewEvent } from '../store/events.js';
import type { TenantTx } from '../store/transaction.js';
import { type BatchEvents, readBatches } from './batch-events.js';

export interface DecodeDependencies {
  readonly database: Database;
  readonly decode: BatchDecoder;
  readonly log: Logger;
}

export const DECODE_CONSUMER = 'decode';
const ROUND_LIMITS = { maxBatches: 64, maxPayloadBytes: 16 * 1024 * 1024 };
/** In one statement, or those of the batch that it is reached with: each is about 2 KiB of JSON. */
const EVENTS_MAX = 1_000;

/**
 * One claimed shard: its next batches become events, alerts and deliveries in the transaction that
 * moves the cursor, so that each batch counts exactly once. A batch that cannot be read is passed
 * over and logged: it never holds back the others. true: there may be more.
 */
export async function decodeRound(dependencies: DecodeDependencies): Promise<boolean> {
  return withClaimedShard(
    dependencies.database,
    DECODE_CONSUMER,
    ROUND_LIMITS,
    async (tx, batches) => {
      for (const [tenantId, theirs] of byTenant(batches)) {
        await tx.asTenant(tenantId, (tenant) => storeBatches(dependencies, tenant, theirs));
      }
    },
  );
}

/** Many batches in one statement: with one for each batch the worker had a fifth more to do, its Postgres a quarter. */
async function storeBatches(
  dependencies: DecodeDependencies,
  tx: TenantTx,
  batches: readonly LoggedBatch[],
): Promise<void> {
  let read: BatchEvents[] = [];
  let count = 0;
  const store = async () => {
    await insertEvents(tx, read.flatMap(toRows));
    for (const { origin, events } of read) {
      for (const event of events) {
        for (const finding of findingsFromEvent(event, origin)) {
          await storeFinding(tx, finding, origin);
        }
      }
    }
    read = [];
    count = 0;
  };
  for (const batch of await readBatches(dependencies, tx, batches)) {
    read.push(batch);
    count += batch.events.length;
    if (count >= EVENTS_MAX) await store();
  }
  await store();
}

function toRows({ origin, events }: BatchEvents): NewEvent[] {
  return events.map((event) => ({
    id: event.id,
    time: event.time,
    clusterId: origin.clusterId,
    nodeId: origin.nodeId,
    kind: event.kind,
    verdict: event.verdict,
    containerId: event.container?.id ?? '',
    document: event.document,
  }));
}

async function storeFinding(tx: TenantTx, finding: Finding, origin: BatchOrigin): Promise<void> {
  const { eventId, seenAt, ...rest } = finding;
  const { alertId, created } = await recordAlert(tx, {
    ...rest,
    source: 'policy',
    clusterId: origin.clusterId,
    nodeId: origin.nodeId,
    firstEventId: eventId,
    lastEventId: eventId,
    firstSeenAt: seenAt,
    lastSeenAt: seenAt,
    eventCount: 1,
  });
  if (created) await enqueueNotices(tx, alertId);
}
