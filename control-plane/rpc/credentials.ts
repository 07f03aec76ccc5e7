import * as grpc from '@grpc/grpc-js';
import { pemFromDer } from '../../proto/ts/wire/pem.js';
import type { CertificateAuthority } from '../domain/certificates.js';
import { issueServerCertificate, SERVER_CERTIFICATE_LIFETIME_MS } from '../domain/certificates.js';

type CertificateProvider = Parameters<
  typeof grpc.experimental.createCertificateProviderServerCredentials
>[0];
type CaListener = Parameters<CertificateProvider['addCaCertificateListener']>[0];
type IdentityListener = Parameters<CertificateProvider['addIdentityCertificateListener']>[0];

/**
 * One port serves Join (no certificate yet) and the streams (certificate required), so a client
 * certificate is asked for and not demanded: a missing and an untrusted one look the same here, and
 * the access check of each call refuses both.
 */
export class ServerIdentity {
  readonly credentials: grpc.ServerCredentials;
  readonly caPem: Buffer;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();
  #identity: { certificate: Buffer; privateKey: Buffer } | undefined;

  constructor(
    private readonly authority: CertificateAuthority,
    private readonly names: readonly string[],
  ) {
    this.caPem = Buffer.from(pemFromDer('CERTIFICATE', Buffer.from(authority.certificate.rawData)));
    // grpc-js registers its own watcher after it has registered here: an answer at once is lost.
    const provider: CertificateProvider = {
      addCaCertificateListener: (listener) => {
        this.#caListeners.add(listener);
        process.nextTick(listener, { caCertificate: this.caPem });
      },
      removeCaCertificateListener: (listener) => this.#caListeners.delete(listener),
      addIdentityCertificateListener: (listener) => {
        this.#identityListeners.add(listener);
        if (this.#identity) process.nextTick(listener, this.#identity);
      },
      removeIdentityCertificateListener: (listener) => this.#identityListeners.delete(listener),
    };
    this.credentials = grpc.experimental.createCertificateProviderServerCredentials(
      provider,
      provider,
      false,
    );
  }

  /** A new server certificate, followed by the CA's so that an agent can check its pin. */
  async renew(now: Date): Promise<void> {
    const issued = await issueServerCertificate(this.authority, this.names, now);
    this.#identity = {
      certificate: Buffer.concat([Buffer.from(pemFromDer('CERTIFICATE', issued.der)), this.caPem]),
      privateKey: Buffer.from(pemFromDer('PRIVATE KEY', issued.privateKeyDer)),
    };
    for (const listener of this.#identityListeners) listener(this.#identity);
  }

  /** When to call renew again. */
  static readonly renewEveryMs = SERVER_CERTIFICATE_LIFETIME_MS / 3;
}
