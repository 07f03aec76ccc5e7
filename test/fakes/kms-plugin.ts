import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { DecryptRequest__Output } from '../../proto/ts/gen/v2/DecryptRequest.js';
import type { EncryptRequest__Output } from '../../proto/ts/gen/v2/EncryptRequest.js';
import type {
  KeyManagementServiceDefinition,
  KeyManagementServiceHandlers,
} from '../../proto/ts/gen/v2/KeyManagementService.js';
import { PROTO_LOADER_OPTIONS } from '../../proto/ts/wire/protos.js';

/** A KMS v2 plugin with a key of its own; it wants all back that it answered. */
export interface FakeKmsPlugin {
  /** Methods in the order in which they were called. */
  readonly calls: readonly string[];
  healthz: string;
  stop(): void;
}

export const KMS_KEY_ID = 'projects/test/keys/1';
const NONCE_ANNOTATION = 'nonce.kms.example';

export async function startFakeKmsPlugin(
  socketPath: string,
  ownKey: Buffer = randomBytes(32),
): Promise<FakeKmsPlugin> {
  const definition: Record<string, unknown> = loadSync('kms/v2/api.proto', PROTO_LOADER_OPTIONS);
  const service = definition['v2.KeyManagementService'] as KeyManagementServiceDefinition;
  const calls: string[] = [];
  const plugin = { calls, healthz: 'ok', stop: () => server.forceShutdown() };
  const handlers: KeyManagementServiceHandlers = {
    Status(_call, callback) {
      calls.push('Status');
      callback(null, { version: 'v2', healthz: plugin.healthz, keyId: KMS_KEY_ID });
    },
    Encrypt({ request }: { request: EncryptRequest__Output }, callback) {
      calls.push('Encrypt');
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', ownKey, nonce);
      const body = [cipher.update(request.plaintext), cipher.final(), cipher.getAuthTag()];
      callback(null, {
        ciphertext: Buffer.concat(body),
        keyId: KMS_KEY_ID,
        annotations: { [NONCE_ANNOTATION]: nonce },
      });
    },
    Decrypt({ request }: { request: DecryptRequest__Output }, callback) {
      calls.push('Decrypt');
      try {
        if (request.keyId !== KMS_KEY_ID || request.uid === '') throw new Error('what key is this');
        const { ciphertext, annotations } = request;
        const nonce = annotations[NONCE_ANNOTATION] ?? Buffer.alloc(0);
        const decipher = createDecipheriv('aes-256-gcm', ownKey, nonce);
        decipher.setAuthTag(ciphertext.subarray(-16));
        const body = [decipher.update(ciphertext.subarray(0, -16)), decipher.final()];
        callback(null, { plaintext: Buffer.concat(body) });
      } catch {
        callback({ code: grpc.status.INVALID_ARGUMENT, details: 'cannot decrypt this' });
      }
    },
  };
  const server = new grpc.Server();
  server.addService(service, { ...handlers });
  await new Promise<void>((resolve, reject) => {
    const insecure = grpc.ServerCredentials.createInsecure();
    server.bindAsync(`unix:${socketPath}`, insecure, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
  return plugin;
}
