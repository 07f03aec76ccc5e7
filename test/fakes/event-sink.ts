import * as grpc from '@grpc/grpc-js';
import { loadAgentService } from '../../control-plane/rpc/service.js';
import type { AgentServiceHandlers } from '../../proto/ts/gen/bulkhead/v1/AgentService.js';
import type { Batch__Output } from '../../proto/ts/gen/bulkhead/v1/Batch.js';
import type { EventsRequest__Output } from '../../proto/ts/gen/bulkhead/v1/EventsRequest.js';
import type { EventsResponse } from '../../proto/ts/gen/bulkhead/v1/EventsResponse.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';

/** A control plane's end of the event stream: answers, batch by batch, when a test says so. */
export interface FakeEventSink {
  readonly port: number;
  /** Of all streams, in order. */
  readonly received: readonly Batch__Output[];
  /** Answers the oldest batches that have no answer yet. */
  acknowledge(count?: number, credit?: number): void;
  refuse(): void;
  reconnect(afterMs: number): void;
  breakStream(): void;
  stop(): void;
}

export async function startFakeEventSink(): Promise<FakeEventSink> {
  const received: Batch__Output[] = [];
  const unanswered: Batch__Output[] = [];
  let stream: grpc.ServerDuplexStream<EventsRequest__Output, EventsResponse> | undefined;
  const unimplemented = (_call: unknown, callback: grpc.sendUnaryData<never>) =>
    callback({ code: grpc.status.UNIMPLEMENTED });
  const handlers: AgentServiceHandlers = {
    Join: unimplemented,
    Renew: unimplemented,
    Policies: (call) => call.end(),
    Events: (call) => {
      stream = call;
      unanswered.length = 0;
      call.on('data', ({ batch }: EventsRequest__Output) => {
        if (batch) received.push(batch);
        if (batch) unanswered.push(batch);
      });
      call.on('end', () => call.end());
      call.on('error', () => {});
    },
  };
  const server = new grpc.Server();
  server.addService(loadAgentService(), { ...handlers });
  const port = await new Promise<number>((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure();
    server.bindAsync('127.0.0.1:0', insecure, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const nextName = () => {
    const batch = unanswered.shift();
    if (!batch) throw new Error('there is no batch without an answer');
    return { bootId: batch.bootId, sequence: batch.sequence };
  };
  return {
    port,
    received,
    acknowledge(count = 1, credit = LIMITS.eventCredit) {
      for (let index = 0; index < count; index += 1) {
        stream?.write({ ack: { ...nextName(), credit } });
      }
    },
    refuse() {
      stream?.write({ reject: { ...nextName(), code: 'BATCH_MALFORMED', message: 'no' } });
    },
    reconnect(afterMs) {
      stream?.write({ reconnect: { afterMs } });
    },
    breakStream() {
      stream?.emit('error', { code: grpc.status.UNAVAILABLE, details: 'gone' });
    },
    stop: () => server.forceShutdown(),
  };
}
