import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { BulkheadError } from './errors.js';

const SEND_DEADLINE_MS = 30_000;

/**
 * Writes one message and waits while the stream is full. `write` buffers without end and, after a
 * cancel, neither calls back nor drains: so it is raced with the call's end and a deadline.
 * @throws BulkheadError UNAVAILABLE where the peer does not read in time
 */
export async function send<Message>(
  call: Writable & { write(message: Message): boolean },
  message: Message,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (call.write(message)) return;
  const deadline = AbortSignal.timeout(SEND_DEADLINE_MS);
  try {
    await once(call, 'drain', { signal: AbortSignal.any([signal, deadline]) });
  } catch (cause) {
    if (!deadline.aborted || signal.aborted) throw cause;
    throw new BulkheadError('UNAVAILABLE', 'the peer does not read', { cause });
  }
}
