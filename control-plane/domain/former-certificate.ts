import { X509Certificate } from 'node:crypto';
import type * as x509 from '@peculiar/x509';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { identityFromSubjectAltName, type NodeIdentity, spkiSha256 } from './certificates.js';

const DAY_MS = 24 * 60 * 60_000;
/** For how long a node may have been off and still come back by itself. */
const LIFETIME_MS = 7 * DAY_MS;

/**
 * Whom a certificate spoke for that has run out, a few days ago at most: TLS lets nobody in with it, but
 * who holds its key, as a request with it proves, is that node still.
 * @param authorities whose certificates count
 * @throws BulkheadError CERTIFICATE_REQUIRED
 */
export function identityOfFormer(
  certificateDer: Uint8Array,
  trust: { readonly authorities: readonly x509.X509Certificate[]; readonly trustDomain: string },
  publicKeySha256: Uint8Array,
  now: Date,
): { readonly identity: NodeIdentity; readonly serial: string } {
  const certificate = parse(certificateDer);
  const isOurs = trust.authorities.some((authority) =>
    certificate.verify(new X509Certificate(Buffer.from(authority.rawData)).publicKey),
  );
  const identity = identityFromSubjectAltName(trust.trustDomain, certificate.subjectAltName);
  if (!isOurs || !identity) throw refusal('it is none of this control plane');
  if (now.getTime() - Date.parse(certificate.validTo) > LIFETIME_MS) {
    throw refusal('it ran out more than seven days ago');
  }
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  if (Buffer.compare(spkiSha256(spki), publicKeySha256) !== 0) {
    throw refusal('the request is of another key');
  }
  return { identity, serial: certificate.serialNumber.toLowerCase() };
}

function parse(der: Uint8Array): X509Certificate {
  if (der.byteLength > LIMITS.csrBytes) throw refusal('it is too long');
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw refusal('it is none', cause);
  }
}

function refusal(why: string, cause?: unknown): BulkheadError {
  return new BulkheadError('CERTIFICATE_REQUIRED', `the former certificate: ${why}`, { cause });
}
