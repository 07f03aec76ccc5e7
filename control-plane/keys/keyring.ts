import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { keyIdOf, publicKeyFromDer, type SigningKeyPair } from '../../proto/ts/wire/dsse.js';
import { trustSha256 } from '../../proto/ts/wire/trust.js';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  loadCertificateAuthority,
  pinOf,
} from '../domain/certificates.js';
import type { Keyring } from '../domain/keyring.js';
import type { Vault } from '../domain/vault.js';
import type { Database } from '../store/database.js';
import {
  insertKeyIfAbsent,
  listKeys,
  type NewPlatformKey,
  type PlatformKey,
  type PlatformKeyKind,
} from '../store/platform-keys.js';

/** Where the keys are, and what opens them. */
export interface KeyStore {
  readonly database: Database;
  readonly vault: Vault;
  readonly trustDomain: string;
}

/** What a Keyring is made of: of every kind and state, oldest first. The first process makes the first ones. */
export async function ensureKeys(store: KeyStore): Promise<readonly PlatformKey[]> {
  const list = () => store.database.withPlatform((tx) => listKeys(tx));
  const keys = await list();
  const missing = (['ca', 'bundle-signing'] as const).filter(
    (kind) => !keys.some((key) => key.kind === kind && key.state === 'active'),
  );
  for (const kind of missing) {
    const made = await newKey(store, kind);
    // Of two processes that start at once on an empty database, one's key is kept and both get it.
    await store.database.withPlatform((tx) => insertKeyIfAbsent(tx, made));
  }
  return missing.length > 0 ? list() : keys;
}

/** @throws Error where the master key is not the one that sealed them */
export async function keyringFrom(keys: readonly PlatformKey[], vault: Vault): Promise<Keyring> {
  const authorities = new Map<PlatformKey, CertificateAuthority>();
  const signers = new Map<PlatformKey, SigningKeyPair>();
  for (const key of keys.filter(({ state }) => state !== 'retired')) {
    const privateDer = openKey(vault, key);
    if (key.kind === 'ca') {
      authorities.set(key, await loadCertificateAuthority(key.publicDer, privateDer));
    } else {
      const privateKey = createPrivateKey({ key: privateDer, format: 'der', type: 'pkcs8' });
      signers.set(key, { keyId: signingKeyIdOf(key), privateKey });
    }
  }
  const authority = inState(authorities, 'active');
  const signer = inState(signers, 'active');
  if (!authority || !signer) throw new Error('the database holds no active keys');
  const serverAuthority = inState(authorities, 'retiring') ?? authority;
  const retiringSigner = inState(signers, 'retiring');
  const nextAuthority = inState(authorities, 'next');
  // The one that servers show now, and the one that they will.
  const shown = [
    ...new Set([serverAuthority, authority, ...(nextAuthority ? [nextAuthority] : [])]),
  ];
  const trust = {
    caCertificatesDer: [...authorities.keys()].map(({ publicDer }) => Buffer.from(publicDer)),
    signingKeys: [...signers].map(([{ publicDer }, { keyId }]) => ({
      keyId,
      publicKeyDer: Buffer.from(publicDer),
    })),
  };
  return {
    authority,
    serverAuthority,
    caPin: shown.map(({ certificate }) => pinOf(certificate)).join(','),
    trust,
    trustSha256: trustSha256(trust),
    trustedAuthorities: [...authorities.values()].map(({ certificate }) => certificate),
    signingKeys: retiringSigner ? [signer, retiringSigner] : [signer],
    formerSigningKeyIds: new Set(keys.filter(isFormerSigner).map(signingKeyIdOf)),
  };
}

/** @throws Error where the master key is not the one that sealed them */
export async function loadKeyring(store: KeyStore): Promise<Keyring> {
  return keyringFrom(await ensureKeys(store), store.vault);
}

export async function newKey(
  { vault, trustDomain }: Pick<KeyStore, 'vault' | 'trustDomain'>,
  kind: PlatformKeyKind,
): Promise<NewPlatformKey> {
  const { publicDer, privateDer } =
    kind === 'ca' ? await newAuthority(trustDomain) : newSigningKey();
  const privateEncrypted = vault.seal(`platform-key:${kind}`, privateDer);
  return { id: randomUUID(), kind, publicDer, privateEncrypted };
}

async function newAuthority(trustDomain: string) {
  const made = await createCertificateAuthority(trustDomain, new Date());
  return { publicDer: made.certificateDer, privateDer: made.privateKeyDer };
}

function newSigningKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicDer: publicKey.export({ type: 'spki', format: 'der' }),
    privateDer: privateKey.export({ type: 'pkcs8', format: 'der' }),
  };
}

function signingKeyIdOf({ publicDer }: PlatformKey): string {
  return keyIdOf(publicKeyFromDer(publicDer));
}

function isFormerSigner({ kind, state }: PlatformKey): boolean {
  return kind === 'bundle-signing' && (state === 'retiring' || state === 'retired');
}

function inState<T>(keys: ReadonlyMap<PlatformKey, T>, state: PlatformKey['state']): T | undefined {
  return [...keys].find(([key]) => key.state === state)?.[1];
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
