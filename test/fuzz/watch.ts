import { Worker } from 'node:worker_threads';
import type { FuzzInput } from './input.js';
import { SharedInput } from './shared-input.js';
import { type FuzzJob, type FuzzResult, isFuzzResult } from './worker.js';

export interface WatchedRun {
  /** undefined: the worker did not come to its end. */
  readonly result: FuzzResult | undefined;
  readonly failures: readonly string[];
  /** Where there are failures: the input that has them. */
  readonly input: FuzzInput;
}

/** Far above every limit that the checks know, which are read when an input is done. */
const HANG_MS = 30_000;
const LOOK_MS = 500;

/** Fuzzes in a worker, and ends it when it works too long on one input. */
export function watchFuzzing(job: Omit<FuzzJob, 'input'>): Promise<WatchedRun> {
  const shared = new SharedInput();
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { ...job, input: shared.buffer } satisfies FuzzJob,
  });
  return new Promise((resolve) => {
    let done = 0;
    let since = performance.now();
    let ended = false;
    const end = (result: FuzzResult | undefined, failures: readonly string[]): void => {
      if (ended) return;
      ended = true;
      clearInterval(watch);
      const input = shared.read();
      void worker.terminate().then(() => resolve({ result, failures, input }));
    };
    const watch = setInterval(() => {
      if (shared.written !== done) {
        done = shared.written;
        since = performance.now();
      } else if (performance.now() - since > HANG_MS) {
        end(undefined, [`it takes more than ${HANG_MS / 1000} s`]);
      }
    }, LOOK_MS);
    worker.once('message', (message: unknown) => {
      if (isFuzzResult(message)) end(message, message.failures);
    });
    worker.once('error', (error) => end(undefined, [`the worker ended: ${error.message}`]));
    worker.once('exit', (code) => end(undefined, [`the worker ended with ${code}`]));
  });
}
