import { once } from 'node:events';
import type postgres from 'postgres';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { toStoreError } from './errors.js';

export interface Subscription {
  close(): Promise<void>;
}

/** A client of one connection; `onClose` is called when it closes, `onNotify` per notification. */
export type ConnectListener = (handlers: {
  readonly onClose: () => void;
  readonly onNotify: (channel: string, payload: string) => void;
}) => postgres.Sql;

const BACKOFF = { initialMs: 100, maxMs: 10_000 };

/**
 * One connection that listens, made anew for as long as it takes. Not postgres.js's own `listen`:
 * that gives up where the server is not back at once, and says so to nobody.
 * @throws BulkheadError UNAVAILABLE where the first connection fails
 */
export async function subscribe(
  connect: ConnectListener,
  channel: string,
  onNotify: (payload: string) => void,
): Promise<Subscription> {
  const closing = new AbortController();
  let current = await openListener(connect, channel, onNotify);
  const relisten = async () => {
    for (let failures = 0; ; ) {
      await Promise.race([current.closed, aborted(closing.signal)]);
      await current.client.end({ timeout: 0 });
      if (closing.signal.aborted) return;
      try {
        current = await openListener(connect, channel, onNotify);
        failures = 0;
      } catch {
        // The poll beside every wake-up carries on meanwhile.
        await sleep(backoffMs(failures, BACKOFF), closing.signal);
        failures += 1;
      }
    }
  };
  const running = relisten();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

interface Listener {
  readonly client: postgres.Sql;
  readonly closed: Promise<void>;
}

async function openListener(
  connect: ConnectListener,
  channel: string,
  onNotify: (payload: string) => void,
): Promise<Listener> {
  let onClose = () => {};
  const closed = new Promise<void>((resolve) => {
    onClose = resolve;
  });
  const client = connect({
    onClose,
    onNotify: (from, payload) => {
      if (from === channel) onNotify(payload);
    },
  });
  try {
    await client.unsafe(`listen "${channel}"`);
  } catch (error) {
    await client.end({ timeout: 0 });
    throw toStoreError(error);
  }
  // Whoever notified before this has not been heard.
  onNotify('');
  return { client, closed };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
