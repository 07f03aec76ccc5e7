import type { Batch__Output } from '../../proto/ts/gen/bulkhead/v1/Batch.js';
import type { EventsRequest__Output } from '../../proto/ts/gen/bulkhead/v1/EventsRequest.js';
import type { EventsResponse } from '../../proto/ts/gen/bulkhead/v1/EventsResponse.js';
import { BulkheadError, type ErrorCode } from '../../proto/ts/wire/errors.js';
import { isUuid } from '../../proto/ts/wire/ids.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { send } from '../../proto/ts/wire/send.js';
import { Bell } from '../domain/bell.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import type { Database } from '../store/database.js';
import { insertBatches, type NewBatch } from '../store/event-batches.js';
import { type BidiCall, nodeOf, type StreamContext } from './calls.js';
import type { EventPace } from './rate-limits.js';
import type { StreamLife } from './stream-life.js';

export interface EventsDependencies {
  readonly database: Database;
  readonly life: StreamLife;
  readonly metrics: RpcMetrics;
  readonly pace: EventPace;
}

type EventsCall = BidiCall<EventsRequest__Output, EventsResponse>;

/**
 * Stores what arrived since the last COMMIT in one statement, then acknowledges each batch. The
 * payload is not looked into here.
 */
export async function serveEvents(
  dependencies: EventsDependencies,
  call: EventsCall,
  context: StreamContext,
): Promise<void> {
  const { nodeId, tenantId } = nodeOf(context);
  const bell = new Bell();
  const wake = () => bell.ring();
  const leave = dependencies.life.enter(wake);
  context.onEnd = wake;
  let inbox: (Batch__Output | null)[] = [];
  let ended = false;
  call.on('data', (request: EventsRequest__Output) => {
    inbox.push(request.batch);
    wake();
    if (inbox.length >= LIMITS.eventCredit) call.pause();
  });
  call.on('end', () => {
    ended = true;
    wake();
  });
  try {
    while (!context.hasEnded) {
      const arrived = inbox;
      inbox = [];
      call.resume();
      if (arrived.length > 0) {
        const checked = arrived.map((batch) => checkBatch(batch, nodeId));
        const good = checked.flatMap(({ row }) => row ?? []);
        const ending = AbortSignal.any([context.signal, leave.signal]);
        await dependencies.pace.wait(
          tenantId,
          good.map(({ payload }) => payload),
          ending,
        );
        if (good.length > 0) await insertBatches(dependencies.database, tenantId, good);
        countBatches(dependencies.metrics, checked);
        for (const { answer } of checked) await send(call, answer, context.signal);
      }
      // Also to a peer that never pauses: what it has under way it sends again elsewhere.
      if (leave.isDue) {
        await send(call, { reconnect: dependencies.life.reconnectMessage() }, context.signal);
        return;
      }
      if (arrived.length > 0) continue;
      if (ended) return;
      await bell.rung();
    }
  } finally {
    leave.forget();
  }
}

interface CheckedBatch {
  readonly row?: NewBatch;
  /** Sent once the row, if there is one, is durable. */
  readonly answer: EventsResponse;
}

function countBatches(metrics: RpcMetrics, checked: readonly CheckedBatch[]): void {
  for (const { row, answer } of checked) {
    if (row) {
      const { kind } = row;
      metrics.batches.inc({ kind });
      metrics.events.inc({ kind }, row.eventCount);
      metrics.eventBytes.inc({ kind }, row.payload.byteLength);
    } else if (answer.reject?.code) metrics.batchesRefused.inc({ code: answer.reject.code });
  }
}

function checkBatch(batch: Batch__Output | null, nodeId: string): CheckedBatch {
  if (!batch || !isUuid(batch.bootId) || !isSequence(batch.sequence)) {
    // Without its name there is nothing to answer about.
    throw new BulkheadError('BATCH_MALFORMED', 'the batch does not say which one it is');
  }
  const refusal = refusalOf(batch);
  if (refusal) {
    const [code, message] = refusal;
    return {
      answer: { reject: { bootId: batch.bootId, sequence: batch.sequence, code, message } },
    };
  }
  return {
    row: {
      nodeId,
      bootId: batch.bootId,
      sequence: BigInt(batch.sequence),
      batchTime: new Date(Number(batch.createdUnixMs)),
      kind: batch.kind === 'BATCH_KIND_ALERT' ? 'alert' : 'telemetry',
      eventCount: batch.eventCount,
      payload: batch.payload,
    },
    answer: {
      ack: { bootId: batch.bootId, sequence: batch.sequence, credit: LIMITS.eventCredit },
    },
  };
}

function refusalOf(batch: Batch__Output): [ErrorCode, string] | undefined {
  if (batch.payload.byteLength > LIMITS.batchPayloadBytes) {
    return ['BATCH_TOO_LARGE', `the payload has ${batch.payload.byteLength} bytes`];
  }
  if (batch.payload.byteLength === 0) return ['BATCH_MALFORMED', 'the payload is empty'];
  if (batch.eventCount > LIMITS.batchEvents) return ['BATCH_TOO_LARGE', 'too many events'];
  if (batch.kind !== 'BATCH_KIND_ALERT' && batch.kind !== 'BATCH_KIND_TELEMETRY') {
    return ['BATCH_MALFORMED', 'a kind of batch that is not known'];
  }
  // Beyond what a timestamp of Postgres and a Date of JavaScript can both say.
  if (Number(batch.createdUnixMs) > 8_000_000_000_000) {
    return ['BATCH_MALFORMED', 'the time of the batch is out of range'];
  }
  return undefined;
}

function isSequence(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n;
}
