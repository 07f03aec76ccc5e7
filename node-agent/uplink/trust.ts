import { X509Certificate } from 'node:crypto';
import type { TrustUpdate__Output } from '../../proto/ts/gen/bulkhead/v1/TrustUpdate.js';
import { keyIdOf, publicKeyFromDer } from '../../proto/ts/wire/dsse.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Trust } from '../../proto/ts/wire/trust.js';

/** More than the two generations of an ordinary change, and not so many that a bundle takes long to check. */
const GENERATIONS_MAX = 8;

/**
 * What the control plane says is to be believed, where an agent can live with it: one that believed
 * nobody, or what cannot be read, would be cut off for good.
 * @throws BulkheadError INVALID_ARGUMENT
 */
export function trustFromWire(
  update: Pick<TrustUpdate__Output, 'caCertificatesDer' | 'signingKeys'>,
): Trust {
  const { caCertificatesDer, signingKeys } = update;
  for (const list of [caCertificatesDer, signingKeys]) {
    if (list.length === 0 || list.length > GENERATIONS_MAX) {
      throw new BulkheadError('INVALID_ARGUMENT', `a trust of ${list.length} generations`);
    }
  }
  try {
    const isAuthority = caCertificatesDer.every((der) => new X509Certificate(der).ca);
    if (!isAuthority) throw new Error('a certificate is not of an authority');
    for (const { keyId, publicKeyDer } of signingKeys) {
      if (keyIdOf(publicKeyFromDer(publicKeyDer)) !== keyId)
        throw new Error('a key has another id');
    }
  } catch (cause) {
    throw new BulkheadError('INVALID_ARGUMENT', 'a trust that cannot be read', { cause });
  }
  return {
    caCertificatesDer,
    signingKeys: signingKeys.map(({ keyId, publicKeyDer }) => ({ keyId, publicKeyDer })),
  };
}
