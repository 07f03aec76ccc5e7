import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import {
  openWebhookSender,
  retryAfterToMs,
  type WebhookSender,
} from '../../../control-plane/sinks/webhook.js';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const never = new AbortController().signal;

describe('the webhook sender', () => {
  let server: Server;
  let url: string;
  let answer: { status: number; headers?: Record<string, string> };
  let received: { headers: IncomingHttpHeaders; body: string }[];
  const senders: WebhookSender[] = [];

  const makeSender = (allowPrivateAddresses: boolean) => {
    const sender = openWebhookSender({ allowPrivateAddresses });
    senders.push(sender);
    return sender;
  };
  const message = (target = url) => ({ id: 'msg_1', url: target, secret, body: '{"a":1}' });

  beforeEach(async () => {
    answer = { status: 204 };
    received = [];
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      received.push({ headers: request.headers, body });
      response.writeHead(answer.status, answer.headers).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  });

  afterEach(async () => {
    await Promise.all(senders.splice(0).map((sender) => sender.close()));
    server.close();
    server.closeAllConnections();
  });

  it('signs what it sends as Standard Webhooks says', async () => {
    const result = await makeSender(true).send(message(), new Date(), never);
    expect(result).toEqual({ outcome: 'delivered', status: 204 });
    const [{ headers, body } = { headers: {}, body: '' }] = received;
    const signed = {
      'webhook-id': String(headers['webhook-id']),
      'webhook-timestamp': String(headers['webhook-timestamp']),
      'webhook-signature': String(headers['webhook-signature']),
    };
    expect(new Webhook(secret).verify(body, signed)).toEqual({ a: 1 });
    expect(() => new Webhook(secret).verify(`${body} `, signed)).toThrow();
  });

  it('asks for another try on an error, as late as the receiver wants it', async () => {
    answer = { status: 503, headers: { 'retry-after': '120' } };
    expect(await makeSender(true).send(message(), new Date(), never)).toEqual({
      outcome: 'retry',
      error: 'the receiver answered 503',
      retryAfterMs: 120_000,
    });
  });

  it('does not follow a redirect', async () => {
    answer = { status: 302, headers: { location: url } };
    expect(await makeSender(true).send(message(), new Date(), never)).toMatchObject({
      outcome: 'retry',
    });
    expect(received).toHaveLength(1);
  });

  it('gives up where the receiver is gone for good', async () => {
    answer = { status: 410 };
    expect(await makeSender(true).send(message(), new Date(), never)).toMatchObject({
      outcome: 'dead',
    });
  });

  it('asks for another try where nobody listens', async () => {
    server.close();
    await once(server, 'close');
    expect(await makeSender(true).send(message(), new Date(), never)).toMatchObject({
      outcome: 'retry',
    });
  });

  it.each(['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]'])(
    'does not reach loopback by way of %s',
    async (host) => {
      const target = url.replace('127.0.0.1', host);
      const result = await makeSender(false).send(message(target), new Date(), never);
      expect(result).toMatchObject({
        outcome: 'dead',
        error: expect.stringContaining('not a public one'),
      });
      expect(received).toEqual([]);
    },
  );
});

describe('retryAfterToMs', () => {
  const now = new Date('2026-01-01T00:00:00Z');

  it.each([
    [undefined, undefined],
    ['5', 5000],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['999999', 3_600_000],
    ['soon', undefined],
  ])('%s', (value, expected) => {
    expect(retryAfterToMs(value, now)).toBe(expected);
  });
});
