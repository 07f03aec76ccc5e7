import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { POSTGRES_USER, type PostgresPlace, postgresPlace } from './postgres-place.js';
import { freePort } from './processes.js';

export interface PostgresOptions {
  /** Made where it is missing; holds `password` and what Postgres has. */
  readonly dataDirectory: string;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** What the server says, a line at a time. */
  readonly log: (line: string) => void;
  /** Settings of postgresql.conf on top of ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface LocalPostgres {
  /** With the superuser's name and password; only 127.0.0.1 is listened on. */
  readonly url: string;
  readonly pid: number;
  /** Settles when the server has ended. */
  readonly ended: Promise<void>;
  /** Ends sessions, writes everything out and resolves when the server is gone. */
  stop(): Promise<void>;
}

const SUPERUSER = 'bulkhead';
const START_LIMIT_MS = 60_000;
/** How long a server on our data may take to notice that whoever started it is gone, and to stop. */
const PREDECESSOR_NOTICES_MS = 1_000;
const PREDECESSOR_STOPS_MS = 20_000;
const FAST_STOP_MS = 20_000;
const LAST_LINES = 20;

/**
 * Real Postgres on the data of a folder. It ends with this process, however that ends.
 * @throws Error with one line
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const folder = join(options.dataDirectory, 'server');
  // Whoever may reach dataDirectory; Postgres's own user must reach what is in here.
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const directory = realpathSync(folder);
  const place = postgresPlace(directory);
  const password = readOrMakePassword(join(options.dataDirectory, 'password'));
  if (!existsSync(join(directory, 'data'))) await initialise(directory, place, password);
  await predecessorGone(join(directory, 'data'));
  const port = options.port ?? (await freePort());
  const server = launch(place, port, options);
  try {
    await server.ready;
  } catch (error) {
    await stopServer(server.child);
    throw error;
  }
  return {
    url: `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`,
    pid: server.child.pid ?? -1,
    ended: server.ended,
    stop: () => stopServer(server.child),
  };
}

function readOrMakePassword(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const password = randomBytes(24).toString('hex');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

/** Into a folder beside, so that what an interrupted one leaves is never taken for data. */
async function initialise(
  directory: string,
  place: PostgresPlace,
  password: string,
): Promise<void> {
  const fresh = join(directory, 'data.new');
  const passwordFile = join(directory, 'password.initdb');
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  giveToPostgres(fresh, passwordFile);
  const child = place.run('initdb', [
    ...['--pgdata', join(place.directory, 'data.new'), '--username', SUPERUSER],
    ...['--pwfile', join(place.directory, 'password.initdb'), '--auth', 'scram-sha-256'],
    // Built in, so that the order of text does not depend on this machine's locales.
    ...['--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin'],
    ...['--builtin-locale', 'C.UTF-8', '--data-checksums'],
  ]);
  const lines = collectLines(child, () => {});
  const code = await closed(child);
  rmSync(passwordFile, { force: true });
  if (code !== 0) throw new Error(`initdb failed: ${reasonOf(lines)}`);
  renameSync(fresh, join(directory, 'data'));
}

function giveToPostgres(...paths: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  for (const path of paths) chownSync(path, POSTGRES_USER, POSTGRES_USER);
}

/**
 * Postgres tells a lock file that a crash left from one in use by whether a process has its number;
 * that number may be another program's by now. So the processes that work in the folder are looked
 * for instead: all of them, since after a crash the sessions may outlive their server a little.
 */
async function predecessorGone(data: string): Promise<void> {
  const lockFile = join(data, 'postmaster.pid');
  const begin = performance.now();
  for (;;) {
    const [pid] = processesIn(data);
    if (pid === undefined) break;
    const limitMs = isStopping(lockFile) ? PREDECESSOR_STOPS_MS : PREDECESSOR_NOTICES_MS;
    if (performance.now() - begin > limitMs) {
      throw new Error(`another Postgres (process ${pid}) uses ${data}: stop it first`);
    }
    await delay(50);
  }
  rmSync(lockFile, { force: true });
}

/** As the server itself writes it there. */
function isStopping(lockFile: string): boolean {
  try {
    return readFileSync(lockFile, 'utf8').split('\n')[7]?.trim() === 'stopping';
  } catch {
    return true;
  }
}

function processesIn(folder: string): string[] {
  const here = statSync(folder);
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const there = statSync(`/proc/${name}/cwd`);
      return there.dev === here.dev && there.ino === here.ino;
    } catch {
      return false;
    }
  });
}

interface Launched {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<void>;
}

function launch(place: PostgresPlace, port: number, options: PostgresOptions): Launched {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  };
  const child = place.run('postgres', [
    ...['-D', join(place.directory, 'data')],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  const ended = closed(child).then(() => {});
  return { child, ended, ready: readiness(child, options.log) };
}

function readiness(child: ChildProcess, log: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve();
    };
    const timer = setTimeout(() => {
      settle(new Error(`Postgres did not start within ${START_LIMIT_MS / 1000} s`));
    }, START_LIMIT_MS);
    const lines = collectLines(child, (line) => {
      log(line);
      if (line.includes('database system is ready to accept connections')) settle();
    });
    child.once('close', () => settle(new Error(`Postgres did not start: ${reasonOf(lines)}`)));
  });
}

/** SIGINT is Postgres's fast shutdown; SIGQUIT leaves the rest to the recovery of the next start. */
async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = closed(child);
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGQUIT'), FAST_STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** The exit code, once its output is read to the end too. Unlike `once`, does not fail where it could not be run. */
function closed(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', resolve);
  });
}

/** The last lines that the process wrote, as they come. */
function collectLines(child: ChildProcess, onLine: (line: string) => void): string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > LAST_LINES) lines.shift();
      onLine(line);
    });
  }
  child.once('error', (error) => lines.push(error.message));
  return lines;
}

/** The line that says why, else the last one. */
function reasonOf(lines: readonly string[]): string {
  const fatal = lines.find((line) => /\b(FATAL|PANIC|error):/i.test(line)) ?? lines.at(-1);
  return fatal?.replace(/^.*?\b(FATAL|PANIC|error):\s*/i, '') ?? 'it said nothing';
}
