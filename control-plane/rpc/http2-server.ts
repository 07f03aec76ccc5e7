import type { Http2Server } from 'node:http2';
import type * as grpc from '@grpc/grpc-js';

/*
 * grpc-js has no public way to the HTTP/2 server of a listener, nor to its sessions. So this is the one
 * place that touches what it keeps private: the method with which it makes that server. What is done
 * with the server is Node's public interface. Looked at and left: `createConnectionInjector` takes
 * sockets, and still makes the session itself; replacing `http2.createSecureServer` would change every
 * server of the process.
 *
 * If another version renames the method, nothing breaks, but nothing is tuned either: the check at start
 * (flow-window-check.ts) would say so, and tests fail.
 */

/** Calls back with each HTTP/2 server that the gRPC server makes. To be called before it is bound. */
export function onHttp2Server(server: grpc.Server, tune: (http2Server: Http2Server) => void): void {
  const create: unknown = Reflect.get(server, 'createHttp2Server');
  if (typeof create !== 'function') return;
  Reflect.set(server, 'createHttp2Server', (...args: unknown[]): Http2Server => {
    const http2Server: Http2Server = Reflect.apply(create, server, args);
    tune(http2Server);
    return http2Server;
  });
}
