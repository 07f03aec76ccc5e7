import { sleep } from '../../proto/ts/wire/backoff.js';

/** Calls every `everyMs` until the signal aborts, jittered by half so that replicas do not poll together. */
export async function runPoll(
  everyMs: number,
  signal: AbortSignal,
  poll: () => void,
): Promise<void> {
  for (;;) {
    await sleep(everyMs * (0.5 + Math.random() / 2), signal);
    if (signal.aborted) return;
    poll();
  }
}
