import type { Logger } from 'pino';
import { type Finding, findingsFromEvent } from '../domain/alerts.js';
import type { BatchOrigin } from '../domain/ecs.js';
import type { BatchDecoder } from '../domain/event-batches.js';
import { enqueueNotices } from '../store/alert-notices.js';
import { recordAlert } from '../store/alerts.js';
import type { Database } from '../store/database.js';
import type { LoggedBatch } from '../store/event-batches.js';
import { withClaimedShard } from '../store/event-cursors.js';
import { insertEvents } from '../store/events.js';
import type { TenantTx } from '../store/transaction.js';
import { eventsOf, originOf } from './batch-events.js';

export interface DecodeDependencies {
  readonly database: Database;
  readonly decode: BatchDecoder;
  readonly log: Logger;
}

export const DECODE_CONSUMER = 'decode';
const ROUND_LIMITS = { maxBatches: 64, maxPayloadBytes: 16 * 1024 * 1024 };

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
      for (const tenantId of new Set(batches.map((batch) => batch.tenantId))) {
        await tx.asTenant(tenantId, async (tenant) => {
          for (const batch of batches) {
            if (batch.tenantId === tenantId) await storeBatch(dependencies, tenant, batch);
          }
        });
      }
    },
  );
}

async function storeBatch(
  { decode, log }: DecodeDependencies,
  tx: TenantTx,
  batch: LoggedBatch,
): Promise<void> {
  const origin = await originOf(tx, batch);
  const events = eventsOf(batch, origin, decode, log);
  await insertEvents(
    tx,
    events.map((event) => ({
      id: event.id,
      time: event.time,
      clusterId: origin.clusterId,
      nodeId: origin.nodeId,
      kind: event.kind,
      verdict: event.verdict,
      containerId: event.container?.id ?? '',
      document: event.document,
    })),
  );
  for (const event of events) {
    for (const finding of findingsFromEvent(event, origin)) {
      await storeFinding(tx, finding, origin);
    }
  }
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
