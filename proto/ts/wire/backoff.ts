import { setTimeout as delay } from 'node:timers/promises';

/** Exponential backoff with full jitter. */
export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** 0 <= x < 1; Math.random where not given. */
  readonly random?: () => number;
}

/** How long to wait before try number `attempt` (from 0): between half and all of min(max, initial * 2^attempt). */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const ceiling = Math.min(options.maxMs, options.initialMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling / 2 + (options.random ?? Math.random)() * (ceiling / 2));
}

/** Resolves after `ms`, or at once when the signal aborts (without throwing: the loop looks at the signal). */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
