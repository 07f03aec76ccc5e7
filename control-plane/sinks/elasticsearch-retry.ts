import { errors } from '@elastic/elasticsearch';
import type { Logger } from 'pino';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

export interface Patience {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

const MAX_REASON_LENGTH = 500;

/**
 * Calls `attempt` until it has nothing left to do (undefined) or the signal aborts, and waits in between.
 * What it answers, or a failed request, is the reason to wait; the beginning and the end of an outage are
 * logged, not every try. Rejects with the signal's reason.
 */
export async function untilTaken(
  patience: Patience,
  signal: AbortSignal,
  attempt: () => Promise<string | undefined>,
): Promise<void> {
  let waitingSinceMs: number | undefined;
  for (let tries = 0; ; tries += 1) {
    signal.throwIfAborted();
    const reason = await attempt().catch((error: unknown) => reasonToWait(error, signal));
    if (reason === undefined) break;
    if (waitingSinceMs === undefined) {
      waitingSinceMs = performance.now();
      patience.log.warn({ reason }, 'elasticsearch takes no documents, trying again');
    }
    await sleep(backoffMs(tries, patience), signal);
  }
  if (waitingSinceMs === undefined) return;
  const waitedMs = Math.round(performance.now() - waitingSinceMs);
  patience.log.info({ waitedMs }, 'elasticsearch takes documents again');
}

/** Whether the request as such can never be taken as it is: its size or its form, not the cluster's state. */
export function isRefusedWhole(error: unknown): error is errors.ResponseError {
  return (
    error instanceof errors.ResponseError && (error.statusCode === 400 || error.statusCode === 413)
  );
}

function reasonToWait(error: unknown, signal: AbortSignal): string {
  signal.throwIfAborted();
  if (isRefusedWhole(error)) {
    throw new BulkheadError('INTERNAL', 'elasticsearch refuses the request', { cause: error });
  }
  if (!(error instanceof errors.ElasticsearchClientError)) throw error;
  return `${error.name}: ${error.message}`.slice(0, MAX_REASON_LENGTH);
}
