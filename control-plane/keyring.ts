import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import type { SigningKeyPair } from '../proto/ts/wire/dsse.js';
import { keyIdOf } from '../proto/ts/wire/dsse.js';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  loadCertificateAuthority,
  pinOf,
} from './domain/certificates.js';
import type { Vault } from './domain/vault.js';
import type { Database } from './store/database.js';
import {
  insertKeyIfAbsent,
  listKeys,
  type NewPlatformKey,
  type PlatformKey,
  type PlatformKeyKind,
} from './store/platform-keys.js';

/** The installation's own keys: made by the first process that starts, kept sealed in Postgres. */
export interface Keyring {
  readonly authority: CertificateAuthority;
  /** What an agent is given to recognise the authority by. */
  readonly caPin: string;
  readonly signingKey: SigningKeyPair & { readonly publicKey: KeyObject };
}

/**
 * @throws Error where the master key is not the one that sealed them
 */
export async function loadKeyring(
  database: Database,
  vault: Vault,
  trustDomain: string,
): Promise<Keyring> {
  const ca = await ensureKey(database, 'ca', () => newAuthority(vault, trustDomain));
  const signing = await ensureKey(database, 'bundle-signing', () => newSigningKey(vault));
  const authority = await loadCertificateAuthority(ca.publicDer, openKey(vault, ca));
  const publicKey = createPublicKey({
    key: Buffer.from(signing.publicDer),
    format: 'der',
    type: 'spki',
  });
  const privateKey = createPrivateKey({
    key: openKey(vault, signing),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    authority,
    caPin: pinOf(authority.certificate),
    signingKey: { keyId: keyIdOf(publicKey), publicKey, privateKey },
  };
}

type NewKey = Omit<NewPlatformKey, 'id' | 'kind'>;

/** Of two processes that start at once on an empty database, one's key is kept and both get it. */
async function ensureKey(
  database: Database,
  kind: PlatformKeyKind,
  make: () => Promise<NewKey> | NewKey,
): Promise<PlatformKey> {
  const keys = await database.withPlatform((tx) => listKeys(tx, kind));
  const active = keys.find(({ state }) => state === 'active');
  if (active) return active;
  const made = await make();
  return database.withPlatform((tx) => insertKeyIfAbsent(tx, { id: randomUUID(), kind, ...made }));
}

async function newAuthority(vault: Vault, trustDomain: string): Promise<NewKey> {
  const made = await createCertificateAuthority(trustDomain, new Date());
  return {
    publicDer: made.certificateDer,
    privateEncrypted: vault.seal('platform-key:ca', made.privateKeyDer),
  };
}

function newSigningKey(vault: Vault): NewKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const privateKeyDer = privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    publicDer: publicKey.export({ type: 'spki', format: 'der' }),
    privateEncrypted: vault.seal('platform-key:bundle-signing', privateKeyDer),
  };
}

function openKey(vault: Vault, key: PlatformKey): Buffer {
  try {
    return vault.open(`platform-key:${key.kind}`, key.privateEncrypted);
  } catch (cause) {
    throw new Error(
      'the keys in the database were sealed with another BULKHEAD_MASTER_KEY than this one',
      { cause },
    );
  }
}
