import { createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import 'reflect-metadata'; // before x509, whose dependency injection wants it
import * as x509 from '@peculiar/x509';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  identityFromSubjectAltName,
  issueNodeCertificate,
  issueServerCertificate,
  loadCertificateAuthority,
  pinOf,
  requestKeySha256,
  spiffeId,
} from '../../../control-plane/domain/certificates.js';
import { newNodeSerial } from '../../../control-plane/domain/node-certificates.js';

const identity = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  clusterId: '22222222-2222-4222-8222-222222222222',
  nodeId: '33333333-3333-4333-8333-333333333333',
};
const now = new Date('2026-01-02T03:04:05Z');
const SERIAL = newNodeSerial({ join: 1, generation: 1 });
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function makeRequest(algorithm: webcrypto.EcKeyGenParams & { hash: string } = EC) {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=somebody else',
    keys,
    signingAlgorithm: algorithm,
  });
  return { keys, der: Buffer.from(request.rawData) };
}

describe('certificates', () => {
  let authority: CertificateAuthority;

  beforeAll(async () => {
    const made = await createCertificateAuthority('bulkhead', now);
    authority = await loadCertificateAuthority(made.certificateDer, made.privateKeyDer);
  });

  it('issues a 24 h client leaf with our identity, whatever the request says', async () => {
    const request = await makeRequest();
    const issued = await issueNodeCertificate(
      authority,
      request.der,
      'bulkhead',
      identity,
      SERIAL,
      now,
    );
    const leaf = new X509Certificate(issued.der);
    expect(leaf.subjectAltName).toBe(`URI:${spiffeId('bulkhead', identity)}`);
    expect(identityFromSubjectAltName('bulkhead', leaf.subjectAltName)).toEqual(identity);
    expect(leaf.subject).toBe(`CN=${identity.nodeId}`);
    expect(leaf.ca).toBe(false);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(leaf.serialNumber.toLowerCase()).toBe(SERIAL);
    expect(issued.serialNumber).toBe(SERIAL);
    expect(new Date(leaf.validTo)).toEqual(new Date('2026-01-03T03:04:05Z'));
    const ca = new X509Certificate(Buffer.from(authority.certificate.rawData));
    expect(leaf.verify(ca.publicKey)).toBe(true);
    const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', request.keys.publicKey));
    expect(leaf.publicKey.export({ type: 'spki', format: 'der' })).toEqual(spki);
  });

  it('issues a server leaf for names and addresses', async () => {
    const issued = await issueServerCertificate(authority, ['cp.example', '127.0.0.1'], now);
    const leaf = new X509Certificate(issued.der);
    expect(leaf.checkHost('cp.example')).toBe('cp.example');
    expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  });

  it('pins the key of the CA', () => {
    const ca = new X509Certificate(Buffer.from(authority.certificate.rawData));
    const spki = createPublicKey(ca.publicKey.export({ type: 'spki', format: 'pem' }));
    expect(spki.asymmetricKeyType).toBe('ec');
    expect(pinOf(authority.certificate)).toMatch(/^sha256:[A-Za-z0-9_-]{43}$/);
  });

  it('tells a repeat of a request from one with another key', async () => {
    const [first, second] = [await makeRequest(), await makeRequest()];
    expect(await requestKeySha256(first.der)).toEqual(await requestKeySha256(first.der));
    expect(await requestKeySha256(first.der)).not.toEqual(await requestKeySha256(second.der));
  });

  it('refuses a request that is empty, cut, changed, too large or not P-256', async () => {
    const { der } = await makeRequest();
    const badlySigned = Buffer.from(der);
    badlySigned[der.length - 1] = (badlySigned[der.length - 1] ?? 0) ^ 1;
    const other = await makeRequest({ name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' });
    const wrong = [
      Buffer.alloc(0),
      der.subarray(0, 40),
      badlySigned,
      Buffer.alloc(9000, der),
      other.der,
    ];
    for (const request of wrong) {
      await expect(
        issueNodeCertificate(authority, request, 'bulkhead', identity, SERIAL, now),
      ).rejects.toMatchObject({ code: 'CSR_INVALID' });
    }
  });
});

describe('identityFromSubjectAltName', () => {
  const name = `URI:${spiffeId('bulkhead', identity)}`;

  it.each([
    ['no name', undefined],
    ['another trust domain', name.replace('bulkhead', 'elsewhere')],
    ['a name behind the first', `DNS:a, ${name}`],
    ['a name after it', `${name}, URI:spiffe://bulkhead/t/x`],
    ['a longer path', `${name}/more`],
  ])('refuses %s', (_what, text) => {
    expect(identityFromSubjectAltName('bulkhead', text)).toBeUndefined();
  });
});
