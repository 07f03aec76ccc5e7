import type { Logger } from 'pino';
import { sleep } from '../proto/ts/wire/backoff.js';

/*
 * How a replica goes, and how long each step may take:
 *
 *   not ready   /readyz says 503, all is still served: balancers    delayMs   5 s, at most 10 s
 *               take note and send nobody here any more
 *   no more     listeners close, every stream is told Reconnect;    limitMs  15 s, at most 20 s
 *               requests, calls and units of the loops end
 *   cut         what still hangs is ended; then pools and the
 *               operations listener are closed                      8 s
 *
 * 28 s by default, which fits the 30 s that Kubernetes gives a pod; 38 s at most.
 */
export const DRAIN_DELAY_MS = { standard: 5_000, max: 10_000 } as const;
export const DRAIN_LIMIT_MS = { standard: 15_000, max: 20_000 } as const;
const CLOSE_LIMIT_MS = 8_000;

/** Work of a role. `drain` takes on no more and resolves when the rest is done, or soon after `cut` aborts. */
export interface Work {
  readonly name: string;
  drain(cut: AbortSignal): Promise<void>;
}

/** What the work stands on. */
export interface Resource {
  readonly name: string;
  close(): Promise<void>;
}

/** Everything that runs, each list in the order in which it was started. */
export interface Running {
  readonly works: Work[];
  readonly resources: Resource[];
}

export interface DrainTimes {
  readonly delayMs: number;
  readonly limitMs: number;
}

/** @throws Error where something cannot be closed: the process is to end all the same */
export async function drain(running: Running, times: DrainTimes, log: Logger): Promise<void> {
  const cut = new AbortController();
  // Until it is cut, there is nothing that would end the wait early: a second signal ends the process.
  await sleep(times.delayMs, cut.signal);
  const hanging = new Set(running.works.map(({ name }) => name));
  const work = Promise.all(
    running.works.map(async ({ name, drain: drainOne }) => {
      await drainOne(cut.signal).catch((error: unknown) => log.error({ name, err: error }, FAILED));
      hanging.delete(name);
    }),
  );
  const timer = setTimeout(() => {
    log.warn({ hanging: [...hanging] }, 'not done in time, cut off');
    cut.abort();
  }, times.limitMs);
  await Promise.race([work, aborted(cut.signal)]);
  clearTimeout(timer);

  const closed = work.then(() => closeAll(running.resources, log));
  await within(CLOSE_LIMIT_MS, closed);
}

const FAILED = 'closing failed';

async function closeAll(resources: readonly Resource[], log: Logger): Promise<void> {
  for (const { name, close } of [...resources].reverse()) {
    await close().catch((error: unknown) => log.error({ name, err: error }, FAILED));
  }
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('not everything could be closed in time')), ms);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
