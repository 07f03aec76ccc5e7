import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Output } from './command.js';
import { describeFileError } from './files.js';

/** An output whose reader may go away: what is written then is lost without a word. */
export interface ProcessOutput extends Output {
  /** Resolves once all is written; to why something could not be, if so. */
  flushed(): Promise<string | undefined>;
}

type Stream = Writable & { readonly isTTY?: boolean | undefined };

export function openOutput(stream: Stream): ProcessOutput {
  let error: NodeJS.ErrnoException | undefined;
  stream.on('error', (failure: NodeJS.ErrnoException) => {
    error ??= failure;
  });
  return {
    isTerminal: stream.isTTY === true,
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

/** Does the work to its end; a signal that comes meanwhile ends the process behind it. */
export async function untilDone<T>(work: () => Promise<T>): Promise<T> {
  let received: NodeJS.Signals | undefined;
  const hold = (signal: NodeJS.Signals) => {
    received ??= signal;
  };
  for (const signal of SIGNALS) process.on(signal, hold);
  try {
    return await work();
  } finally {
    // A signal that came with the last step has not been told yet.
    await setImmediate();
    for (const signal of SIGNALS) process.off(signal, hold);
    if (received !== undefined) process.kill(process.pid, received);
  }
}
