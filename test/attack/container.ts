import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Act } from './technique.js';

/** What Docker gives a container that asks for nothing. */
const DOCKER_CAPABILITIES = [
  ...['CAP_AUDIT_WRITE', 'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL'],
  ...['CAP_MKNOD', 'CAP_NET_BIND_SERVICE', 'CAP_NET_RAW', 'CAP_SETFCAP', 'CAP_SETGID'],
  ...['CAP_SETPCAP', 'CAP_SETUID', 'CAP_SYS_CHROOT'],
];
const OUTPUT_BYTES_MAX = 256 * 1024;

export interface ContainerOptions {
  readonly id: string;
  readonly act: Act;
  readonly words: readonly string[];
  readonly image: string;
  /** Made by the container, and removed by it. */
  readonly directory: string;
  /** Where runc keeps its state. */
  readonly state: string;
  /** Below the root of every hierarchy. */
  readonly cgroupPath: string;
  /** The same as a folder of the v2 hierarchy; exists. */
  readonly cgroup: string;
}

export interface Ending {
  /** 128 + signal number where a signal ended its first process. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/** One run of a program by runc, over an overlay of its own. */
export class Container {
  readonly #options: ContainerOptions;
  #child: ChildProcess | undefined;

  constructor(options: ContainerOptions) {
    this.#options = options;
    for (const name of ['upper', 'work', 'rootfs', 'volume']) {
      mkdirSync(this.#at(name), { recursive: true });
    }
    const layers = `lowerdir=${options.image},upperdir=${this.#at('upper')}`;
    execFileSync('mount', [
      ...['-t', 'overlay', 'overlay', '-o', `${layers},workdir=${this.#at('work')}`],
      this.#at('rootfs'),
    ]);
    writeFileSync(this.#at('config.json'), JSON.stringify(bundleConfig(options)));
  }

  #at(name: string): string {
    return join(this.#options.directory, name);
  }

  get rootDevice(): bigint {
    return statSync(this.#at('rootfs'), { bigint: true }).dev;
  }

  /** Whether a path is in the upper layer, be it as a whiteout. */
  changed(path: string): boolean {
    return lstatSync(join(this.#at('upper'), path), { throwIfNoEntry: false }) !== undefined;
  }

  /** Runs it to its end; it is killed after limitMs. `onReady` answers what it may read then. */
  run(limitMs: number, onReady: () => string): Promise<Ending> {
    const { state, id, directory } = this.#options;
    const words = ['--root', state, 'run', '--no-new-keyring', '--bundle', directory, id];
    const child = spawn('runc', words, { stdio: 'pipe' });
    this.#child = child;
    const output = { stdout: '', stderr: '' };
    let timedOut = false;
    let told = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.kill();
    }, limitMs);
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('latin1').on('data', (text: string) => {
        if (output[name].length < OUTPUT_BYTES_MAX) output[name] += text;
        if (told || !/^ready$/m.test(output.stdout)) return;
        told = true;
        child.stdin.end(onReady());
      });
    }
    // It may be gone before it reads.
    child.stdin.on('error', () => undefined);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        resolve({ ...output, timedOut, exitCode: code ?? (signal === 'SIGKILL' ? 137 : 255) });
      });
    });
  }

  kill(): void {
    const { state, id } = this.#options;
    try {
      execFileSync('runc', ['--root', state, 'delete', '--force', id], { stdio: 'ignore' });
    } catch {
      // Not made yet, or gone: then runc itself ends.
    }
    this.#child?.kill('SIGKILL');
  }

  close(): void {
    if (existsSync(join(this.#options.state, this.#options.id))) this.kill();
    execFileSync('umount', [this.#at('rootfs')]);
    // Not rmSync(): a technique makes paths that are longer than one system call takes.
    execFileSync('rm', ['-rf', this.#options.directory]);
  }
}

/** An OCI runtime configuration (opencontainers/runtime-spec, config.md). */
function bundleConfig({ act, words, directory, cgroupPath, cgroup }: ContainerOptions): object {
  const needs = act.needs ?? {};
  const capabilities = [...DOCKER_CAPABILITIES, ...(needs.capabilities ?? [])];
  const bind = (destination: string, source: string) => ({
    ...{ destination, source, type: 'bind', options: ['bind', 'rw'] },
  });
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: [`/attack/${act.program}`, ...words],
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: 'rootfs', readonly: false },
    hostname: 'attack',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['mode=1777'] },
      ...(needs.volume ? [bind('/volume', join(directory, 'volume'))] : []),
      ...(needs.cgroup ? [bind('/cgroup', cgroup)] : []),
    ],
    linux: {
      cgroupsPath: cgroupPath,
      namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })),
    },
  };
}
