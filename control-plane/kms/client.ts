import { randomUUID } from 'node:crypto';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { KeyManagementServiceDefinition } from '../../proto/ts/gen/v2/KeyManagementService.js';
import { PROTO_LOADER_OPTIONS } from '../../proto/ts/wire/protos.js';

/** What a plugin made of a key; needed whole to get the key back. */
export interface WrappedKey {
  readonly ciphertext: Buffer;
  /** Names the plugin's own key. */
  readonly keyId: string;
  readonly annotations: Readonly<Record<string, Buffer>>;
}

/** A Kubernetes KMS v2 plugin. Each method throws Error with its refusal, or that it does not answer. */
export interface KeyManagement {
  wrap(key: Uint8Array): Promise<WrappedKey>;
  unwrap(wrapped: WrappedKey): Promise<Buffer>;
  close(): void;
}

/** What a Kubernetes API server bears. */
const LIMITS_BYTES = { ciphertext: 1024, keyId: 1024, annotations: 32 * 1024 } as const;
const CALL_LIMIT_MS = 5_000;

/** Connects with the first call: an absent socket shows there. */
export function createKeyManagement(socketPath: string): KeyManagement {
  const definition: Record<string, unknown> = loadSync('kms/v2/api.proto', PROTO_LOADER_OPTIONS);
  const service = definition['v2.KeyManagementService'] as KeyManagementServiceDefinition;
  const client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    // The default is the socket's path, which Go's HTTP/2 server refuses as malformed.
    'grpc.default_authority': 'localhost',
    'grpc.enable_http_proxy': 0,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 2_000,
  });

  const call = <Request, Response>(
    method: {
      readonly path: string;
      readonly requestSerialize: (request: Request) => Buffer;
      readonly responseDeserialize: (bytes: Buffer) => Response;
    },
    request: Request,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest<Request, Response>(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        { deadline: Date.now() + CALL_LIMIT_MS },
        (error, response) => {
          if (error) reject(refusal(socketPath, method.path, error));
          else if (response !== undefined) resolve(response);
        },
      );
    });

  return {
    async wrap(key) {
      const status = await call(service.Status, {});
      if (status.healthz !== 'ok' || !status.version.startsWith('v2')) {
        const said = `version ${status.version}, healthz ${status.healthz}`.slice(0, 200);
        throw new Error(`the KMS plugin at ${socketPath} is not well: ${said}`);
      }
      const plaintext = Buffer.from(key);
      const answer = await call(service.Encrypt, { plaintext, uid: randomUUID() });
      return checked(answer);
    },
    async unwrap(wrapped) {
      const request = { ...wrapped, annotations: { ...wrapped.annotations }, uid: randomUUID() };
      const { plaintext } = await call(service.Decrypt, request);
      return plaintext;
    },
    close: () => client.close(),
  };
}

function checked({ ciphertext, keyId, annotations }: WrappedKey): WrappedKey {
  const annotationBytes = Object.entries(annotations).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + value.byteLength,
    0,
  );
  const isInLimits =
    ciphertext.byteLength > 0 &&
    ciphertext.byteLength <= LIMITS_BYTES.ciphertext &&
    Buffer.byteLength(keyId) <= LIMITS_BYTES.keyId &&
    annotationBytes <= LIMITS_BYTES.annotations;
  if (!isInLimits) throw new Error('what the KMS plugin answers is empty or too large');
  return { ciphertext, keyId, annotations };
}

/** The plugin's words, for whoever runs it: it is trusted with more than those. */
function refusal(socketPath: string, path: string, error: ServiceError): Error {
  const method = path.split('/').at(-1);
  const text = error.details || error.message;
  return new Error(`the KMS plugin at ${socketPath}: ${method}: ${text}`, { cause: error });
}
