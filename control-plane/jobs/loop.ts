import type { Logger } from 'pino';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { Bell } from '../domain/bell.js';

export interface LoopOptions {
  readonly name: string;
  readonly log: Logger;
  /** The poll beside the bell: a wake-up may be lost. Jittered by half. */
  readonly everyMs: number;
  readonly bell?: Bell;
  /** One round. true: there may be more to do, go on at once. */
  readonly round: (signal: AbortSignal) => Promise<boolean>;
}

const FAILURE_BACKOFF = { initialMs: 500, maxMs: 30_000 };

/** Runs rounds until the signal aborts. A round that throws is logged and tried again later. */
export async function runLoop(options: LoopOptions, signal: AbortSignal): Promise<void> {
  const bell = options.bell ?? new Bell();
  let failures = 0;
  while (!signal.aborted) {
    try {
      const more = await options.round(signal);
      failures = 0;
      if (more) continue;
    } catch (error) {
      if (signal.aborted) return;
      options.log.error({ loop: options.name, err: error, failures }, 'round failed');
      await sleep(backoffMs(failures, FAILURE_BACKOFF), signal);
      failures += 1;
      continue;
    }
    await bell.wait(options.everyMs * (0.5 + Math.random() / 2), signal);
  }
}
