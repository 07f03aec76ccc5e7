import type { PoliciesRequest__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesRequest.js';
import type { PoliciesResponse } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { send } from '../../proto/ts/wire/send.js';
import type { Trust } from '../../proto/ts/wire/trust.js';
import type { Keyring } from '../domain/keyring.js';
import type { BidiCall, StreamContext } from './calls.js';

const SHA256_BYTES = 32;

/**
 * Offers a node what it is to believe where that is not what it has, or was offered on this stream.
 * Returns what it has then. undefined: it said nothing, so that it would not listen either.
 */
export async function offerTrust(
  call: BidiCall<PoliciesRequest__Output, PoliciesResponse>,
  { trust, trustSha256 }: Pick<Keyring, 'trust' | 'trustSha256'>,
  held: Uint8Array | undefined,
  context: Pick<StreamContext, 'signal'>,
): Promise<Uint8Array | undefined> {
  if (held === undefined) return undefined;
  if (!trustSha256.equals(held)) {
    await send(call, { trust: trustToWire(trust) }, context.signal);
  }
  // Ours, not what was held: that is a piece of the message it came in, which would be kept with it.
  return trustSha256;
}

export function trustToWire({ caCertificatesDer, signingKeys }: Trust) {
  return { caCertificatesDer: [...caCertificatesDer], signingKeys: [...signingKeys] };
}

/** undefined: it does not say. @throws BulkheadError INVALID_ARGUMENT */
export function trustSha256FromWire(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.byteLength === 0) return undefined;
  if (bytes.byteLength === SHA256_BYTES) return bytes;
  throw new BulkheadError('INVALID_ARGUMENT', `a trust_sha256 of ${bytes.byteLength} bytes`);
}
