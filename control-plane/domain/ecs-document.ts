import { createHash } from 'node:crypto';

export type EcsDocument = Readonly<Record<string, unknown>>;

/** 120 bits of sha256 over the parts, base64url. */
export function shortHash(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 20);
}
