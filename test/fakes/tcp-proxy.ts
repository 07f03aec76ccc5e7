import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A wire that can be cut one way: what is sent arrives, what is answered does not. */
export interface TcpProxy {
  readonly port: number;
  /** From now on nothing of the server's reaches the client. */
  withholdAnswers(): void;
  /** Ends every connection, with what was withheld on it; new ones work. */
  restore(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let withheld = false;

  const listener = createServer((client) => {
    const server = connect(targetPort, '127.0.0.1');
    const pair = { client, server };
    pairs.add(pair);
    client.pipe(server);
    server.on('data', (chunk) => {
      if (!withheld) client.write(chunk);
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
