import type { ServiceError } from '@grpc/grpc-js';
import { BulkheadError, isErrorCode } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';

/** What the control plane refused, by its own code; anything else is UNAVAILABLE and worth another try. */
export function errorFromGrpc(error: unknown): BulkheadError {
  if (error instanceof BulkheadError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const code = isServiceError(cause) ? String(cause.metadata.get('bulkhead-code')[0] ?? '') : '';
  const text = isServiceError(cause) ? cause.details : cause.message;
  const message = text.replace(/^[A-Z_]+: /, '').slice(0, LIMITS.messageBytes);
  return isErrorCode(code)
    ? new BulkheadError(code, message, { cause })
    : new BulkheadError('UNAVAILABLE', `the control plane does not answer: ${message}`, { cause });
}

function isServiceError(error: Error): error is ServiceError {
  return 'code' in error && 'details' in error && 'metadata' in error;
}
