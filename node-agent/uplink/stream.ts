import type { Logger } from 'pino';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { errorFromGrpc } from './errors.js';

/** One life of a stream. Resolves to how long to wait before the next one; rejects where it broke. */
export type StreamSession = (signal: AbortSignal) => Promise<number>;

const RECONNECT = { initialMs: 250, maxMs: 30_000 };
/** The longest that the control plane may ask an agent to stay away. */
const RECONNECT_WAIT_MAX_MS = 5 * 60_000;
/** A stream that lived so long was a good one: the next try is a first one. */
const GOOD_LIFE_MS = 10_000;

/**
 * Opens a stream again and again until the signal aborts.
 * @throws BulkheadError NODE_REVOKED: there is no use in another try
 */
export async function keepStream(
  name: string,
  session: StreamSession,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = Date.now();
    try {
      const waitMs = Math.min(await session(signal), RECONNECT_WAIT_MAX_MS);
      const isGood = Date.now() - startedAt > GOOD_LIFE_MS;
      failures = isGood ? 0 : failures + 1;
      // One that ends at once, and well, is not opened again and again without a pause.
      await sleep(Math.max(waitMs, isGood ? 0 : backoffMs(failures, RECONNECT)), signal);
    } catch (error) {
      if (signal.aborted) return;
      const known = errorFromGrpc(error);
      if (known.code === 'NODE_REVOKED') throw known;
      if (Date.now() - startedAt > GOOD_LIFE_MS) failures = 0;
      const waitMs = backoffMs(failures, RECONNECT);
      log.warn({ stream: name, code: known.code, reason: known.message, waitMs }, 'stream broke');
      failures += 1;
      await sleep(waitMs, signal);
    }
  }
}
