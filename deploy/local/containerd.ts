import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findCgroupRoot } from '../../node-agent/containers/cgroup-tree.js';
import { CriClient } from '../../node-agent/containers/cri-client.js';
import { buildBusyboxImage } from './busybox-image.js';
import { RUNTIME_NAMESPACE, removeRuntimeLeftovers } from './containerd-cleanup.js';
import { LocalPods } from './containerd-pods.js';

const run = promisify(execFile);

export interface LocalContainerdOptions {
  /** Everything of the runtime lives here. Emptied at start, removed by stop(). Keep it short: it holds sockets. */
  readonly directory: string;
  /** Parent of the containers' cgroups, for nobody else's use: /bulkhead-demo-4711 */
  readonly cgroupParent: string;
  readonly busyboxPath?: string;
  /** Full name and tag of the image that is built and imported. */
  readonly imageReference?: string;
  readonly startTimeoutMs?: number;
}

export interface LocalContainerd {
  readonly socketPath: string;
  readonly cgroupParent: string;
  readonly imageReference: string;
  readonly pods: LocalPods;
  /** Stops and removes containers, daemon, shims, mounts, cgroups and the folder. May be called again. */
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 10_000;

/**
 * Starts a containerd of our own beside whatever runs on this machine: a real runtime with real
 * containers, for the demo and for tests. Needs root, containerd, runc, tar and a static busybox.
 * Pods use the host's network, so that no CNI is needed. Cleans up behind itself where it fails.
 */
export async function startContainerd(options: LocalContainerdOptions): Promise<LocalContainerd> {
  const { directory, cgroupParent } = options;
  const imageReference = options.imageReference ?? 'registry.example/bulkhead/busybox:1';
  const socketPath = join(directory, 'containerd.sock');
  const cgroupRoot = await findCgroupRoot();
  if (cgroupRoot === undefined) throw new Error('cgroup v2 is not mounted');

  await removeRuntimeLeftovers({ directory, socketPath, cgroupParent });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // There from the start, so that an agent can watch it before the first container.
  await mkdir(join(cgroupRoot, cgroupParent), { recursive: true });

  let daemon: ChildProcess | undefined;
  const cri = new CriClient(socketPath);
  const pods = new LocalPods({ cri, cgroupParent, imageReference, directory });
  const stop = async (): Promise<void> => {
    await pods.removeAll().catch(() => undefined);
    cri.close();
    if (daemon) await endProcess(daemon);
    await removeRuntimeLeftovers({ directory, socketPath, cgroupParent });
  };
  try {
    daemon = await spawnDaemon(directory, socketPath, imageReference);
    const deadline = Date.now() + (options.startTimeoutMs ?? 30_000);
    await waitForRuntime(cri, daemon, directory, deadline);
    await importImage(options, socketPath, imageReference);
    await waitForImage(cri, imageReference, deadline);
  } catch (error) {
    await stop();
    throw error;
  }
  return { socketPath, cgroupParent, imageReference, pods, stop };
}

async function spawnDaemon(
  directory: string,
  socketPath: string,
  imageReference: string,
): Promise<ChildProcess> {
  const configPath = join(directory, 'config.toml');
  await writeFile(configPath, daemonConfig(directory, socketPath, imageReference));
  const log = createWriteStream(join(directory, 'containerd.log'));
  await once(log, 'open');
  const daemon = spawn('containerd', ['--config', configPath], {
    stdio: ['ignore', log, log],
    // A group of its own: Ctrl-C in a terminal goes to us, and we stop it in order.
    detached: true,
  });
  const started = once(daemon, 'spawn');
  log.close();
  await started;
  return daemon;
}

async function waitForRuntime(
  cri: CriClient,
  daemon: ChildProcess,
  directory: string,
  deadline: number,
): Promise<void> {
  for (;;) {
    if (daemon.exitCode !== null || daemon.signalCode !== null) {
      const log = await readFile(join(directory, 'containerd.log'), 'utf8');
      throw new Error(`containerd ended: ${log.trim().split('\n').slice(-3).join(' | ')}`);
    }
    try {
      await cri.call('Version', {}, { timeoutMs: 1_000 });
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(50);
    }
  }
}

async function importImage(
  options: LocalContainerdOptions,
  socketPath: string,
  reference: string,
): Promise<void> {
  const archivePath = join(options.directory, 'image.tar');
  await buildBusyboxImage({
    busyboxPath: options.busyboxPath ?? '/bin/busybox',
    reference,
    workDirectory: join(options.directory, 'image'),
    archivePath,
  });
  const common = [`--address=${socketPath}`, `--namespace=${RUNTIME_NAMESPACE}`];
  await run('ctr', [...common, 'image', 'import', archivePath]);
  await rm(archivePath);
}

/** The CRI plugin hears of an imported image by an event, a moment later. */
async function waitForImage(cri: CriClient, image: string, deadline: number): Promise<void> {
  for (;;) {
    const { image: found } = await cri.call('ImageStatus', { image: { image } });
    if (found) return;
    if (Date.now() > deadline) throw new Error(`the runtime does not know ${image}`);
    await delay(20);
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function daemonConfig(directory: string, socketPath: string, sandboxImage: string): string {
  const quote = (text: string): string => JSON.stringify(text);
  return `version = 2
root = ${quote(join(directory, 'root'))}
state = ${quote(join(directory, 'state'))}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = ${quote(socketPath)}
[plugins."io.containerd.internal.v1.opt"]
  path = ${quote(join(directory, 'opt'))}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${quote(sandboxImage)}
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE a lower oom_score_adj is refused, and with it every sandbox.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  conf_dir = ${quote(join(directory, 'cni'))}
  bin_dir = ${quote(join(directory, 'cni'))}
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
  Root = ${quote(join(directory, 'runc'))}
`;
}
