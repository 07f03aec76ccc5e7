import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { type LocalContainerd, startContainerd } from '../../deploy/local/containerd.js';
import { removeRuntimeLeftovers } from '../../deploy/local/containerd-cleanup.js';
import { findCgroupRoot } from '../../node-agent/containers/cgroup-tree.js';
import {
  ContainerWatch,
  type KnownContainer,
} from '../../node-agent/containers/container-watch.js';
import { CriClient } from '../../node-agent/containers/cri-client.js';
import { detach, type Engine, openEngine } from '../../node-agent/native/native.js';
import { eventually } from '../support/eventually.js';
import { describeOnKernel } from '../support/needs.js';
import { ROOT } from '../support/sources.js';

const log = pino({ level: 'silent' });

describeOnKernel('containers of a real runtime', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-containers-'));
  const bpffs = join(directory, 'bpf');
  const cgroupParent = `/bulkhead-containers-${process.pid}`;
  const stopped = new AbortController();
  const seen: KnownContainer[] = [];
  const gone: bigint[] = [];
  let cgroupRoot: string;
  let runtime: LocalContainerd;
  let engine: Engine;
  let cri: CriClient;
  let watch: ContainerWatch;
  let running: Promise<void>;

  beforeAll(async () => {
    cgroupRoot = (await findCgroupRoot()) ?? '';
    runtime = await startContainerd({ directory: join(directory, 'c'), cgroupParent });
    mkdirSync(bpffs);
    execFileSync('mount', ['-t', 'bpf', 'bpf', bpffs]);
    engine = openEngine({ pinDirectory: join(bpffs, 'pins') });
    engine.watchCgroup(idOf(cgroupParent));
    cri = new CriClient(runtime.socketPath);
    watch = new ContainerWatch({
      runtime: () => cri,
      cgroupRoot,
      log,
      sink: {
        containerSeen: (container) => seen.push(container),
        containerGone: (id) => gone.push(id),
      },
      // Longer than the test: what is seen came from the kernel's reports, not from a rescan.
      rescanMs: 600_000,
    });
    engine.start({ onBatch: () => {}, onCgroup: (event) => watch.onCgroup(event) });
    running = watch.run(stopped.signal);
  });

  afterAll(async () => {
    stopped.abort();
    await running;
    cri?.close();
    engine?.close();
    if (existsSync(bpffs)) {
      detach(join(bpffs, 'pins'));
      execFileSync('umount', [bpffs]);
    }
    await runtime?.stop();
    rmSync(directory, { recursive: true });
  });

  const idOf = (cgroup: string) => statSync(join(cgroupRoot, cgroup), { bigint: true }).ino;
  const lastOf = (id: string) => seen.findLast(({ facts }) => facts.id === id);

  it('puts its processes into the v2 hierarchy, also beside v1', async () => {
    const pod = await runtime.pods.runPod({ name: 'hierarchy' });
    const id = await runtime.pods.runContainer(pod, { name: 'main' });
    const { stdout } = await runtime.pods.exec(id, ['cat', '/proc/self/cgroup']);
    expect(stdout).toMatch(new RegExp(`^0::${cgroupParent}/${id}$`, 'm'));
    await runtime.pods.removePod(pod.id);
  });

  it('are known by what the runtime says of them, as soon as they run', async () => {
    const pod = await runtime.pods.runPod({ name: 'web-1', namespace: 'shop' });
    const id = await runtime.pods.runContainer(pod, { name: 'nginx' });
    const found = await eventually(() => {
      const container = lastOf(id);
      expect(container?.rootDevice).not.toBe(0n);
      return container;
    });
    expect(found?.facts).toEqual({
      id,
      name: 'nginx',
      imageFullName: 'registry.example/bulkhead/busybox',
      imageTag: '1',
      imageDigest: '',
      podName: 'web-1',
      podNamespace: 'shop',
      podUid: pod.uid,
    });
    expect(found?.cgroupPath).toBe(`${cgroupParent}/${id}`);
    expect(found?.cgroupId).toBe(idOf(`${cgroupParent}/${id}`));
    const { stdout } = await runtime.pods.exec(id, ['stat', '-c', '%d', '/']);
    expect(found?.rootDevice).toBe(BigInt(stdout.trim()));

    const sandbox = await eventually(() => {
      const container = lastOf(pod.id);
      expect(container?.rootDevice).not.toBe(0n);
      return container;
    });
    expect(sandbox?.facts).toMatchObject({ name: 'POD', podName: 'web-1', podNamespace: 'shop' });
  });

  it('are told by their cgroup alone at first, then with all, and no more after that', async () => {
    const pod = await runtime.pods.runPod({ name: 'early' });
    const id = await runtime.pods.runContainer(pod, { name: 'main' });
    const told = () => seen.filter(({ facts }) => facts.id === id);
    await eventually(() => expect(lastOf(id)?.rootDevice ?? 0n).not.toBe(0n));
    expect(told().slice(0, -1)).toEqual(
      told().length === 1 ? [] : [{ ...lastOf(id), rootDevice: 0n }],
    );
    const before = told().length;
    // A nested cgroup is part of it, not another container.
    const nested = join(cgroupRoot, cgroupParent, id, 'nested');
    mkdirSync(nested);
    rmdirSync(nested);
    await runtime.pods.runContainer(pod, { name: 'second' });
    await eventually(() => expect(seen.some(({ facts }) => facts.name === 'second')).toBe(true));
    expect(told()).toHaveLength(before);
  });

  it('are found by a list of all where the kernel reported nothing, and told as gone', async () => {
    const pod = await runtime.pods.runPod({ name: 'listed' });
    const id = await runtime.pods.runContainer(pod, { name: 'main' });
    const listed: KnownContainer[] = [];
    const former: KnownContainer = {
      cgroupId: 42n,
      cgroupPath: `${cgroupParent}/former`,
      rootDevice: 1n,
      facts: {
        id: 'former',
        name: '',
        imageFullName: '',
        imageTag: '',
        imageDigest: '',
        podName: '',
        podNamespace: '',
        podUid: '',
      },
    };
    const lost: bigint[] = [];
    let lists = 0;
    const end = new AbortController();
    const second = new ContainerWatch({
      runtime: () => cri,
      cgroupRoot,
      log,
      former: [former],
      onListed: () => {
        lists += 1;
      },
      sink: {
        containerSeen: (container) => listed.push(container),
        containerGone: (goneId) => lost.push(goneId),
      },
      rescanMs: 20,
    });
    const looking = second.run(end.signal);
    try {
      const found = await eventually(() => {
        const container = listed.find(({ facts }) => facts.id === id);
        expect(container).toBeDefined();
        return container;
      });
      await eventually(() => expect(lost).toEqual([42n]));
      await runtime.pods.removePod(pod.id);
      await eventually(() => expect(lost).toContain(found?.cgroupId));
      const before = lists;
      await eventually(() => expect(lists).toBeGreaterThan(before + 1));
      // Each was told once, however often all were listed.
      expect(listed.filter(({ facts }) => facts.id === id)).toHaveLength(1);
    } finally {
      end.abort();
      await looking;
    }
  });
});

describeOnKernel('the runtime of the demo', () => {
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-runtime-'));
  const cgroupParent = `/bulkhead-runtime-${process.pid}`;
  const traces = {
    directory: join(directory, 'c'),
    socketPath: join(directory, 'c', 'containerd.sock'),
    cgroupParent,
  };

  afterAll(async () => {
    await removeRuntimeLeftovers(traces);
    rmSync(directory, { recursive: true });
  });

  async function expectNothingLeft(): Promise<void> {
    const cgroupRoot = (await findCgroupRoot()) ?? '';
    expect(existsSync(traces.directory)).toBe(false);
    expect(existsSync(join(cgroupRoot, cgroupParent))).toBe(false);
    const mounts = execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' });
    expect(mounts).not.toContain(directory);
    const commands = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
      .map((pid) => commandLine(pid));
    expect(commands.filter((command) => command.includes(traces.socketPath))).toEqual([]);
  }

  it('leaves nothing behind when it is stopped, containers running or not', async () => {
    const runtime = await startContainerd({ ...traces });
    const pod = await runtime.pods.runPod({ name: 'left' });
    await runtime.pods.runContainer(pod, { name: 'main' });
    await runtime.stop();
    await expectNothingLeft();
    await runtime.stop();
  });

  it('takes away what one that was killed left behind', async () => {
    const before = shimSockets();
    const starter = startInChild(traces.directory, cgroupParent);
    const [line] = await once(starter.stdout ?? starter, 'data');
    expect(String(line)).toContain('running');
    starter.kill('SIGKILL');
    await once(starter, 'exit');
    expect(shimSockets().length).toBeGreaterThan(before.length);
    await removeRuntimeLeftovers(traces);
    await expectNothingLeft();
    expect(shimSockets()).toEqual(before);
  });

  it('takes no cgroup for its own that may be shared', async () => {
    for (const shared of ['/', '', '/a', '/../x', '/kubepods/x', 'relative']) {
      await expect(removeRuntimeLeftovers({ ...traces, cgroupParent: shared })).rejects.toThrow(
        'not a cgroup of our own',
      );
    }
  });
});

function shimSockets(): string[] {
  const folder = '/run/containerd/s';
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function commandLine(pid: string): string {
  try {
    return execFileSync('cat', [`/proc/${pid}/cmdline`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}

/** A process of its own that starts a runtime with a container and waits to be killed. */
function startInChild(directory: string, cgroupParent: string): ChildProcess {
  const script = `
    import { startContainerd } from ${JSON.stringify(join(ROOT, 'dist/deploy/local/containerd.js'))};
    const runtime = await startContainerd(${JSON.stringify({ directory, cgroupParent })});
    const pod = await runtime.pods.runPod({ name: 'left' });
    await runtime.pods.runContainer(pod, { name: 'main' });
    process.stdout.write('running');
    setInterval(() => {}, 1000);
  `;
  return spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
