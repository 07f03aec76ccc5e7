import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, request, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createCertificateAuthority,
  issueServerCertificate,
  loadCertificateAuthority,
} from '../../control-plane/domain/certificates.js';
import { pemFromDer } from '../../proto/ts/wire/pem.js';
import { createTestCliApi, type TestCliApi } from '../support/cli-api.js';
import { eventually } from '../support/eventually.js';
import { ROOT } from '../support/root.js';

const MAIN = join(ROOT, 'dist/control-plane/cli/main.js');

let cli: TestCliApi;
let gate: Gate;
let children: ChildProcess[];
beforeEach(async () => {
  cli = await createTestCliApi();
  gate = await openGate(cli.server);
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  gate?.close();
  await cli?.close();
});

/** Stands before the API, and can keep back the calls that make something. */
interface Gate {
  readonly url: string;
  /** So many POSTs pass; the others wait, their answers among it. */
  passing: number;
  readonly waiting: number;
  release(): void;
  close(): void;
}

async function openGate(to: string): Promise<Gate> {
  const held: (() => void)[] = [];
  let passed = 0;
  const server: Server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const forward = () => {
      const onward = request(`${to}${url}`, { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(onward);
    };
    if (method !== 'POST') return forward();
    passed += 1;
    if (passed <= gateOf.passing) return forward();
    held.push(forward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateOf: Gate = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passing: Number.POSITIVE_INFINITY,
    get waiting() {
      return held.length;
    },
    release() {
      gateOf.passing = Number.POSITIVE_INFINITY;
      for (const forward of held.splice(0)) forward();
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
  return gateOf;
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** The program as it is installed. */
function start(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: cli.work.folder,
    env: {
      PATH: process.env.PATH,
      HOME: cli.work.folder,
      BULKHEAD_SERVER: gate.url,
      BULKHEAD_API_KEY: cli.key,
      ...more,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const written = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written.err += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, ...written }));
  });
  return { child, ended, err: () => written.err };
}

const cluster = (name: string) =>
  `apiVersion: bulkhead.io/v1\nkind: Cluster\nmetadata: {name: ${name}}\nspec: {}\n`;

describe('bulkhead as a process, against a control plane', () => {
  it('tells by its exit code how it went', async () => {
    const codes = await Promise.all([
      start(['tenant', 'show']).ended,
      start(['cluster', 'get', 'none']).ended,
      start(['cluster', 'lst']).ended,
      start(['tenant', 'show'], { BULKHEAD_SERVER: 'http://127.0.0.1:1' }).ended,
      start(['diff', '-f', 'gone.yaml']).ended,
    ]);
    expect(codes.map(({ code }) => code)).toEqual([0, 4, 2, 5, 3]);
    for (const { out, err } of codes) expect(out + err).not.toMatch(/bkh_ak_|^ {4}at /m);
  });

  it('waits for the step under way at Ctrl-C, tells what was done, and can go on', async () => {
    cli.work.write('all.yaml', ['a', 'b', 'c'].map(cluster).join('---\n'));
    gate.passing = 1;
    const { child, ended, err } = start(['apply', '-f', 'all.yaml', '--yes']);
    await eventually(() => expect(gate.waiting).toBe(1));
    child.kill('SIGINT');
    await eventually(() => expect(err()).toContain('it ends behind the step that is under way'));
    gate.release();
    const { signal, out, err: told } = await ended;
    expect(signal).toBe('SIGINT');
    expect(out).toMatch(/\ncreated Cluster a\ncreated Cluster b\n$/);
    expect(told).toContain('bulkhead: interrupted\n');
    expect(told).toContain('bulkhead: 2 steps done; not done: Cluster c\n');
    expect((await cli.run(['cluster', 'get', 'c'])).code).toBe(4);
    const again = await start(['apply', '-f', 'all.yaml', '--yes']).ended;
    expect(again).toMatchObject({ code: 0, signal: null });
    expect(again.out).toMatch(/plan: 1 to create, .*, 2 unchanged\ncreated Cluster c\n$/);
  });

  it('ends at once at a signal while it only reads', async () => {
    const stuck = createServer(() => {});
    await new Promise<void>((resolve) => stuck.listen(0, '127.0.0.1', resolve));
    const asked = new Promise((resolve) => stuck.once('request', resolve));
    const { port } = stuck.address() as AddressInfo;
    const BULKHEAD_SERVER = `http://127.0.0.1:${port}`;
    const { child, ended } = start(['node', 'list'], { BULKHEAD_SERVER });
    await asked;
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ signal: 'SIGINT' });
    stuck.closeAllConnections();
    stuck.close();
  });

  it('reads a key at a terminal without showing it', async () => {
    const line = `"${process.execPath}" "${MAIN}" login --server ${gate.url} --context here`;
    const child = spawn('script', ['-qec', line, '/dev/null'], {
      cwd: cli.work.folder,
      env: { PATH: process.env.PATH, HOME: cli.work.folder, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    let shown = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    const code = new Promise((resolve) => child.on('close', resolve));
    await eventually(() => expect(shown).toContain(`API key for ${gate.url}: `));
    child.stdin.write(`${cli.key}\r`);
    expect(await code).toBe(0);
    expect(shown).toContain('the current context is here');
    expect(shown).not.toContain('bkh_ak_');
  });

  it('trusts the authority that it is given, and no other', async () => {
    const now = new Date();
    const { certificateDer, privateKeyDer } = await createCertificateAuthority('test', now);
    const authority = await loadCertificateAuthority(certificateDer, privateKeyDer);
    const issued = await issueServerCertificate(authority, ['localhost'], now);
    const api = new URL(cli.server);
    const server = createTlsServer(
      {
        cert: pemFromDer('CERTIFICATE', issued.der),
        key: pemFromDer('PRIVATE KEY', issued.privateKeyDer),
      },
      (incoming, outgoing) => {
        const { url, headers } = incoming;
        request(new URL(url ?? '', api), { headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(outgoing);
        }).end();
      },
    );
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const BULKHEAD_SERVER = `https://localhost:${(server.address() as AddressInfo).port}`;
    cli.work.write('ca.pem', pemFromDer('CERTIFICATE', certificateDer));
    const show = ['tenant', 'show', '-o', 'name'];
    const stranger = await start(show, { BULKHEAD_SERVER }).ended;
    expect(stranger.code).toBe(5);
    expect(stranger.err).toContain('its certificate is not trusted');
    const option = await start([...show, '--ca-file', 'ca.pem'], { BULKHEAD_SERVER }).ended;
    expect(option).toMatchObject({ code: 0, err: '' });
    const BULKHEAD_CA_FILE = cli.work.path('ca.pem');
    expect((await start(show, { BULKHEAD_SERVER, BULKHEAD_CA_FILE }).ended).code).toBe(0);
    const none = await start([...show, '--ca-file', 'none.pem'], { BULKHEAD_SERVER }).ended;
    expect(none.code).toBe(3);
    server.close();
  });
});
