import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { type BatchOrigin, type DecodedEvent, eventsFromBatch } from '../domain/ecs.js';
import type { BatchDecoder } from '../domain/event-batches.js';
import { found } from '../store/errors.js';
import type { LoggedBatch } from '../store/event-batches.js';
import { readNodePlaces } from '../store/nodes.js';
import type { TenantTx } from '../store/transaction.js';

export interface BatchEvents {
  readonly origin: BatchOrigin;
  readonly events: readonly DecodedEvent[];
}

export interface BatchReader {
  readonly decode: BatchDecoder;
  readonly log: Logger;
}

/**
 * The events of batches of one tenant, one batch after the other, with where each came from by the
 * names of today. One that cannot be read is logged and gives none: it never holds back the others.
 * @throws BulkheadError NOT_FOUND where a node is not there
 */
export async function readBatches(
  { decode, log }: BatchReader,
  tx: TenantTx,
  batches: readonly LoggedBatch[],
): Promise<Iterable<BatchEvents>> {
  const places = await readNodePlaces(tx, [...new Set(batches.map(({ nodeId }) => nodeId))]);
  return (function* () {
    for (const batch of batches) {
      const { bootId, receivedAt } = batch;
      const place = found(places.get(batch.nodeId), 'node');
      const sequence = String(batch.sequence);
      const origin = { ...place, tenantId: tx.tenantId, bootId, sequence, receivedAt };
      yield { origin, events: eventsOf(batch, origin, decode, log) };
    }
  })();
}

function eventsOf(
  batch: LoggedBatch,
  origin: BatchOrigin,
  decode: BatchDecoder,
  log: Logger,
): DecodedEvent[] {
  try {
    return eventsFromBatch(decode(batch.payload), origin);
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    const { tenantId, nodeId, bootId, sequence } = batch;
    log.warn(
      { tenantId, nodeId, bootId, sequence: String(sequence), code: error.code },
      'a batch cannot be read and is passed over',
    );
    return [];
  }
}
