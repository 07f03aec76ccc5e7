import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findCgroupRoot, parseMountInfo } from '../../node-agent/containers/cgroup-tree.js';
import {
  detach,
  type Engine,
  type ExecBackend,
  type HookName,
  openEngine,
} from '../../node-agent/native/native.js';
import { encodeContainer } from '../../proto/ts/policy/kernel-table.js';
import { compiled, eventsOf, FACTS } from '../kernel/stage.js';
import { Container, type Ending } from './container.js';
import type { Act, AttackOperation, Technique } from './technique.js';

const HOOKS: Readonly<Record<AttackOperation, readonly HookName[]>> = {
  exec: ['exec'],
  load: ['load'],
  file: ['open', 'create', 'delete', 'rename'],
};

export interface RunOptions {
  /** Of the container, used once. */
  readonly id: string;
  readonly act: Act;
  readonly words: readonly string[];
  /** undefined: nothing is forbidden. */
  readonly policy: string | undefined;
  /** In the container's upper layer. */
  readonly proof: string;
  readonly limitMs: number;
}

export interface Run extends Ending {
  readonly id: string;
  readonly proved: boolean;
  /** Execs that the kernel stopped meanwhile, as it counts them. */
  readonly stops: number;
}

/** The engine, a watched cgroup, and containers in it, one at a time. All of it goes with the arena. */
export class Arena {
  readonly #directory = mkdtempSync(join(tmpdir(), 'bulkhead-attack-'));
  readonly #base = `bulkhead-attack-${process.pid}`;
  readonly #image: string;
  readonly #cgroupRoot: string;
  readonly #engine: Engine;
  readonly #verdicts = new Map<string, Set<string>>();
  readonly #sets = new Map<string, number>();
  #running: Container | undefined;

  /** @throws where this kernel does not have the backend */
  static async open(image: string, backend: ExecBackend): Promise<Arena> {
    const cgroups = await findCgroupRoot();
    if (!cgroups) throw new Error('cgroup v2 is not mounted');
    return new Arena(image, cgroups, backend);
  }

  private constructor(image: string, cgroups: string, backend: ExecBackend) {
    this.#cgroupRoot = cgroups;
    this.#image = image;
    const bpffs = join(this.#directory, 'bpf');
    mkdirSync(bpffs);
    execFileSync('mount', ['-t', 'bpf', 'bpf', bpffs]);
    try {
      mkdirSync(join(cgroups, this.#base));
      this.#engine = openEngine({ pinDirectory: this.#pins, backends: [backend] });
      const found = this.#engine.hooks.find(({ hook }) => hook === 'exec');
      if (found?.backend !== backend) throw new Error(`no ${backend} here: ${found?.reason}`);
      this.#engine.watchCgroup(this.#idOf(this.#base));
    } catch (error) {
      this.#removeAll();
      throw error;
    }
  }

  get #pins(): string {
    return join(this.#directory, 'bpf', 'pins');
  }

  /** Without the hooks of its operation a technique has its control run only. */
  carriesOut({ operation }: Technique): boolean {
    return HOOKS[operation].every((name) =>
      this.#engine.hooks.some(({ hook, backend }) => hook === name && backend !== 'none'),
    );
  }

  #idOf(cgroup: string): bigint {
    return statSync(join(this.#cgroupRoot, cgroup), { bigint: true }).ino;
  }

  /** From now on the rings are read. */
  start(): void {
    const onBatch: Parameters<Engine['start']>[0]['onBatch'] = (batch) => {
      for (const { container, verdict, ring } of eventsOf(batch)) {
        if (ring !== 'alerts') continue;
        const known = this.#verdicts.get(container) ?? new Set();
        this.#verdicts.set(container, known.add(verdict));
      }
      this.#engine.commit(batch.ring.name, batch.ring.position);
    };
    this.#engine.start({ onBatch, flushMs: 20 });
  }

  async run({ id, act, words, policy, proof, limitMs }: RunOptions): Promise<Run> {
    const cgroupPath = `/${this.#base}/${id}`;
    const cgroup = join(this.#cgroupRoot, cgroupPath);
    mkdirSync(cgroup);
    const container = new Container({
      ...{ id, act, words, cgroupPath, cgroup, image: this.#image },
      directory: join(this.#directory, id),
      state: join(this.#directory, 'runc'),
    });
    this.#running = container;
    try {
      const cgroupId = this.#idOf(cgroupPath);
      const bind = (activeSet: number) =>
        this.#engine.setContainer({
          ...{ cgroupId, activeSet, rootDevice: container.rootDevice },
          facts: encodeContainer({ ...FACTS, id }),
        });
      const set = policy === undefined ? 0 : this.#setOf(policy);
      bind(act.needs?.latePolicy ? 0 : set);
      const before = this.#stops();
      const ending = await container.run(limitMs, () => {
        bind(set);
        return '\n';
      });
      const stops = this.#stops() - before;
      this.#engine.deleteContainer(cgroupId);
      return { ...ending, id, stops, proved: container.changed(proof) };
    } finally {
      this.#running = undefined;
      container.close();
      this.#removeCgroups(id);
    }
  }

  /** Compiled once, as the agent does. */
  #setOf(source: string): number {
    const known = this.#sets.get(source);
    if (known) return known;
    const { table, responses, automaton } = compiled(source);
    const id = this.#sets.size + 1;
    this.#engine.setPolicySet(id, table, responses, automaton);
    this.#sets.set(source, id);
    return id;
  }

  #stops(): number {
    const { verdict_denied = 0n, verdict_killed = 0n } = this.#engine.counters();
    return Number(verdict_denied + verdict_killed);
  }

  /** Whether an alert of the container has the verdict; waits until it is there. */
  async hasAlert(id: string, verdict: string, waitMs: number): Promise<boolean> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      if (this.#verdicts.get(id)?.has(verdict)) return true;
      if (performance.now() > deadline) return false;
      await delay(10);
    }
  }

  /** Ends what runs now; its run ends as killed. */
  kill(): void {
    this.#running?.kill();
  }

  close(): void {
    try {
      this.#engine.close();
      detach(this.#pins);
    } finally {
      this.#removeAll();
    }
  }

  #removeAll(): void {
    this.#removeCgroups('');
    execFileSync('umount', [join(this.#directory, 'bpf')]);
    rmSync(this.#directory, { recursive: true });
  }

  /** From every hierarchy: runc makes it in those of v1 too, and leaves its parents. */
  #removeCgroups(id: string): void {
    for (const { fileSystem, mountPoint, root } of mounts()) {
      if (!/^cgroup2?$/.test(fileSystem) || root !== '/') continue;
      const folder = join(mountPoint, this.#base, id);
      for (const path of id ? [join(folder, 'nested'), folder] : [folder]) {
        if (statSync(path, { throwIfNoEntry: false })) rmdirSync(path);
      }
    }
  }
}

const mounts = () => parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
