import type { Http2Server } from 'node:http2';
import type { ListenOptions } from 'node:net';
import type * as grpc from '@grpc/grpc-js';
import { onHttp2Server } from './http2-server.js';

/**
 * Connections that wait to be accepted. With Node's 511, of 1500 agents that come at once some hundred
 * are reset or wait for TCP to try again; so many are served in some 12 s, while an agent waits for 20.
 * Linux takes at most net.core.somaxconn, which is 4096 too.
 */
export const BACKLOG = 4096;

/** To be called before the server is bound. */
export function deepenBacklog(server: grpc.Server): void {
  onHttp2Server(server, (http2Server: Http2Server) => {
    const listen = http2Server.listen.bind(http2Server);
    Reflect.set(http2Server, 'listen', (options: ListenOptions, onListening: () => void) =>
      listen({ ...options, backlog: BACKLOG }, onListening),
    );
  });
}
