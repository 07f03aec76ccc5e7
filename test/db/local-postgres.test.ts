import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import postgres from 'postgres';
import { CHANNELS, openDatabase } from '../../control-plane/store/database.js';
import { migrate } from '../../control-plane/store/migrate.js';
import { type LocalPostgres, startPostgres } from '../../deploy/local/postgres.js';
import { freePort } from '../../deploy/local/processes.js';
import { eventually } from '../support/eventually.js';

const MODULE = fileURLToPath(new URL('../../dist/deploy/local/postgres.js', import.meta.url));
/** Only root mounts; and a checkout there would not be seen behind the test's own /mnt. */
const onRootOutsideMnt = process.getuid?.() === 0 && !MODULE.startsWith('/mnt/') ? it : it.skip;

let directory = '';
let running: LocalPostgres[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-postgres-'));
  running = [];
});

afterEach(async () => {
  for (const server of running) await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function start(port?: number): Promise<LocalPostgres> {
  const server = await startPostgres({ dataDirectory: directory, log: () => {}, port });
  running.push(server);
  return server;
}

async function ask<T>(url: string, fn: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await fn(sql);
  } finally {
    await sql.end();
  }
}

const isAlive = (pid: number) => existsSync(`/proc/${pid}`);

async function gone(pid: number): Promise<void> {
  await eventually(() => expect(isAlive(pid)).toBe(false));
}

describe('the embedded Postgres', () => {
  it('keeps its data and its password over a restart', async () => {
    const first = await start();
    await ask(first.url, (sql) => sql`create table kept as select 42 as answer`);
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    const second = await start();
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
    expect(await ask(second.url, (sql) => sql`select answer from kept`)).toEqual([{ answer: 42 }]);
  });

  it('asks for the password, which only the owner of the folder can read', async () => {
    const { url } = await start();
    expect(statSync(join(directory, 'password')).mode & 0o777).toBe(0o600);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await expect(ask(wrong.href, (sql) => sql`select 1`)).rejects.toMatchObject({ code: '28P01' });
  });

  it('listens on 127.0.0.1 only and makes no socket file', async () => {
    const { url } = await start();
    const [row] = await ask(
      url,
      (sql) => sql`
        select current_setting('listen_addresses') as addresses,
          current_setting('unix_socket_directories') as sockets`,
    );
    expect(row).toEqual({ addresses: '127.0.0.1', sockets: '' });
  });

  it('runs below a folder that only its owner may enter, and mounts nothing outside', async () => {
    chmodSync(directory, 0o700);
    mkdirSync(join(directory, 'deep'), { mode: 0o700 });
    directory = join(directory, 'deep');
    try {
      const { url } = await start();
      expect(await ask(url, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
      const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
      expect(mounts).not.toContain('/mnt/postgres');
      expect(mounts).not.toContain(directory);
      for (const server of running.splice(0)) await server.stop();
    } finally {
      directory = join(directory, '..');
    }
  });

  onRootOutsideMnt('runs below /mnt, where it mounts elsewhere', async () => {
    const script = `
      const { startPostgres } = await import(${JSON.stringify(MODULE)});
      const server = await startPostgres({ dataDirectory: '/mnt/closed', log: () => {} });
      await server.stop();`;
    // A /mnt of its own, which ends with the process.
    const prepare = 'mount --bind "$1" /mnt; mkdir -m 700 /mnt/closed; shift; exec "$@"';
    const child = spawn(
      'unshare',
      [
        ...['--mount', '--propagation=private', 'sh', '-ec', prepare, 'sh', directory],
        ...[process.execPath, '--input-type=module', '-e', script],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(readdirSync(join(directory, 'closed/server'))).toEqual(['data']);
  });

  it('does not run as root, and with no capability', async () => {
    const { pid } = await start();
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status).not.toMatch(/^Uid:.*\b0\b/m);
    expect(status).toMatch(/^CapEff:\s0+$/m);
    if (process.getuid?.() === 0) expect(status).toMatch(/^CapBnd:\s0+$/m);
  });

  it('says in one line that another one has the data', async () => {
    await start();
    const second = startPostgres({ dataDirectory: directory, log: () => {} });
    await expect(second).rejects.toThrow(
      /^another Postgres \(process \d+\) uses .*: stop it first$/,
    );
  });

  it('says in one line that the port is taken', async () => {
    const first = await start();
    const other = mkdtempSync(join(tmpdir(), 'bulkhead-postgres-'));
    try {
      const port = Number(new URL(first.url).port);
      const second = startPostgres({ dataDirectory: other, log: () => {}, port });
      await expect(second).rejects.toThrow(/^Postgres did not start: could not /);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  it('starts after a crash whose lock file names a process of somebody else by now', async () => {
    const first = await start();
    await ask(first.url, (sql) => sql`create table kept as select 1 as one`);
    const data = join(directory, 'server/data');
    const lock = readFileSync(join(data, 'postmaster.pid'), 'utf8');
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    writeFileSync(join(data, 'postmaster.pid'), lock.replace(/^\d+/, String(process.pid)));
    const second = await start();
    expect(await ask(second.url, (sql) => sql`select one from kept`)).toEqual([{ one: 1 }]);
  });

  it('takes a preparation that was interrupted for none', async () => {
    mkdirSync(join(directory, 'server/data.new'), { recursive: true });
    writeFileSync(join(directory, 'server/data.new/PG_VERSION'), '18\n');
    await start();
    expect(readdirSync(join(directory, 'server')).sort()).toEqual(['data']);
  });

  it('ends with the process that started it, however that ends', async () => {
    const script = `
      const { startPostgres } = await import(${JSON.stringify(MODULE)});
      const server = await startPostgres({ dataDirectory: process.argv[1], log: () => {} });
      console.log(server.pid);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script, directory]);
    try {
      const pid = Number(await firstLine(parent));
      expect(isAlive(pid)).toBe(true);
      parent.kill('SIGKILL');
      await gone(pid);
    } finally {
      parent.kill('SIGKILL');
    }
    // And leaves data that the next one starts on.
    await start();
  });
});

describe('a restart of the server', () => {
  it('is survived by the pool and by those who listen', async () => {
    const port = await freePort();
    const first = await start(port);
    await migrate(first.url);
    const app = openDatabase({ url: first.url, role: 'bulkhead_app', applicationName: 'test' });
    const heard: string[] = [];
    try {
      const subscription = await app.listen(CHANNELS.policy, (payload) => heard.push(payload));
      await app.ping();
      await first.stop();
      await expect(app.ping()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const second = await start(port);
      await app.ping();
      await eventually(() => expect(heard).toEqual(['', '']));
      await ask(second.url, (sql) => sql`select pg_notify(${CHANNELS.policy}, 'again')`);
      await eventually(() => expect(heard).toEqual(['', '', 'again']));
      await subscription.close();
    } finally {
      await app.close();
    }
  });
});

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no standard output');
  const [chunk] = await once(child.stdout, 'data');
  return String(chunk).trim();
}
