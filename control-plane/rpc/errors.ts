import * as grpc from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { BulkheadError, ERROR_CODES, RETRY_AFTER } from '../../proto/ts/wire/errors.js';
import { retryAfterSeconds } from '../domain/rates.js';

/** The one translator of this edge: code and text go to the caller, the cause to the log. */
export function statusFromError(error: unknown, log: Logger): grpc.StatusObject {
  const known = error instanceof BulkheadError ? error : new BulkheadError('INTERNAL');
  const fields = { code: known.code, err: error instanceof BulkheadError ? error.cause : error };
  if (known.code === 'INTERNAL') log.error(fields, 'call failed');
  else log.info({ ...fields, reason: known.message }, 'call refused');
  const metadata = new grpc.Metadata();
  metadata.set('bulkhead-code', known.code);
  const seconds = retryAfterSeconds(known);
  if (seconds !== undefined) metadata.set(RETRY_AFTER, String(seconds));
  return {
    code: grpc.status[ERROR_CODES[known.code].grpc],
    details: `${known.code}: ${known.message}`,
    metadata,
  };
}
