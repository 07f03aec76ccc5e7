import { DrizzleQueryError } from 'drizzle-orm';
import postgres from 'postgres';
import { BulkheadError, type ErrorCode } from '../../proto/ts/wire/errors.js';

const NAMES_NOTHING = ['NOT_FOUND', 'it names something that does not exist'] as const;
/** SQLSTATE, or its class of two digits, to our code and why. */
const BY_SQLSTATE: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  '23505': ['CONFLICT', 'it exists already'],
  '23503': NAMES_NOTHING,
  '23502': ['INVALID_ARGUMENT', 'a value is missing'],
  '23514': ['INVALID_ARGUMENT', 'a value is outside its limits'],
  // Class 22: the text is no uuid, no time, the number is out of range, the text has a NUL.
  '22': ['INVALID_ARGUMENT', 'a value does not have its form'],
  // Class 08, 53, 57P0x: the connection or the server went away, or has no room.
  '08': ['UNAVAILABLE', 'the database connection failed'],
  '53': ['UNAVAILABLE', 'the database has no room for the request'],
  '57': ['UNAVAILABLE', 'the database ended the request'],
  // Class 40, 55P03: serialisation failure, deadlock, lock timeout: repeat the transaction.
  '40': ['UNAVAILABLE', 'the transaction collided with another'],
  '55P03': ['UNAVAILABLE', 'a lock was not free in time'],
};

/** Prepared before a migration, or in a session that a pooler has changed for another; prepared anew the next time. */
const STALE = ['UNAVAILABLE', 'the statement was prepared for what is no more'] as const;
/** What the SQLSTATE does not tell: where in the server it failed. */
const BY_ROUTINE: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  // Row security let the row not be written: what it names is not there for this transaction.
  ExecWithCheckOptions: NAMES_NOTHING,
  RevalidateCachedQuery: STALE,
  FetchPreparedStatement: STALE,
};

/** What postgres.js and the socket below it call a lost or refused connection. */
const CONNECTION_CODES: ReadonlySet<string> = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/**
 * The error of a statement as a BulkheadError, the driver's error as its cause; any other error as it is.
 * drizzle's wrapper is dropped: its message carries every parameter, secrets among them.
 */
export function toStoreError(error: unknown): unknown {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  if (cause instanceof postgres.PostgresError) {
    const [code, message] = BY_ROUTINE[cause.routine ?? ''] ??
      BY_SQLSTATE[cause.code] ??
      BY_SQLSTATE[cause.code.slice(0, 2)] ?? ['INTERNAL', 'the database refused the statement'];
    return new BulkheadError(code, message, { cause });
  }
  if (isConnectionError(cause)) {
    return new BulkheadError('UNAVAILABLE', 'the database cannot be reached', { cause });
  }
  if (error instanceof DrizzleQueryError) {
    return new BulkheadError('INTERNAL', 'the statement failed', { cause });
  }
  return error;
}

function isConnectionError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return typeof error.code === 'string' && CONNECTION_CODES.has(error.code);
}

/** The one row of a statement that must find it. @throws BulkheadError NOT_FOUND */
export function found<T>(row: T | undefined, what: string): T {
  if (row === undefined) throw new BulkheadError('NOT_FOUND', `no such ${what}`);
  return row;
}

/** The one row that a statement always gives. @throws BulkheadError INTERNAL */
export function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new BulkheadError('INTERNAL', 'a statement gave no row');
  return row;
}
