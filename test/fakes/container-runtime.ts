import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { RuntimeServiceDefinition } from '../../proto/ts/gen/runtime/v1/RuntimeService.js';
import { PROTO_LOADER_OPTIONS } from '../../proto/ts/wire/protos.js';

type Answer = (request: unknown) => object | undefined;

/**
 * A container runtime that answers what it is told to, right or wrong. An answer of undefined is
 * NOT_FOUND; a method that is not named is not implemented.
 */
export async function startFakeRuntime(
  socketPath: string,
  answers: Readonly<Record<string, Answer>>,
): Promise<{ stop(): void }> {
  const definition: Record<string, unknown> = loadSync(
    'cri/v1/runtime.proto',
    PROTO_LOADER_OPTIONS,
  );
  const service = definition['runtime.v1.RuntimeService'] as RuntimeServiceDefinition;
  const handlers: grpc.UntypedServiceImplementation = {};
  for (const [method, answer] of Object.entries(answers)) {
    const handle: grpc.handleUnaryCall<unknown, object> = (call, callback) => {
      const response = answer(call.request);
      if (response) callback(null, response);
      else callback({ code: grpc.status.NOT_FOUND, details: 'not found' });
    };
    handlers[method] = handle;
  }
  const server = new grpc.Server();
  server.addService(service, handlers);
  await new Promise<void>((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure();
    server.bindAsync(`unix:${socketPath}`, insecure, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  return { stop: () => server.forceShutdown() };
}
