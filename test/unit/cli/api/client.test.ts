import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../../../../control-plane/cli/api/client.js';
import { RefusedError, UnreachableError } from '../../../../control-plane/cli/api/refusal.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const KEY = 'bkh_ak_test';
let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Gives one answer after the other, the last one again and again; tells what was asked. */
async function serve(...answers: Answer[]) {
  const asked: { method?: string; url?: string; key?: string; authorization?: string }[] = [];
  server = createServer((request, response) => {
    const { method, url, headers } = request;
    const key = headers['idempotency-key'];
    asked.push({
      ...(method && { method }),
      ...(url && { url }),
      ...(typeof key === 'string' && { key }),
      ...(headers.authorization && { authorization: headers.authorization }),
    });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const retries: string[] = [];
  const connect = (timeoutMs: number) =>
    new ApiClient(
      { server: `http://127.0.0.1:${port}`, apiKey: KEY, ca: undefined },
      { timeoutMs, onRetry: (why) => retries.push(why) },
    );
  return { asked, retries, connect };
}

const json =
  (value: unknown): Answer =>
  (_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(value));
  };
const refuse =
  (status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers);
    const more = { nextStep: 'wait', requestId: 'r1' };
    response.end(JSON.stringify({ status, code, detail: 'not now', ...more }));
  };
const drop: Answer = (request) => request.socket.destroy();

/** What the call fails with. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('ApiClient', () => {
  it('sends the key, and gives what is answered', async () => {
    const { asked, connect } = await serve(json({ a: 1 }));
    expect(await connect(10_000).get('/v1/x', { a: 'b c', none: undefined })).toEqual({ a: 1 });
    expect(asked).toEqual([{ method: 'GET', url: '/v1/x?a=b+c', authorization: `Bearer ${KEY}` }]);
  });

  it('repeats a call that makes something under one key', async () => {
    const { asked, retries, connect } = await serve(refuse(503, 'UNAVAILABLE'), drop, json({}));
    const call = { method: 'POST', path: '/v1/x', body: {} } as const;
    await connect(30_000).call(call);
    expect(asked.length).toBe(3);
    expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
    expect(asked[0]?.key).toMatch(/^[0-9a-f-]{36}$/);
    expect(retries.length).toBe(2);
  });

  it('makes a new key for each call', async () => {
    const { asked, connect } = await serve(json({}));
    const client = connect(10_000);
    await client.call({ method: 'POST', path: '/v1/x', body: {} });
    await client.call({ method: 'POST', path: '/v1/x', body: {} });
    expect(new Set(asked.map(({ key }) => key)).size).toBe(2);
  });

  it.each([
    ['PATCH', refuse(503, 'UNAVAILABLE')],
    ['DELETE', refuse(503, 'UNAVAILABLE')],
    ['DELETE', drop],
    ['GET', refuse(404, 'NOT_FOUND')],
    ['POST', refuse(500, 'INTERNAL')],
  ] as const)(
    'does not repeat %s where it may be done, or is refused for good',
    async (method, answer) => {
      const { asked, connect } = await serve(answer);
      expect(await failureOf(connect(10_000).call({ method, path: '/v1/x' }))).toBeDefined();
      expect(asked.length).toBe(1);
    },
  );

  it('repeats whatever is refused before it began', async () => {
    const { asked, connect } = await serve(refuse(429, 'RESOURCE_EXHAUSTED'), json({ done: true }));
    expect(await connect(30_000).call({ method: 'DELETE', path: '/v1/x' })).toEqual({ done: true });
    expect(asked.length).toBe(2);
  });

  it('waits as long as it is told, and not at all where that is too long', async () => {
    const told = refuse(503, 'UNAVAILABLE', { 'retry-after': '1' });
    const patient = await serve(told, json({}));
    const start = Date.now();
    await patient.connect(30_000).get('/v1/x');
    expect(Date.now() - start).toBeGreaterThanOrEqual(1000);
    server?.close();
    const long = await serve(refuse(503, 'UNAVAILABLE', { 'retry-after': '60' }));
    expect(await failureOf(long.connect(30_000).get('/v1/x'))).toBeInstanceOf(RefusedError);
    expect(long.asked.length).toBe(1);
  });

  it('tells why it was refused', async () => {
    const { connect } = await serve(refuse(409, 'CONFLICT'));
    const error = await failureOf(connect(10_000).get('/v1/x'));
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({
      exit: 4,
      lines: ['CONFLICT: not now', 'next: wait', 'request r1'],
    });
  });

  it('gives up after its time', async () => {
    const { connect } = await serve(() => {});
    const error = await failureOf(connect(200).get('/v1/x'));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ exit: 5, message: expect.stringContaining('no answer in time') });
  });

  it('follows no redirect, and takes no stranger for a control plane', async () => {
    const elsewhere = await serve((_request, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    });
    const redirected = await failureOf(elsewhere.connect(10_000).get('/v1/x'));
    expect(redirected).toMatchObject({
      exit: 5,
      message: expect.stringContaining('(HTTP 302, which leads to http://127.0.0.1:1/)'),
    });
    expect(elsewhere.asked.length).toBe(1);
    server?.close();
    const page = await serve((_request, response) => response.end('<html>'));
    expect(await failureOf(page.connect(10_000).get('/v1/x'))).toBeInstanceOf(UnreachableError);
  });

  it('goes through pages up to a limit', async () => {
    const page = (from: number, count: number, nextCursor?: string) =>
      json({ items: Array.from({ length: count }, (_, at) => ({ id: from + at })), nextCursor });
    const { asked, connect } = await serve(page(0, 200, 'c1'), page(200, 50, 'c2'));
    const { items, nextCursor } = await connect(10_000).list('/v1/x', { a: '1' }, 250);
    expect(items.length).toBe(250);
    expect(nextCursor).toBe('c2');
    expect(asked.map(({ url }) => url)).toEqual([
      '/v1/x?a=1&limit=200',
      '/v1/x?a=1&limit=50&after=c1',
    ]);
  });

  it('does not go on behind a page with nothing on it, and takes only objects', async () => {
    const { asked, connect } = await serve(
      json({ items: [null, 1, { id: 1 }], nextCursor: 'c' }),
      json({ items: [], nextCursor: 'd' }),
    );
    const { items, nextCursor } = await connect(10_000).list('/v1/x', {}, 100);
    expect(items).toEqual([{ id: 1 }]);
    expect(nextCursor).toBeUndefined();
    expect(asked.length).toBe(2);
  });

  it('gives up on an answer that does not end', async () => {
    const { connect } = await serve((_request, response) => {
      response.write('{');
    });
    expect(await failureOf(connect(300).get('/v1/x'))).toMatchObject({
      exit: 5,
      message: expect.stringContaining('no answer in time'),
    });
  });

  it('says that nobody listens', async () => {
    const { connect } = await serve(json({}));
    const client = connect(1000);
    server?.close();
    server?.closeAllConnections();
    expect(await failureOf(client.get('/v1/x'))).toMatchObject({
      exit: 5,
      message: expect.stringContaining('nobody listens there'),
    });
  });
});
