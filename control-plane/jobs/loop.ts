import type { Logger } from 'pino';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { Bell } from '../domain/bell.js';
import type { JobMetrics } from '../metrics/jobs.js';

export interface LoopOptions {
  readonly name: string;
  readonly log: Logger;
  readonly metrics: JobMetrics;
  /** The poll beside the bell: a wake-up may be lost. Jittered by half. */
  readonly everyMs: number;
  readonly bell?: Bell;
  /** One round. true: there may be more to do, go on at once. The signal cuts it short. */
  readonly round: (cut: AbortSignal) => Promise<boolean>;
}

const FAILURE_BACKOFF = { initialMs: 500, maxMs: 30_000 };

/**
 * Runs rounds until `stopped` aborts; one that is under way then comes to its end, or is cut short when
 * `cut` aborts. A round that throws is logged and tried again later.
 */
export async function runLoop(
  options: LoopOptions,
  stopped: AbortSignal,
  cut: AbortSignal,
): Promise<void> {
  const bell = options.bell ?? new Bell();
  const loop = options.name;
  const { rounds, seconds } = options.metrics;
  let failures = 0;
  while (!stopped.aborted) {
    const ended = seconds.startTimer({ loop });
    try {
      const more = await options.round(cut).finally(ended);
      rounds.inc({ loop, outcome: 'done' });
      failures = 0;
      if (more) continue;
    } catch (error) {
      if (cut.aborted) return;
      rounds.inc({ loop, outcome: 'failed' });
      options.log.error({ loop, err: error, failures }, 'round failed');
      await sleep(backoffMs(failures, FAILURE_BACKOFF), stopped);
      failures += 1;
      continue;
    }
    await bell.wait(options.everyMs * (0.5 + Math.random() / 2), stopped);
  }
}
