import { execFile } from 'node:child_process';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parseMountInfo } from '../../node-agent/containers/cgroup-tree.js';

const run = promisify(execFile);

export interface RuntimeTraces {
  readonly directory: string;
  readonly socketPath: string;
  readonly cgroupParent: string;
}

/** Where CRI keeps its containers. */
export const RUNTIME_NAMESPACE = 'k8s.io';
/** Compiled into containerd, whatever its configuration says. */
const SHIM_SOCKETS = '/run/containerd/s';
const END_TIMEOUT_MS = 10_000;

/**
 * Removes what a containerd that was started with these paths left behind, also one that was killed:
 * daemon and shims (known by our socket's or our configuration's path on their command line) and
 * their sockets, processes in our cgroups, mounts below our folder, the cgroups of every hierarchy,
 * the folder.
 */
export async function removeRuntimeLeftovers(traces: RuntimeTraces): Promise<void> {
  const cgroups = await cgroupDirectories(traces.cgroupParent);
  await endProcesses(async () => [
    ...(await runtimeProcesses(traces)),
    ...(await processesIn(cgroups)),
  ]);
  await removeShimSockets(traces.directory);
  await unmountBelow(traces.directory);
  for (const cgroup of cgroups) await removeCgroup(cgroup);
  if (await mountsBelow(traces.directory).then((mounts) => mounts.length > 0)) {
    throw new Error(`something is still mounted below ${traces.directory}`);
  }
  await rm(traces.directory, { recursive: true, force: true });
}

async function runtimeProcesses(traces: RuntimeTraces): Promise<number[]> {
  const own = new Set([traces.socketPath, join(traces.directory, 'config.toml')]);
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const [program = '', ...args] = commandLine.split('\0');
    const name = program.split('/').at(-1) ?? '';
    if (name.startsWith('containerd') && args.some((arg) => own.has(arg))) found.push(pid);
  }
  return found;
}

async function processesIn(cgroups: readonly string[]): Promise<number[]> {
  const pids = new Set<number>();
  for (const cgroup of cgroups) {
    for (const directory of [...(await foldersBelow(cgroup)), cgroup]) {
      const procs = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '');
      for (const pid of procs.split('\n').filter(Boolean)) pids.add(Number(pid));
    }
  }
  // 0: a process of another pid namespace, which is not ours to see.
  pids.delete(0);
  return [...pids];
}

async function endProcesses(list: () => Promise<number[]>): Promise<void> {
  const deadline = Date.now() + END_TIMEOUT_MS;
  for (let pids = await list(); pids.length > 0; pids = await list()) {
    if (Date.now() > deadline) throw new Error(`processes do not end: ${pids.join(', ')}`);
    for (const pid of pids) kill(pid);
    await delay(20);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

/**
 * A shim that was killed leaves its socket in a folder that all containerds share. The folder goes
 * too where no other containerd has anything beside it.
 */
async function removeShimSockets(directory: string): Promise<void> {
  const tasks = join(directory, 'state', 'io.containerd.runtime.v2.task', RUNTIME_NAMESPACE);
  for (const task of await readdir(tasks).catch(() => [])) {
    const address = await readFile(join(tasks, task, 'address'), 'utf8').catch(() => '');
    const name = /^unix:\/\/\/run\/containerd\/s\/([0-9a-f]{64})$/.exec(address.trim())?.[1];
    if (name !== undefined) await rm(join(SHIM_SOCKETS, name), { force: true });
  }
  const others = await readdir(dirname(SHIM_SOCKETS)).catch(() => []);
  const sockets = await readdir(SHIM_SOCKETS).catch(() => ['unknown']);
  if (others.length !== 1 || sockets.length > 0) return;
  await rmdir(SHIM_SOCKETS);
  await rmdir(dirname(SHIM_SOCKETS));
}

async function unmountBelow(directory: string): Promise<void> {
  for (const mountPoint of (await mountsBelow(directory)).reverse()) {
    await run('umount', ['--', mountPoint]).catch(() =>
      run('umount', ['--lazy', '--', mountPoint]),
    );
  }
}

async function mountsBelow(directory: string): Promise<string[]> {
  const mounts = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
  return mounts
    .map((mount) => mount.mountPoint)
    .filter((mountPoint) => mountPoint.startsWith(`${directory}/`));
}

/** The parent's folder in every cgroup hierarchy that is mounted. */
async function cgroupDirectories(cgroupParent: string): Promise<string[]> {
  if (!/^\/[A-Za-z0-9._-]{4,}$/.test(cgroupParent)) {
    throw new Error(`not a cgroup of our own: ${cgroupParent}`);
  }
  const mounts = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
  return mounts
    .filter((mount) => mount.fileSystem === 'cgroup' || mount.fileSystem === 'cgroup2')
    .map((mount) => join(mount.mountPoint, cgroupParent));
}

/** Deepest first. */
async function foldersBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const folders: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const child = join(directory, entry.name);
    folders.push(...(await foldersBelow(child)), child);
  }
  return folders;
}

async function removeCgroup(directory: string): Promise<void> {
  const deadline = Date.now() + END_TIMEOUT_MS;
  for (const folder of [...(await foldersBelow(directory)), directory]) {
    // A cgroup stays busy for a moment after its last process.
    for (;;) {
      const error = await rmdir(folder).then(
        () => undefined,
        (reason: NodeJS.ErrnoException) => reason,
      );
      if (error === undefined || error.code === 'ENOENT') break;
      if (error.code !== 'EBUSY' || Date.now() > deadline) throw error;
      await delay(20);
    }
  }
}
