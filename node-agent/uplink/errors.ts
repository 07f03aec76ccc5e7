import type { ServiceError } from '@grpc/grpc-js';
import { BulkheadError, isErrorCode, RETRY_AFTER } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';

/** What the control plane refused, by its own code; anything else is UNAVAILABLE and worth another try. */
export function errorFromGrpc(error: unknown): BulkheadError {
  if (error instanceof BulkheadError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const code = isServiceError(cause) ? String(cause.metadata.get('bulkhead-code')[0] ?? '') : '';
  const text = isServiceError(cause) ? cause.details : cause.message;
  const message = text.replace(/^[A-Z_]+: /, '').slice(0, LIMITS.messageBytes);
  const retryAfterMs = isServiceError(cause) ? retryAfterOf(cause) : undefined;
  return isErrorCode(code)
    ? new BulkheadError(code, message, {
        cause,
        ...(retryAfterMs && { details: { retryAfterMs } }),
      })
    : new BulkheadError('UNAVAILABLE', `the control plane does not answer: ${message}`, { cause });
}

function retryAfterOf({ metadata }: ServiceError): number | undefined {
  const text = String(metadata.get(RETRY_AFTER)[0] ?? '');
  return /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined;
}

function isServiceError(error: Error): error is ServiceError {
  return 'code' in error && 'details' in error && 'metadata' in error;
}
