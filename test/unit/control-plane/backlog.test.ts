import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as grpc from '@grpc/grpc-js';
import { expect, it } from '@jest/globals';
import { BACKLOG, deepenBacklog } from '../../../control-plane/rpc/backlog.js';

/** More than Node lets wait by itself. */
const CONNECTIONS = 1000;

/** Prints how many of so many connections came about; ends when all did, or after some seconds. */
const CONNECT = `
  const { connect } = require('node:net');
  const [port, count] = process.argv.slice(1).map(Number);
  let connected = 0;
  const done = () => { console.log(connected); process.exit(); };
  setTimeout(done, 5000);
  for (let at = 0; at < count; at += 1) {
    connect(port, '127.0.0.1', () => { connected += 1; if (connected === count) done(); });
  }`;

it('a server lets more connections wait than Node does by itself', async () => {
  const server = new grpc.Server();
  deepenBacklog(server);
  const insecure = grpc.ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', insecure, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  try {
    const most = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
    const count = Math.min(CONNECTIONS, BACKLOG, most);
    // Synchronous: meanwhile this process accepts nobody.
    const args = ['-e', CONNECT, String(port), String(count)];
    expect(Number(execFileSync(process.execPath, args))).toBe(count);
  } finally {
    server.forceShutdown();
  }
});
