import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  chownSync,
  cpSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../deploy/local/processes.js';
import { eventually } from './eventually.js';

/** The real server, on loopback, with a data folder of its own that outlives `kill` and `start`. */
export interface Elasticsearch {
  readonly url: string;
  /** Ends the server as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it answers. */
  start(): Promise<void>;
  /** Once resolved, connections stay open and nothing answers, until `resume`. */
  pause(): Promise<void>;
  resume(): void;
  /** Ends the server and removes all that it wrote. */
  stop(): Promise<void>;
}

/** Where the test set-up unpacks it (deploy/setup/lib/fetch.mjs). */
const ELASTICSEARCH_HOME = fileURLToPath(
  new URL('../../.bulkhead/cache/elasticsearch', import.meta.url),
);
const READY_WITHIN_MS = 120_000;
/** Elasticsearch refuses to run as root. */
const NOBODY = 65534;

/** Why it cannot run here, or undefined. */
export function elasticsearchMissing(): string | undefined {
  try {
    accessSync(`${ELASTICSEARCH_HOME}/bin/elasticsearch`);
    javaHome();
    return undefined;
  } catch {
    return 'needs Elasticsearch and Java: npm run setup -- --test';
  }
}

export async function startElasticsearch(): Promise<Elasticsearch> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-elasticsearch-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  prepareFolder(folder, port);
  let child: ChildProcess | undefined;

  const signalGroup = (signal: NodeJS.Signals) => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-child.pid, signal);
  };
  const killWithUs = () => signalGroup('SIGKILL');
  const server: Elasticsearch = {
    url,
    async start() {
      child = launch(folder);
      await answers(url, child, join(folder, 'output.log'));
    },
    async kill() {
      if (!child) return;
      const ended = child.exitCode === null ? once(child, 'close') : undefined;
      signalGroup('SIGKILL');
      await ended;
      child = undefined;
    },
    async pause() {
      signalGroup('SIGSTOP');
      await eventually(() => {
        if (!groupIsStopped(child?.pid)) throw new Error('elasticsearch does not stop');
      });
    },
    resume: () => signalGroup('SIGCONT'),
    async stop() {
      await server.kill();
      process.off('exit', killWithUs);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  process.on('exit', killWithUs);
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function prepareFolder(folder: string, port: number): void {
  for (const name of ['config', 'data', 'logs', 'tmp', 'home']) mkdirSync(join(folder, name));
  cpSync(join(ELASTICSEARCH_HOME, 'config'), join(folder, 'config'), { recursive: true });
  const settings = {
    'cluster.name': 'bulkhead-test',
    'discovery.type': 'single-node',
    'network.host': '127.0.0.1',
    'http.port': port,
    // So small that a test can reach it.
    'http.max_content_length': '1mb',
    'path.data': join(folder, 'data'),
    'path.logs': join(folder, 'logs'),
    'xpack.security.enabled': false,
    'xpack.security.autoconfiguration.enabled': false,
    'cluster.routing.allocation.disk.threshold_enabled': false,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  writeFileSync(join(folder, 'config/elasticsearch.yml'), `${lines.join('\n')}\n`);
  const jvm = [
    ...['-Xms256m', '-Xmx256m', '-XX:+UseSerialGC'],
    ...[`-Djava.io.tmpdir=${folder}/tmp`, `-XX:ErrorFile=${folder}/logs/jvm.log`],
  ];
  writeFileSync(join(folder, 'config/jvm.options'), `${jvm.join('\n')}\n`);
  if (process.getuid?.() === 0) giveTo(folder, NOBODY);
}

function giveTo(path: string, user: number): void {
  chownSync(path, user, user);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) giveTo(child, user);
    else chownSync(child, user, user);
  }
  chmodSync(path, 0o700);
}

/**
 * As root: in a mount namespace of its own the installation is bound to a place that every user can
 * reach (the checkout may lie below /root), then the user is given up. Both end with the process.
 */
function launch(folder: string): ChildProcess {
  const asRoot = process.getuid?.() === 0;
  const home = asRoot ? join(folder, 'home') : ELASTICSEARCH_HOME;
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  const user = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'];
  const command = asRoot
    ? [
        ...['unshare', '--mount', '--propagation=private', 'sh', '-c', script, 'sh'],
        ...[ELASTICSEARCH_HOME, home],
        ...['setpriv', ...user, '--inh-caps=-all', '--bounding-set=-all'],
        `${home}/bin/elasticsearch`,
      ]
    : [`${home}/bin/elasticsearch`];
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: join(folder, 'tmp'),
      ES_JAVA_HOME: javaHome(),
      ES_PATH_CONF: join(folder, 'config'),
      ES_TMPDIR: join(folder, 'tmp'),
      // Else the launcher leaves folders in the machine's own.
      CLI_JAVA_OPTS: `-Xmx64m -XX:+UseSerialGC -XX:-UsePerfData -Djava.io.tmpdir=${folder}/tmp`,
    },
  });
  const log = createWriteStream(join(folder, 'output.log'), { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  child.once('close', () => log.end());
  return child;
}

/** A signal takes effect some time after kill(2) has returned. */
function groupIsStopped(group: number | undefined): boolean {
  const states = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => statOf(pid) ?? []);
  return states.filter((stat) => stat.group === group).every((stat) => stat.state === 'T');
}

function statOf(pid: string): { state: string; group: number } | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return { state: fields[0] ?? '', group: Number(fields[2]) };
  } catch {
    return undefined;
  }
}

function javaHome(): string {
  const folder = ['/usr/bin', '/usr/local/bin', '/opt/java/bin'].find((path) => {
    try {
      accessSync(`${path}/java`);
      return true;
    } catch {
      return false;
    }
  });
  if (!folder) throw new Error('no java');
  return dirname(dirname(realpathSync(`${folder}/java`)));
}

/** Resolves when the server answers; fails as soon as it has ended, with what it printed last. */
async function answers(url: string, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  const health = `${url}/_cluster/health?wait_for_status=yellow&timeout=1s`;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    const response = await fetch(health, { signal: AbortSignal.timeout(5000) }).catch(
      () => undefined,
    );
    if (response?.ok) return;
    await delay(200);
  }
  const tail = readFileSync(logFile, 'utf8').split('\n').slice(-20).join('\n');
  throw new Error(`elasticsearch did not start within ${READY_WITHIN_MS / 1000} s\n${tail}`);
}
