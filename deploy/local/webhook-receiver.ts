import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

export interface ReceivedMessage {
  readonly id: string;
  readonly receivedAt: Date;
  readonly body: { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
}

export interface WebhookReceiver {
  readonly url: string;
  /** Only messages whose signature is good. */
  readonly messages: readonly ReceivedMessage[];
  /** How many were refused. */
  readonly refused: number;
  /** Call before the first message: what the sender said that it signs with. */
  setSecret(secret: string): void;
  close(): Promise<void>;
}

const BODY_LIMIT_BYTES = 1024 * 1024;

/** A receiver of Standard Webhooks on loopback, for the demo and for tests. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const messages: ReceivedMessage[] = [];
  const path = `/${randomBytes(8).toString('hex')}`;
  let secret: string | undefined;
  let refused = 0;

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) {
      body += chunk;
      if (body.length > BODY_LIMIT_BYTES) break;
    }
    const header = (name: string) => String(request.headers[name] ?? '');
    try {
      if (secret === undefined || request.url !== path) throw new Error('not expected');
      const headers = {
        'webhook-id': header('webhook-id'),
        'webhook-timestamp': header('webhook-timestamp'),
        'webhook-signature': header('webhook-signature'),
      };
      const message = new Webhook(secret).verify(body, headers) as ReceivedMessage['body'];
      messages.push({ id: headers['webhook-id'], receivedAt: new Date(), body: message });
      response.writeHead(204).end();
    } catch {
      refused += 1;
      response.writeHead(400).end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the receiver has no port');
  return {
    url: `http://127.0.0.1:${address.port}${path}`,
    messages,
    get refused() {
      return refused;
    },
    setSecret(text) {
      secret = text;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
