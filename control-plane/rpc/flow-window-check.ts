import { once } from 'node:events';
import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from 'node:http2';
import type { Logger } from 'pino';
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, STREAMS_MAX } from './flow-window.js';

/** What a server grants to whoever connects. */
export interface ReceiveWindow {
  readonly connectionBytes: number;
  readonly streamBytes: number;
  readonly streams: number;
}

export const EXPECTED_WINDOW: ReceiveWindow = {
  connectionBytes: CONNECTION_WINDOW_BYTES,
  streamBytes: STREAM_WINDOW_BYTES,
  streams: STREAMS_MAX,
};

const CHECK_LIMIT_MS = 5_000;

/**
 * Looks at a listener of ours as a peer does: what was asked for inside counts for nothing if it is not
 * what goes over the wire. A wrong figure costs speed and not correctness, so it is one warning.
 */
export async function checkReceiveWindow(
  url: string,
  tls: SecureClientSessionOptions,
  log: Logger,
): Promise<void> {
  try {
    const actual = await measureReceiveWindow(url, tls, AbortSignal.timeout(CHECK_LIMIT_MS));
    if (isExpected(actual)) log.debug({ actual }, 'the receive window is as it was set');
    else log.warn({ expected: EXPECTED_WINDOW, actual }, 'the receive window is not as it was set');
  } catch (error) {
    log.warn({ err: error, expected: EXPECTED_WINDOW }, 'the receive window could not be checked');
  }
}

export async function measureReceiveWindow(
  url: string,
  tls: SecureClientSessionOptions,
  signal: AbortSignal,
): Promise<ReceiveWindow> {
  const session = connect(url, tls);
  session.on('error', () => {});
  try {
    await once(session, 'connect', { signal });
    // The answer to the first may overtake WINDOW_UPDATE, which nghttp2 holds to be less urgent; that to
    // the second is asked for when both are out.
    await ping(session, signal);
    await ping(session, signal);
    const { initialWindowSize = 0, maxConcurrentStreams = 0 } = session.remoteSettings;
    return {
      connectionBytes: session.state.remoteWindowSize ?? 0,
      streamBytes: initialWindowSize,
      streams: maxConcurrentStreams,
    };
  } finally {
    session.destroy();
  }
}

function ping(session: ClientHttp2Session, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    session.ping((error) => (error ? reject(error) : resolve()));
  });
}

function isExpected(actual: ReceiveWindow): boolean {
  return (
    actual.connectionBytes === EXPECTED_WINDOW.connectionBytes &&
    actual.streamBytes === EXPECTED_WINDOW.streamBytes &&
    actual.streams === EXPECTED_WINDOW.streams
  );
}
