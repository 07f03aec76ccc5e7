import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A wire that can be long, and can be cut one way: what is sent arrives, what is answered does not. */
export interface TcpProxy {
  readonly port: number;
  /** What went on to the server, over all connections. */
  readonly bytesSent: number;
  /** From now on nothing of the server's reaches the client. */
  withholdAnswers(): void;
  /** Ends every connection, with what was withheld on it; new ones work. */
  restore(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(
  targetPort: number,
  /** Each way takes half of `roundTripMs`. A long wire takes in all it is given. */
  { roundTripMs = 0 }: { readonly roundTripMs?: number } = {},
): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let withheld = false;
  let bytesSent = 0;
  const afterTheWay = (arrive: () => void) => {
    // Timers of one length fire in the order in which they were set.
    if (roundTripMs > 0) setTimeout(arrive, roundTripMs / 2);
    else arrive();
  };

  const listener = createServer((client) => {
    const server = connect(targetPort, '127.0.0.1');
    const pair = { client, server };
    pairs.add(pair);
    client.on('data', (chunk) => {
      afterTheWay(() => {
        bytesSent += chunk.byteLength;
        if (!server.destroyed) server.write(chunk);
      });
    });
    client.on('end', () => afterTheWay(() => server.end()));
    server.on('data', (chunk) => {
      afterTheWay(() => {
        if (!withheld && !client.destroyed) client.write(chunk);
      });
    });
    for (const socket of [client, server]) {
      socket.on('error', () => {});
      socket.once('close', () => {
        pairs.delete(pair);
        client.destroy();
        server.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');

  const cut = () => {
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
  };
  return {
    port: address.port,
    get bytesSent() {
      return bytesSent;
    },
    withholdAnswers: () => {
      withheld = true;
    },
    restore: () => {
      withheld = false;
      cut();
    },
    async close() {
      listener.close();
      cut();
      await once(listener, 'close');
    },
  };
}
