import { randomUUID, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Trust } from '../../proto/ts/wire/trust.js';
import { readFileIfPresent, removeFile, writeFileAtomic } from '../files.js';
import { createNodeKey } from './certificates.js';

/** Who this node is to the control plane, and whom it believes. */
export interface Identity extends Trust {
  readonly tenantId: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly certificateDer: Buffer;
}

/** Only the form of the file. */
interface IdentityJson {
  readonly tenantId: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly certificate: string;
  readonly caCertificates: readonly string[];
  readonly signingKeys: readonly { readonly keyId: string; readonly publicKey: string }[];
}

/** The files of the state folder that make a node's identity; each 0600 and replaced as a whole. */
export class IdentityStore {
  readonly #identityPath: string;
  readonly #keyPath: string;
  readonly #enrollmentPath: string;

  constructor(stateDirectory: string) {
    this.#identityPath = join(stateDirectory, 'identity.json');
    this.#keyPath = join(stateDirectory, 'node.key');
    this.#enrollmentPath = join(stateDirectory, 'enrollment-id');
  }

  /** undefined: it has not joined. */
  async load(): Promise<Identity | undefined> {
    const bytes = await readFileIfPresent(this.#identityPath);
    // The file is ours alone, so its form is trusted.
    return bytes && identityFromJson(JSON.parse(bytes.toString('utf8')) as IdentityJson);
  }

  async save(identity: Identity): Promise<void> {
    await writeFileAtomic(this.#identityPath, JSON.stringify(identityToJson(identity)));
    await this.endEnrollment();
  }

  /** The next join is another one: also where a crash left the name of the last. */
  async endEnrollment(): Promise<void> {
    await removeFile(this.#enrollmentPath);
  }

  /** The node is none of the control plane's any more: whatever it joins as next has a key of its own. */
  async forget(): Promise<void> {
    await removeFile(this.#identityPath);
    await removeFile(this.#keyPath);
  }

  /** The node's key, made where there is none. PEM. */
  async ensureKey(): Promise<string> {
    const bytes = await readFileIfPresent(this.#keyPath);
    if (bytes) return bytes.toString('utf8');
    const pem = createNodeKey();
    await writeFileAtomic(this.#keyPath, pem);
    return pem;
  }

  /** Names this join until it has succeeded, so that a repeat costs the token no second use. */
  async ensureEnrollmentId(): Promise<string> {
    const bytes = await readFileIfPresent(this.#enrollmentPath);
    if (bytes) return bytes.toString('utf8').trim();
    const id = randomUUID();
    await writeFileAtomic(this.#enrollmentPath, id);
    return id;
  }
}

export function validityOf(identity: Identity): { notBefore: Date; notAfter: Date } {
  const certificate = new X509Certificate(identity.certificateDer);
  return {
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
  };
}

function identityToJson(identity: Identity): IdentityJson {
  return {
    tenantId: identity.tenantId,
    clusterId: identity.clusterId,
    nodeId: identity.nodeId,
    certificate: identity.certificateDer.toString('base64'),
    caCertificates: identity.caCertificatesDer.map((der) => der.toString('base64')),
    signingKeys: identity.signingKeys.map(({ keyId, publicKeyDer }) => ({
      keyId,
      publicKey: publicKeyDer.toString('base64'),
    })),
  };
}

function identityFromJson(json: IdentityJson): Identity {
  const bytes = (text: string) => Buffer.from(text, 'base64');
  return {
    tenantId: json.tenantId,
    clusterId: json.clusterId,
    nodeId: json.nodeId,
    certificateDer: bytes(json.certificate),
    caCertificatesDer: json.caCertificates.map(bytes),
    signingKeys: json.signingKeys.map(({ keyId, publicKey }) => ({
      keyId,
      publicKeyDer: bytes(publicKey),
    })),
  };
}
