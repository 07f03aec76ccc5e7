import { createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import 'reflect-metadata'; // before x509, whose dependency injection wants it
import * as x509 from '@peculiar/x509';

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A new private key of a node: EC P-256, PKCS#8, PEM. */
export function createNodeKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A certificate request for the key. Its name says nothing: the control plane gives the identity. */
export async function createRequest(privateKeyPem: string): Promise<Buffer> {
  const spki = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' });
  const pkcs8 = x509.PemConverter.decode(privateKeyPem)[0] ?? new ArrayBuffer(0);
  const { subtle } = webcrypto;
  const keys = {
    privateKey: await subtle.importKey('pkcs8', pkcs8, EC_P256, false, ['sign']),
    publicKey: await subtle.importKey('spki', spki, EC_P256, true, ['verify']),
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=bulkhead-agent',
    keys,
    signingAlgorithm: EC_P256,
  });
  return Buffer.from(request.rawData);
}
