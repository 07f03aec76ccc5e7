import { BulkheadError } from '../../proto/ts/wire/errors.js';

export const HOME = '/';

/**
 * Where a login ends: a path on this origin and nothing that a browser could take for more
 * (`//host`, `/\host`, a tab in between).
 * @throws BulkheadError INVALID_ARGUMENT
 */
export function returnPath(publicUrl: string, text: string | undefined): string {
  if (text === undefined) return HOME;
  const isPath = /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(text);
  if (isPath && new URL(text, publicUrl).origin === publicUrl) return text;
  throw new BulkheadError('INVALID_ARGUMENT', 'returnTo: a path on this origin');
}
