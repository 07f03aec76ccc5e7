import { readFileSync } from 'node:fs';
import { MASTER_KEY_BYTES } from '../domain/vault.js';

/** A setting's text. undefined: not set. */
export type Reader = (name: string) => string | undefined;

/** Where the master key is from; `other` opens too, while it is changed. */
export type MasterKeySetting = ({ readonly active: Buffer } | { readonly kmsSocket: string }) & {
  readonly other: Buffer | undefined;
};

const KEY_FORM = '32 bytes in base64, as `openssl rand -base64 32` makes them';

/** Exactly one of three settings says where it is from. What is wrong is added to the problems. */
export function readMasterKeys(text: Reader, problems: string[]): MasterKeySetting {
  const other = readKey('BULKHEAD_MASTER_KEY_OTHER', text, problems);
  const kmsSocket = text('BULKHEAD_KMS_SOCKET');
  const active = readKey('BULKHEAD_MASTER_KEY', text, problems);
  if (kmsSocket === undefined) {
    if (!active) problems.push(`BULKHEAD_MASTER_KEY: ${KEY_FORM}`);
    return { active: active ?? Buffer.alloc(0), other };
  }
  if (active) problems.push('BULKHEAD_KMS_SOCKET: only without BULKHEAD_MASTER_KEY and its _FILE');
  if (!kmsSocket.startsWith('/')) problems.push('BULKHEAD_KMS_SOCKET: not an absolute path');
  return { kmsSocket, other };
}

/** Of a setting or of the file that a second one names. undefined: of neither. */
function readKey(name: string, text: Reader, problems: string[]): Buffer | undefined {
  const file = text(`${name}_FILE`);
  let value = text(name);
  if (file !== undefined) {
    if (value !== undefined) problems.push(`${name}_FILE: only without ${name}`);
    try {
      value = readFileSync(file, 'utf8').trim();
    } catch (error) {
      problems.push(`${name}_FILE: ${error instanceof Error ? error.message : error}`);
      return Buffer.alloc(MASTER_KEY_BYTES);
    }
  }
  if (value === undefined) return undefined;
  const key = Buffer.from(value, 'base64');
  if (key.byteLength !== MASTER_KEY_BYTES) problems.push(`${name}: ${KEY_FORM}`);
  return key;
}
