import * as grpc from '@grpc/grpc-js';
import { loadAgentService } from '../../control-plane/rpc/service.js';
import type { AgentServiceHandlers } from '../../proto/ts/gen/bulkhead/v1/AgentService.js';
import type { PoliciesRequest__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesRequest.js';
import type { PoliciesResponse } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import type { TrustUpdate } from '../../proto/ts/gen/bulkhead/v1/TrustUpdate.js';

export interface OfferedUpdate {
  readonly revision: number;
  readonly envelopeGzip: Buffer;
}

/** A control plane that sends what it is told to, right or wrong, and keeps what it is answered. */
export interface FakeControlPlane {
  readonly port: number;
  readonly received: readonly PoliciesRequest__Output[];
  offer(update: OfferedUpdate): void;
  offerTrust(trust: TrustUpdate): void;
  stop(): void;
}

/** Without TLS: the border that it stands at is the stream, not the connection. */
export async function startFakeControlPlane(): Promise<FakeControlPlane> {
  const received: PoliciesRequest__Output[] = [];
  let stream: grpc.ServerDuplexStream<PoliciesRequest__Output, PoliciesResponse> | undefined;
  let nonce = 0;
  const unimplemented = (_call: unknown, callback: grpc.sendUnaryData<never>) =>
    callback({ code: grpc.status.UNIMPLEMENTED });
  const handlers: AgentServiceHandlers = {
    Join: unimplemented,
    Renew: unimplemented,
    Events: (call) => call.end(),
    Policies: (call) => {
      stream = call;
      call.on('data', (request: PoliciesRequest__Output) => received.push(request));
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
  return {
    port,
    received,
    offer({ revision, envelopeGzip }) {
      nonce += 1;
      const update = { nonce: String(nonce), revision: String(revision), envelopeGzip };
      stream?.write({ update });
    },
    offerTrust: (trust) => stream?.write({ trust }),
    stop: () => server.forceShutdown(),
  };
}
