import { constants, type ServerHttp2Session } from 'node:http2';
import type * as grpc from '@grpc/grpc-js';
import { onHttp2Server } from './http2-server.js';

/** An agent's heartbeats come every 36 to 45 s, its pings every 120 s. */
export const SILENCE_MAX_MS = 80_000;

/** Goes into the options of the server whose connections are watched here. */
export const CONNECTION_OPTIONS = {
  // Records about each connection, call and message, which nobody reads. Without them
  // forceShutdown of 1.14.7 forgets the connections that are open: hence destroy().
  'grpc.enable_channelz': 0,
} as const;

/**
 * Node keeps a few bytes of each TLS connection, cut from a slab that small buffers share, 8 KiB by default:
 * so each slab lives as long as a connection. With 512 bytes, 3.6 KiB an agent less.
 */
const SLAB_BYTES = 1024;

/** The connections of a server that are open. */
export class Connections {
  readonly #open = new Set<ServerHttp2Session>();

  /**
   * To be called before the server is bound. Ends connections from which nothing came for `silenceMaxMs`:
   * whoever was there has gone. Not gRPC's keepalive (`grpc.keepalive_time_ms`): 10 000 agents send
   * 330 heartbeats and pings a second anyhow, and the server's own would be 170 more, each with its answer.
   */
  watch(server: grpc.Server, silenceMaxMs: number): void {
    Buffer.poolSize = SLAB_BYTES;
    onHttp2Server(server, (http2Server) => {
      http2Server.on('session', (session: ServerHttp2Session) => {
        this.#open.add(session);
        session.on('close', () => this.#open.delete(session));
        session.setTimeout(silenceMaxMs, () => session.destroy());
      });
    });
  }

  /** Ends all that is open, whatever is under way. */
  destroy(): void {
    for (const session of this.#open) session.destroy(undefined, constants.NGHTTP2_CANCEL);
  }
}
