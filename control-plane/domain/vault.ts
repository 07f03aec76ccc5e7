import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/**
 * Secrets at rest: AES-256-GCM under the master key, bound to what they are for, so that a row
 * copied over another does not open. Layout: version 1 (1 byte), nonce (12), tag (16), ciphertext.
 */
export interface Vault {
  seal(purpose: string, secret: Uint8Array): Buffer;
  /** Throws where the master key or the purpose is another, or the bytes were changed. */
  open(purpose: string, sealed: Uint8Array): Buffer;
}

export const MASTER_KEY_BYTES = 32;
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

export function createVault(masterKey: Uint8Array): Vault {
  if (masterKey.byteLength !== MASTER_KEY_BYTES) {
    throw new RangeError(`the master key has ${masterKey.byteLength} bytes, not 32`);
  }
  const key = Buffer.from(masterKey);
  return {
    seal(purpose, secret) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      cipher.setAAD(Buffer.from(purpose));
      const body = Buffer.concat([cipher.update(secret), cipher.final()]);
      return Buffer.concat([Buffer.from([VERSION]), nonce, cipher.getAuthTag(), body]);
    },
    open(purpose, sealed) {
      if (sealed.byteLength < HEADER_BYTES || sealed[0] !== VERSION) {
        throw new Error('not a sealed secret of this version');
      }
      const bytes = Buffer.from(sealed);
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 1 + NONCE_BYTES));
      decipher.setAAD(Buffer.from(purpose));
      decipher.setAuthTag(bytes.subarray(1 + NONCE_BYTES, HEADER_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES)), decipher.final()]);
    },
  };
}
