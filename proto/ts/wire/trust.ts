import { createHash } from 'node:crypto';

/** Whom an agent believes: servers with certificates of these authorities, bundles signed by these keys. */
export interface Trust {
  readonly caCertificatesDer: readonly Buffer[];
  readonly signingKeys: readonly { readonly keyId: string; readonly publicKeyDer: Buffer }[];
}

/**
 * 32 bytes that name the trust, in whatever order it is listed: SHA-256 of the sorted SHA-256 of each
 * certificate and of each public key, as lower-case hexadecimal with `ca ` or `key ` before it.
 */
export function trustSha256({ caCertificatesDer, signingKeys }: Trust): Buffer {
  const hashOf = (der: Uint8Array) => createHash('sha256').update(der).digest('hex');
  const names = [
    ...caCertificatesDer.map((der) => `ca ${hashOf(der)}`),
    ...signingKeys.map(({ publicKeyDer }) => `key ${hashOf(publicKeyDer)}`),
  ];
  return createHash('sha256').update(names.sort().join('\n')).digest();
}
