import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { EventsRequest } from '../../proto/ts/gen/bulkhead/v1/EventsRequest.js';
import type { EventsResponse__Output } from '../../proto/ts/gen/bulkhead/v1/EventsResponse.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { send } from '../../proto/ts/wire/send.js';
import type { SpooledBatch } from '../events/batch-record.js';
import type { Spool } from '../events/spool.js';
import type { AgentServiceClient } from './service.js';

export interface EventStreamOptions {
  readonly client: AgentServiceClient;
  readonly spool: Pick<Spool, 'next' | 'waitForNext' | 'settle' | 'repeatInFlight'>;
  readonly log: Logger;
}

type EventCall = ClientDuplexStream<EventsRequest, EventsResponse__Output>;

/**
 * Sends batches as they are spooled, so many at a time as the control plane gives credit for, and
 * lets the spool forget what it acknowledged. What is under way when the stream ends is sent again.
 */
export async function eventSession(
  options: EventStreamOptions,
  signal: AbortSignal,
): Promise<number> {
  const { spool, log } = options;
  const call: EventCall = options.client.Events();
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const onAbort = () => {
    call.cancel();
    answered?.();
  };
  signal.addEventListener('abort', onAbort);
  let credit: number = LIMITS.eventCredit;
  let underWay = 0;
  let answered: (() => void) | undefined;
  let pumping: Promise<void> = Promise.resolve();
  try {
    return await new Promise<number>((resolve, reject) => {
      call.on('error', reject);
      call.on('end', () => resolve(0));
      call.on('data', ({ ack, reject: refusal, reconnect }: EventsResponse__Output) => {
        if (reconnect) {
          call.end();
          resolve(reconnect.afterMs);
          return;
        }
        const name = ack ?? refusal;
        if (!name) return;
        underWay -= 1;
        if (ack) credit = Math.max(1, Math.min(ack.credit, LIMITS.eventCredit));
        if (refusal) log.error({ code: refusal.code, reason: refusal.message }, 'batch refused');
        const settled = { bootId: name.bootId, sequence: BigInt(name.sequence) };
        spool.settle(settled, ack ? 'acknowledged' : 'rejected').catch(reject);
        answered?.();
      });
      const pump = async () => {
        while (!both.aborted) {
          if (underWay >= credit) {
            await new Promise<void>((go) => {
              answered = go;
            });
            continue;
          }
          const batch = await spool.next();
          if (!batch) {
            await spool.waitForNext(both);
            continue;
          }
          underWay += 1;
          await send(call, { batch: batchToWire(batch) }, both);
        }
      };
      pumping = pump().catch(reject);
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
    ended.abort();
    answered?.();
    call.on('error', () => {});
    call.cancel();
    // Only then is nothing handed out behind the repeat's back.
    await pumping;
    spool.repeatInFlight();
  }
}

function batchToWire(batch: SpooledBatch) {
  return {
    bootId: batch.bootId,
    sequence: String(batch.sequence),
    kind:
      batch.kind === 'alert' ? ('BATCH_KIND_ALERT' as const) : ('BATCH_KIND_TELEMETRY' as const),
    eventCount: batch.eventCount,
    createdUnixMs: String(batch.createdUnixMs),
    payload: batch.payload,
  };
}
