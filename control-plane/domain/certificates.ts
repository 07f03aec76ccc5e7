import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import 'reflect-metadata'; // before x509, whose dependency injection wants it
import * as x509 from '@peculiar/x509';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { parseNodePath } from '../../proto/ts/wire/ids.js';
import { LIMITS, SERVER_NAME } from '../../proto/ts/wire/limits.js';

/** Who a client certificate speaks for. */
export interface NodeIdentity {
  readonly tenantId: string;
  readonly clusterId: string;
  readonly nodeId: string;
}

export interface CertificateAuthority {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

export interface IssuedCertificate {
  readonly der: Buffer;
  /** Lower-case hexadecimal. */
  readonly serialNumber: string;
  readonly notAfter: Date;
}

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const CA_LIFETIME_MS = 3650 * DAY_MS;
/** A leaf is valid a little into the past, for a node whose clock is behind. */
const CLOCK_SKEW_MS = 5 * MINUTE_MS;
export const NODE_CERTIFICATE_LIFETIME_MS = DAY_MS;
export const SERVER_CERTIFICATE_LIFETIME_MS = 30 * DAY_MS;

/** A new self-signed CA (EC P-256), and its private key as PKCS#8. */
export async function createCertificateAuthority(
  trustDomain: string,
  now: Date,
): Promise<{ certificateDer: Buffer; privateKeyDer: Buffer }> {
  const keys = await webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: `CN=Bulkhead ${trustDomain}`,
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(now.getTime() + CA_LIFETIME_MS),
    keys,
    signingAlgorithm: EC_P256,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const privateKeyDer = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificateDer: Buffer.from(certificate.rawData),
    privateKeyDer: Buffer.from(privateKeyDer),
  };
}

export async function loadCertificateAuthority(
  certificateDer: Uint8Array,
  privateKeyDer: Uint8Array,
): Promise<CertificateAuthority> {
  const privateKey = await webcrypto.subtle.importKey('pkcs8', privateKeyDer, EC_P256, false, [
    'sign',
  ]);
  return { certificate: new x509.X509Certificate(Buffer.from(certificateDer)), privateKey };
}

/** What an agent is told to expect of the CA: sha256 of its SubjectPublicKeyInfo. */
export function pinOf(certificate: x509.X509Certificate): string {
  const digest = createHash('sha256').update(Buffer.from(certificate.publicKey.rawData));
  return `sha256:${digest.digest('base64url')}`;
}

/**
 * A 24 h client certificate for the public key of the request; all else in the request is ignored.
 * @param serialNumber newNodeSerial of its place
 * @throws BulkheadError CSR_INVALID
 */
export async function issueNodeCertificate(
  authority: CertificateAuthority,
  csrDer: Uint8Array,
  trustDomain: string,
  identity: NodeIdentity,
  serialNumber: string,
  now: Date,
): Promise<IssuedCertificate> {
  const publicKey = await publicKeyOfRequest(csrDer);
  return issue(authority, {
    serialNumber,
    publicKey,
    commonName: identity.nodeId,
    names: [{ type: 'url', value: spiffeId(trustDomain, identity) }],
    usages: [x509.ExtendedKeyUsage.clientAuth],
    lifetimeMs: NODE_CERTIFICATE_LIFETIME_MS,
    now,
  });
}

/** A server certificate with a key of its own: each replica makes one when it starts. */
export async function issueServerCertificate(
  authority: CertificateAuthority,
  names: readonly string[],
  now: Date,
): Promise<IssuedCertificate & { privateKeyDer: Buffer }> {
  const keys = await webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
  const issued = await issue(authority, {
    serialNumber: newSerialNumber(),
    publicKey: new x509.PublicKey(
      Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey)),
    ),
    commonName: SERVER_NAME,
    names: [SERVER_NAME, ...names].map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value })),
    usages: [x509.ExtendedKeyUsage.serverAuth],
    lifetimeMs: SERVER_CERTIFICATE_LIFETIME_MS,
    now,
  });
  const privateKeyDer = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { ...issued, privateKeyDer: Buffer.from(privateKeyDer) };
}

/** sha256 of the SPKI in the request: with the enrollment id it tells a repeat from a second join. */
export async function requestKeySha256(csrDer: Uint8Array): Promise<Buffer> {
  const publicKey = await publicKeyOfRequest(csrDer);
  return spkiSha256(Buffer.from(publicKey.rawData));
}

export function spkiSha256(spkiDer: Uint8Array): Buffer {
  return createHash('sha256').update(spkiDer).digest();
}

export function spiffeId(trustDomain: string, identity: NodeIdentity): string {
  return `spiffe://${trustDomain}/t/${identity.tenantId}/c/${identity.clusterId}/n/${identity.nodeId}`;
}

/** undefined: not one URI name of our form and trust domain. `subjectAltName` as node:tls gives it. */
export function identityFromSubjectAltName(
  trustDomain: string,
  subjectAltName: string | undefined,
): NodeIdentity | undefined {
  const prefix = `URI:spiffe://${trustDomain}/`;
  if (!subjectAltName?.startsWith(prefix)) return undefined;
  return parseNodePath(subjectAltName.slice(prefix.length));
}

async function publicKeyOfRequest(csrDer: Uint8Array): Promise<x509.PublicKey> {
  if (csrDer.byteLength === 0 || csrDer.byteLength > LIMITS.csrBytes) {
    throw new BulkheadError('CSR_INVALID', `the request has ${csrDer.byteLength} bytes`);
  }
  let request: x509.Pkcs10CertificateRequest;
  try {
    request = new x509.Pkcs10CertificateRequest(Buffer.from(csrDer));
    if (!(await request.verify())) throw new Error('its signature is wrong');
  } catch (cause) {
    throw new BulkheadError('CSR_INVALID', undefined, { cause });
  }
  const { algorithm } = request.publicKey;
  if (algorithm.name !== 'ECDSA' || !('namedCurve' in algorithm)) {
    throw new BulkheadError('CSR_INVALID', 'the key is not EC P-256');
  }
  if (algorithm.namedCurve !== 'P-256') {
    throw new BulkheadError('CSR_INVALID', 'the key is not EC P-256');
  }
  return request.publicKey;
}

interface LeafOptions {
  readonly serialNumber: string;
  readonly publicKey: x509.PublicKey;
  readonly commonName: string;
  readonly names: x509.JsonGeneralNames;
  readonly usages: string[];
  readonly lifetimeMs: number;
  readonly now: Date;
}

async function issue(
  authority: CertificateAuthority,
  options: LeafOptions,
): Promise<IssuedCertificate> {
  const notAfter = new Date(options.now.getTime() + options.lifetimeMs);
  const { serialNumber } = options;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    subject: `CN=${options.commonName}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(options.now.getTime() - CLOCK_SKEW_MS),
    notAfter,
    publicKey: options.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: EC_P256,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(options.usages),
      new x509.SubjectAlternativeNameExtension(options.names),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  return { der: Buffer.from(certificate.rawData), serialNumber, notAfter };
}

/** 126 random bits, positive, without leading zeros (RFC 5280, 4.1.2.2). */
function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
