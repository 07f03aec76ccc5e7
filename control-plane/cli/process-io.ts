import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Output } from './command.js';
import { describeFileError } from './files.js';

/** An output whose reader may go away: what is written then is lost without a word. */
export interface ProcessOutput extends Output {
  /** Resolves once all is written; to why something could not be, if so. */
  flushed(): Promise<string | undefined>;
}

type Stream = Writable & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
};

export function openOutput(stream: Stream): ProcessOutput {
  let error: NodeJS.ErrnoException | undefined;
  stream.on('error', (failure: NodeJS.ErrnoException) => {
    error ??= failure;
  });
  return {
    isTerminal: stream.isTTY === true,
    columns: stream.isTTY === true ? stream.columns : undefined,
    write(text) {
      if (error === undefined) stream.write(text);
    },
    async flushed() {
      await new Promise<void>((resolve) => {
        stream.write('', () => resolve());
      });
      return error === undefined || error.code === 'EPIPE' ? undefined : describeFileError(error);
    },
  };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Does the work to where it may end; a signal that comes meanwhile aborts `stop`, and ends the
 * process behind the work.
 */
export async function untilDone<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  let received: NodeJS.Signals | undefined;
  const stop = new AbortController();
  const hold = (signal: NodeJS.Signals) => {
    received ??= signal;
    stop.abort();
  };
  for (const signal of SIGNALS) process.on(signal, hold);
  try {
    return await work(stop.signal);
  } finally {
    // A signal that came with the last step has not been told yet.
    await setImmediate();
    for (const signal of SIGNALS) process.off(signal, hold);
    if (received !== undefined) process.kill(process.pid, received);
  }
}
