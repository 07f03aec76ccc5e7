import type { Writable } from 'node:stream';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

const DEADLINE_MS = 30_000;

/**
 * Writes a large message and waits until it has left this process. After a cancel `write` never calls
 * back: so it is raced with the call's end and a deadline.
 * @throws BulkheadError UNAVAILABLE where the peer does not read in time
 */
export async function written<Message>(
  call: Writable & {
    write(message: Message, callback: (error?: Error | null) => void): boolean;
  },
  message: Message,
  signal: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const done = (error?: unknown) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    };
    const onAbort = () => done(signal.reason);
    const late = () => done(new BulkheadError('UNAVAILABLE', 'the peer does not read'));
    const timer = setTimeout(late, DEADLINE_MS);
    signal.addEventListener('abort', onAbort);
    call.write(message, done);
  });
}
