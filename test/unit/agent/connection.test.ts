import { expect, it } from '@jest/globals';
import { Connection } from '../../../node-agent/uplink/connection.js';

function clients() {
  const opened: { readonly number: number; isClosed: boolean; close(): void }[] = [];
  const connection = new Connection(() => {
    const client = {
      number: opened.length + 1,
      isClosed: false,
      close() {
        client.isClosed = true;
      },
    };
    opened.push(client);
    return client;
  });
  return { connection, isClosed: () => opened.map((client) => client.isClosed) };
}

function stream() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { ended, end };
}

it('is shared by streams, and the former stays open until the last of its own has ended', async () => {
  const { connection, isClosed } = clients();
  const [first, second] = [stream(), stream()];
  const uses = [first, second].map(({ ended }) => connection.use(() => ended));
  connection.renew();
  expect(isClosed()).toEqual([false]);
  expect(await connection.use(async ({ number }) => number)).toBe(2);
  first.end();
  await uses[0];
  expect(isClosed()).toEqual([false, false]);
  second.end();
  await uses[1];
  expect(isClosed()).toEqual([true, false]);
  connection.renew();
  expect(isClosed()).toEqual([true, true]);
});

it('is left in good order where a stream breaks', async () => {
  const { connection, isClosed } = clients();
  await expect(connection.use(() => Promise.reject(new Error('broke')))).rejects.toThrow('broke');
  expect(isClosed()).toEqual([false]);
  connection.renew();
  expect(isClosed()).toEqual([true]);
});
