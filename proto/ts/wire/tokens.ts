import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/**
 * Secrets that people copy: `bkh_<kind>_<id>_<secret>_<crc>`.
 * id: 16 hex digits, public, names the row; secret: 43 characters base64url (256 bits); crc: CRC-32 of
 * all before it, 8 hex digits, so that a torn copy is told from a wrong one.
 */
export const TOKEN_KINDS = {
  join: 'jt',
  apiKey: 'ak',
  platform: 'pk',
  loginLink: 'll',
  /** What a browser brings back from its identity provider: nobody copies it. */
  loginState: 'ls',
  /** Of a browser's cookie: nobody copies it. */
  session: 'se',
} as const;
export type TokenKind = (typeof TOKEN_KINDS)[keyof typeof TOKEN_KINDS];

export interface Token {
  readonly id: string;
  readonly secret: string;
  /** The whole of it, as it is shown once. */
  readonly text: string;
}

const TOKEN_PATTERN = /^(bkh_([a-z]{2})_([0-9a-f]{16})_([A-Za-z0-9_-]{43}))_([0-9a-f]{8})$/;

export function createToken(kind: TokenKind): Token {
  const id = randomBytes(8).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  const body = `bkh_${kind}_${id}_${secret}`;
  return { id, secret, text: `${body}_${checksum(body)}` };
}

/** undefined: not a token of this kind, or its check sum is wrong. */
export function parseToken(kind: TokenKind, text: string): Token | undefined {
  const match = TOKEN_PATTERN.exec(text.trim());
  if (!match) return undefined;
  const [whole, body = '', foundKind, id = '', secret = '', crc] = match;
  if (foundKind !== kind || checksum(body) !== crc) return undefined;
  return { id, secret, text: whole };
}

/** What is stored of a secret. It has 256 random bits, so a plain hash is enough. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function checksum(body: string): string {
  return (crc32(body) >>> 0).toString(16).padStart(8, '0');
}
