import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import type { ImageServiceDefinition } from '../../proto/ts/gen/runtime/v1/ImageService.js';
import type { RuntimeServiceDefinition } from '../../proto/ts/gen/runtime/v1/RuntimeService.js';
import { PROTO_LOADER_OPTIONS } from '../../proto/ts/wire/protos.js';

/** The methods alone, without the index signature that a service definition inherits. */
type Methods<Service> = {
  [Name in keyof Service as string extends Name
    ? never
    : number extends Name
      ? never
      : Name]: Service[Name];
};
type CriMethods = Methods<RuntimeServiceDefinition> & Methods<ImageServiceDefinition>;
export type CriMethod = keyof CriMethods & string;
export type CriRequest<M extends CriMethod> =
  CriMethods[M] extends MethodDefinition<infer Request, infer _1, infer _2, infer _3>
    ? Request
    : never;
export type CriResponse<M extends CriMethod> =
  CriMethods[M] extends MethodDefinition<infer _1, infer _2, infer _3, infer Response>
    ? Response
    : never;
type MethodTable = {
  readonly [M in CriMethod]: {
    readonly path: string;
    readonly requestSerialize: (request: CriRequest<M>) => Buffer;
    readonly responseDeserialize: (bytes: Buffer) => CriResponse<M>;
  };
};

/** The runtime's refusal, or its silence. */
export class CriError extends Error {
  readonly method: CriMethod;
  /** A gRPC status code. */
  readonly status: number;

  constructor(method: CriMethod, error: ServiceError) {
    super(`${method}: ${error.details || error.message}`, { cause: error });
    this.name = 'CriError';
    this.method = method;
    this.status = error.code;
  }
}

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;

/** Speaks CRI v1 with a container runtime over its unix socket. */
export class CriClient {
  readonly #client: Client;
  readonly #methods: MethodTable;

  /** Connects with the first call: an absent socket shows there. */
  constructor(socketPath: string) {
    const definition: Record<string, unknown> = loadSync(
      'cri/v1/runtime.proto',
      PROTO_LOADER_OPTIONS,
    );
    this.#methods = {
      ...(definition['runtime.v1.RuntimeService'] as RuntimeServiceDefinition),
      ...(definition['runtime.v1.ImageService'] as ImageServiceDefinition),
    };
    this.#client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
      // The default is the socket's path, which Go's HTTP/2 server refuses as malformed.
      'grpc.default_authority': 'localhost',
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      // A runtime that restarts is back within seconds; the default backs off to two minutes.
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2_000,
    });
  }

  /** @throws CriError */
  call<M extends CriMethod>(
    name: M,
    request: CriRequest<M>,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<CriResponse<M>> {
    const method: MethodTable[M] = this.#methods[name];
    const deadline = Date.now() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<CriRequest<M>, CriResponse<M>>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        { deadline },
        (error, response) => {
          if (error) reject(new CriError(name, error));
          else if (response !== undefined) resolve(response);
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
