import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { type SigningKeyPair, signEnvelope } from '../../proto/ts/wire/dsse.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';

/**
 * The envelope as it travels. Level 9: it is packed once, when what is desired changes, and sent to
 * every node. gzip here because grpc-js servers never compress what they answer.
 */
export function packBundle(payload: Uint8Array, keys: readonly SigningKeyPair[]): Buffer {
  const envelope = signEnvelope(payload, keys);
  const packed = gzipSync(envelope, { level: 9 });
  if (envelope.byteLength > LIMITS.bundleBytes || packed.byteLength > LIMITS.bundleGzipBytes) {
    throw new BulkheadError('RESOURCE_EXHAUSTED', 'the policies of this cluster are too large');
  }
  return packed;
}

/** Names what a bundle says, whatever its revision and time: the same content is not sent again. */
export function contentSha256(
  policies: readonly {
    readonly policyId: string;
    readonly name: string;
    readonly version: number;
    readonly mode: string;
    readonly normalised: Uint8Array;
  }[],
): Buffer {
  const hash = createHash('sha256');
  for (const { policyId, name, version, mode, normalised } of policies) {
    hash.update(JSON.stringify([policyId, name, version, mode, normalised.byteLength]));
    hash.update(normalised);
  }
  return hash.digest();
}
