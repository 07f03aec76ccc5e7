import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import {
  CONNECTION_WINDOW_BYTES,
  FLOW_OPTIONS,
  STREAMS_MAX,
  widenReceiveWindow,
} from '../../../control-plane/rpc/flow-window.js';
import {
  checkReceiveWindow,
  EXPECTED_WINDOW,
  measureReceiveWindow,
} from '../../../control-plane/rpc/flow-window-check.js';
import { eventually } from '../../support/eventually.js';

const bytes = (value: Buffer) => value;
const UPLOAD: grpc.MethodDefinition<Buffer, Buffer> = {
  path: '/test/Upload',
  requestStream: true,
  responseStream: true,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

let server: grpc.Server | undefined;
let session: ClientHttp2Session | undefined;
let open = 0;

beforeEach(() => {
  open = 0;
});

afterEach(() => {
  session?.destroy();
  server?.forceShutdown();
});

/** A server whose handler reads nothing, and where it is. */
async function startServer({ isWide }: { isWide: boolean }): Promise<string> {
  server = new grpc.Server(FLOW_OPTIONS);
  if (isWide) widenReceiveWindow(server);
  const handler: grpc.handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    open += 1;
    call.on('error', () => {});
  };
  server.addService({ Upload: UPLOAD }, { Upload: handler });
  const credentials = grpc.ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server?.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return `http://127.0.0.1:${port}`;
}

/** A peer that keeps to HTTP/2 and to nothing else: so many streams, each with more than fits. */
async function flood(url: string, streams: number): Promise<ClientHttp2Session> {
  const peer = connect(url);
  session = peer;
  await once(peer, 'connect');
  await answered(peer);
  const message = Buffer.alloc(5 + CONNECTION_WINDOW_BYTES);
  message.writeUInt32BE(64 * 1024, 1);
  for (let i = 0; i < streams; i += 1) {
    const stream = peer.request({
      ':method': 'POST',
      ':path': UPLOAD.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    // Messages of 64 KiB: one that is not whole yet would be read whether the handler reads or not.
    for (let at = 0; at < CONNECTION_WINDOW_BYTES; at += 64 * 1024) {
      stream.write(message.subarray(0, 5 + 64 * 1024));
    }
  }
  return peer;
}

function answered(peer: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    peer.ping((error) => (error ? reject(error) : resolve()));
  });
}

describe('the receive window', () => {
  it('is 64 KiB as grpc-js makes a server: where this changes, ours can go', async () => {
    const url = await startServer({ isWide: false });
    const actual = await measureReceiveWindow(url, {}, AbortSignal.timeout(10_000));
    expect(actual).toEqual({ connectionBytes: 65_535, streamBytes: 65_535, streams: STREAMS_MAX });
  });

  it('is as wide as was asked for, on the wire', async () => {
    const url = await startServer({ isWide: true });
    const actual = await measureReceiveWindow(url, {}, AbortSignal.timeout(10_000));
    expect(actual).toEqual(EXPECTED_WINDOW);
  });

  it('is all that a connection makes us hold which nobody reads', async () => {
    const url = await startServer({ isWide: true });
    const peer = await flood(url, STREAMS_MAX * 4);
    const sent = () => peer.socket.bytesWritten;
    await eventually(() => expect(sent()).toBeGreaterThanOrEqual(CONNECTION_WINDOW_BYTES));
    // Whatever the server would still grant stands before its answers.
    for (let i = 0; i < 5; i += 1) await answered(peer);
    expect(sent()).toBeLessThan(CONNECTION_WINDOW_BYTES * 1.02);
    expect(open).toBe(STREAMS_MAX);
  });
});

describe('the check at start', () => {
  const linesOf = async (url: string) => {
    const lines: Record<string, unknown>[] = [];
    const log = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
    await checkReceiveWindow(url, {}, log);
    return lines;
  };

  it('warns once, with the figures', async () => {
    const lines = await linesOf(await startServer({ isWide: false }));
    const actual = { connectionBytes: 65_535, streamBytes: 65_535, streams: STREAMS_MAX };
    expect(lines).toEqual([
      expect.objectContaining({ level: 40, expected: EXPECTED_WINDOW, actual }),
    ]);
  });

  it('says nothing where all is well, and does not die where nobody listens', async () => {
    const url = await startServer({ isWide: true });
    expect(await linesOf(url)).toEqual([]);
    server?.forceShutdown();
    expect(await linesOf('http://127.0.0.1:1')).toEqual([
      expect.objectContaining({ level: 40, expected: EXPECTED_WINDOW }),
    ]);
  });
});
