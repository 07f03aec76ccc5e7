import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';

/**
 * Secrets at rest: AES-256-GCM under the master key, bound to what they are for, so that a row
 * copied over another does not open. Layout: version 2 (1 byte), key id (8), nonce (12), tag (16),
 * ciphertext. Version 1 has no key id: each key is tried.
 *
 * Two keys open while the master key is changed; the active one seals.
 */
export interface Vault {
  /** What everything begins with that the active key has sealed. */
  readonly activePrefix: Buffer;
  seal(purpose: string, secret: Uint8Array): Buffer;
  /** Throws where the master key or the purpose is another, or the bytes were changed. */
  open(purpose: string, sealed: Uint8Array): Buffer;
}

export interface ChangeableVault extends Vault {
  /** From now on. */
  useKeys(active: Uint8Array, ...others: readonly Uint8Array[]): void;
}

export const MASTER_KEY_BYTES = 32;
const VERSION = 2;
const VERSION_WITHOUT_ID = 1;
const ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface MasterKey {
  readonly id: Buffer;
  readonly key: Buffer;
}

/** @throws RangeError where a key does not have 32 bytes */
export function createVault(active: Uint8Array, ...others: readonly Uint8Array[]): ChangeableVault {
  let sealing = masterKeyFrom(active);
  let opening = [sealing, ...others.map(masterKeyFrom)];
  const prefixOf = ({ id }: MasterKey) => Buffer.concat([Buffer.from([VERSION]), id]);
  return {
    get activePrefix() {
      return prefixOf(sealing);
    },
    useKeys(newActive, ...newOthers) {
      sealing = masterKeyFrom(newActive);
      opening = [sealing, ...newOthers.map(masterKeyFrom)];
    },
    seal(purpose, secret) {
      return Buffer.concat([prefixOf(sealing), encrypt(sealing.key, purpose, secret)]);
    },
    open(purpose, sealed) {
      const bytes = Buffer.from(sealed);
      if (bytes[0] === VERSION_WITHOUT_ID) return tryEach(opening, purpose, bytes.subarray(1));
      const id = bytes.subarray(1, 1 + ID_BYTES);
      const known = opening.find((key) => key.id.equals(id));
      if (bytes[0] !== VERSION || !known) throw new Error('sealed with no key that is known here');
      return decrypt(known.key, purpose, bytes.subarray(1 + ID_BYTES));
    },
  };
}

/** Lower-case hexadecimal; says nothing of the key. */
export function masterKeyId(key: Uint8Array): string {
  return masterKeyFrom(key).id.toString('hex');
}

function masterKeyFrom(bytes: Uint8Array): MasterKey {
  if (bytes.byteLength !== MASTER_KEY_BYTES) {
    throw new RangeError(`the master key has ${bytes.byteLength} bytes, not 32`);
  }
  const key = Buffer.from(bytes);
  const id = createHmac('sha256', key).update('bulkhead master key id').digest();
  return { id: id.subarray(0, ID_BYTES), key };
}

function tryEach(keys: readonly MasterKey[], purpose: string, box: Buffer): Buffer {
  for (const { key } of keys) {
    try {
      return decrypt(key, purpose, box);
    } catch {
      // It may be of the next one; GCM tells for sure.
    }
  }
  throw new Error('sealed with no key that is known here');
}

function encrypt(key: Buffer, purpose: string, secret: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(purpose));
  const body = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

function decrypt(key: Buffer, purpose: string, box: Buffer): Buffer {
  if (box.byteLength < NONCE_BYTES + TAG_BYTES) throw new Error('not a sealed secret');
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(purpose));
  decipher.setAuthTag(box.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const body = box.subarray(NONCE_BYTES + TAG_BYTES);
  return Buffer.concat([decipher.update(body), decipher.final()]);
}
