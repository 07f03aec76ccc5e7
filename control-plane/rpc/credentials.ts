import * as grpc from '@grpc/grpc-js';
import { pemFromDer } from '../../proto/ts/wire/pem.js';
import { issueServerCertificate, SERVER_CERTIFICATE_LIFETIME_MS } from '../domain/certificates.js';
import type { KeySource } from '../domain/keyring.js';

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
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();
  #identity: { certificate: Buffer; privateKey: Buffer } | undefined;
  #renewals: Promise<void> = Promise.resolve();

  constructor(
    private readonly keys: KeySource,
    private readonly names: readonly string[],
  ) {
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

  /** Every authority whose certificates are believed here. */
  get caPem(): Buffer {
    const { caCertificatesDer } = this.keys.current.trust;
    return Buffer.from(caCertificatesDer.map((der) => pemFromDer('CERTIFICATE', der)).join(''));
  }

  /**
   * A new server certificate, followed by the CA's so that an agent can check its pin, and the CAs of
   * now. Connections that are open keep what they began with.
   */
  renew(now: Date): Promise<void> {
    // One after the other: one that began earlier, under other keys, must not come out on top.
    const renewal = this.#renewals.then(() => this.#renew(now));
    this.#renewals = renewal.catch(() => undefined);
    return renewal;
  }

  async #renew(now: Date): Promise<void> {
    const { serverAuthority } = this.keys.current;
    const issued = await issueServerCertificate(serverAuthority, this.names, now);
    const chain = [issued.der, Buffer.from(serverAuthority.certificate.rawData)];
    this.#identity = {
      certificate: Buffer.from(chain.map((der) => pemFromDer('CERTIFICATE', der)).join('')),
      privateKey: Buffer.from(pemFromDer('PRIVATE KEY', issued.privateKeyDer)),
    };
    for (const listener of this.#caListeners) listener({ caCertificate: this.caPem });
    for (const listener of this.#identityListeners) listener(this.#identity);
  }

  /** When to call renew again. */
  static readonly renewEveryMs = SERVER_CERTIFICATE_LIFETIME_MS / 3;
}
