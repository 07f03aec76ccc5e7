import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type * as grpc from '@grpc/grpc-js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { BoundedMap } from '../domain/bounded-map.js';
import {
  type CertificateAuthority,
  identityFromSubjectAltName,
  pinOf,
} from '../domain/certificates.js';
import type { KeySource } from '../domain/keyring.js';
import { RPC_ACCESS } from './access.js';
import type { ShownIdentity } from './admission.js';

export type AnyCall = Pick<
  grpc.ServerUnaryCall<unknown, unknown>,
  'getAuthContext' | 'getPeer' | 'getPath'
>;

export interface Caller {
  /** undefined where anyone may call. */
  readonly shown: ShownIdentity | undefined;
  /** The pin of the authority that issued the certificate; undefined where there is no identity. */
  readonly certificateAuthority: string | undefined;
  /** Address, without the port. */
  readonly peer: string;
}

/**
 * Who says that they call; nobody where anyone may.
 * @throws BulkheadError PERMISSION_DENIED (no such method), CERTIFICATE_REQUIRED
 */
export function identify(
  { keys, trustDomain }: { readonly keys: KeySource; readonly trustDomain: string },
  call: AnyCall,
): Caller {
  const access = RPC_ACCESS[call.getPath()];
  if (access === undefined) throw new BulkheadError('PERMISSION_DENIED');
  const peer = addressOf(call);
  if (access === 'anyone') return { shown: undefined, certificateAuthority: undefined, peer };
  const certificate = call.getAuthContext().sslPeerCertificate;
  const identity = identityFromSubjectAltName(trustDomain, certificate?.subjectaltname);
  if (!identity || !certificate) throw new BulkheadError('CERTIFICATE_REQUIRED');
  const serial = certificate.serialNumber.toLowerCase();
  const certificateAuthority = authorityOf(keys, certificate);
  return { shown: { identity, serial, address: peer }, certificateAuthority, peer };
}

/**
 * TLS has checked the certificate, when the connection began: since then its authority may have been
 * retired. Names and key ids tell which it was.
 */
function authorityOf(keys: KeySource, certificate: PeerCertificate): string {
  const authorities = keys.current.trustedAuthorities.map(readAuthority);
  const known = ISSUERS.get(certificate.fingerprint256);
  const authority = known
    ? authorities.find(({ pin }) => pin === known)
    : findIssuer(authorities, certificate.raw);
  if (!authority) throw new BulkheadError('CERTIFICATE_REQUIRED');
  if (!known) ISSUERS.set(certificate.fingerprint256, authority.pin);
  return authority.pin;
}

function findIssuer(authorities: readonly ReadAuthority[], der: Buffer): ReadAuthority | undefined {
  const certificate = new X509Certificate(der);
  return authorities.find(({ issuer }) => certificate.checkIssued(issuer));
}

/**
 * The pin of who issued a certificate, by the certificate's SHA-256. An agent opens its two streams
 * together, and to read a certificate is a twentieth of what it costs to let one in.
 */
const ISSUERS = new BoundedMap<string, string>(1_000);

type Authority = CertificateAuthority['certificate'];

interface ReadAuthority {
  readonly issuer: X509Certificate;
  readonly pin: string;
}

const READ = new WeakMap<Authority, ReadAuthority>();

/** Once for all calls. */
function readAuthority(authority: Authority): ReadAuthority {
  const known = READ.get(authority);
  if (known) return known;
  const issuer = new X509Certificate(Buffer.from(authority.rawData));
  const read = { issuer, pin: pinOf(authority) };
  READ.set(authority, read);
  return read;
}

/** `127.0.0.1:4711`, `[::1]:4711`. */
function addressOf(call: AnyCall): string {
  return call
    .getPeer()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '');
}
