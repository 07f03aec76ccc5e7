import type { ServerHttp2Session } from 'node:http2';
import type * as grpc from '@grpc/grpc-js';
import { onHttp2Server } from './http2-server.js';

/*
 * How much a peer may send before we have answered. HTTP/2 begins with 64 KiB, so that an upload is
 * bound to 64 KiB per round trip: 0.65 MB/s at 100 ms, whatever the line could carry. A grpc-js client
 * has an option for it (`grpc-node.flow_control_window`); a server has none (looked for in 1.14.7:
 * transport.js reads it, server.js does not). Settings slipped in through the credentials change the
 * window of a stream but not the one of a connection.
 *
 * Memory: Node opens the window of a connection again as soon as bytes arrive, read or not (node_http2.cc,
 * OnDataChunkReceived), and only that of a stream when they are read. A handler that does not read is
 * therefore bounded by its stream's window alone, and a connection by that times its streams: which is
 * why their number is limited, and why one window is the product of the other two.
 */

/** An agent has two streams and now and then a renewal; one to spare. */
export const STREAMS_MAX = 4;
/** On one stream; 20 MB/s at 50 ms. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
/** Over all streams of a connection: what a peer can make us hold that nobody reads. */
export const CONNECTION_WINDOW_BYTES = STREAMS_MAX * STREAM_WINDOW_BYTES;

/** Goes into the options of the server that is widened: public, unlike the rest. */
export const FLOW_OPTIONS = { 'grpc.max_concurrent_streams': STREAMS_MAX } as const;

/** Widens every connection that the server will accept. To be called before it is bound. */
export function widenReceiveWindow(server: grpc.Server): void {
  onHttp2Server(server, (http2Server) => {
    http2Server.on('session', widen);
  });
}

function widen(session: ServerHttp2Session): void {
  if (session.destroyed) return;
  session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  session.settings({ initialWindowSize: STREAM_WINDOW_BYTES });
}
