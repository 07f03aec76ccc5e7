import { fileURLToPath } from 'node:url';

/** The checkout, without a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
/** Everything that set-up, build and runs leave behind; git ignores it. */
export const STATE = `${ROOT}/.bulkhead`;
export const CACHE = `${STATE}/cache`;
