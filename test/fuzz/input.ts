import { LIMITS } from '../../proto/ts/wire/limits.js';

/** A document as parsePolicy takes it; text too, since that may hold half a surrogate pair. */
export type FuzzInput = string | Uint8Array;

/** A little above what the language allows, so that the limit itself is met from both sides. */
export const MAX_INPUT_BYTES = LIMITS.policyDocumentBytes + 4096;

/** The end of a file's name that holds what UTF-8 cannot. */
const UTF_16 = 'utf16le';

export function isTooLarge(input: FuzzInput): boolean {
  return sizeOf(input) > LIMITS.policyDocumentBytes;
}

/** Bytes of UTF-8. */
export function sizeOf(input: FuzzInput): number {
  return typeof input === 'string' ? Buffer.byteLength(input) : input.byteLength;
}

/** The text that a reader sees; what is no UTF-8 becomes U+FFFD, a byte order mark in bytes is gone. */
export function textOf(input: FuzzInput): string {
  return typeof input === 'string' ? input : new TextDecoder().decode(input);
}

/** For a file: UTF-8, or UTF-16LE where a text is not well formed. */
export function fileOf(input: FuzzInput): {
  readonly extension: string;
  readonly bytes: Uint8Array;
} {
  if (typeof input !== 'string') return { extension: 'yaml', bytes: input };
  const bytes = Buffer.from(input);
  if (bytes.toString() === input) return { extension: 'yaml', bytes };
  return { extension: UTF_16, bytes: Buffer.from(input, 'utf16le') };
}

/** What `fileOf` wrote. */
export function inputOfFile(path: string, bytes: Buffer): FuzzInput {
  return path.endsWith(UTF_16) ? bytes.toString('utf16le') : new Uint8Array(bytes);
}
