import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findCgroupRoot } from '../../node-agent/containers/cgroup-tree.js';
import {
  detach,
  type Engine,
  type EventBatch,
  type ExecBackend,
  type HookBackend,
  type HookName,
  openEngine,
  type StartPositions,
} from '../../node-agent/native/native.js';
import type { Event__Output } from '../../proto/ts/gen/bulkhead/v1/Event.js';
import type { EventBatch__Output } from '../../proto/ts/gen/bulkhead/v1/EventBatch.js';
import { bindPolicies } from '../../proto/ts/policy/bind.js';
import {
  encodeContainer,
  encodeResponseRef,
  kernelAutomaton,
  kernelTable,
} from '../../proto/ts/policy/kernel-table.js';
import { OPERATIONS, type PolicyMode } from '../../proto/ts/policy/model.js';
import { parsePolicy } from '../../proto/ts/policy/parse.js';
import { loadMessageType } from '../../proto/ts/wire/protos.js';

export interface ActResult {
  /** 128 + signal number where a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Who runs it, where, and what file it is. */
export interface Actor {
  readonly userId: number;
  readonly groupId: number;
  readonly realUserId: number | undefined;
  readonly realGroupId: number | undefined;
  /** Decimal, a bit each. */
  readonly effective: string | undefined;
  readonly permitted: string | undefined;
  readonly directory: string;
  readonly terminalMajor: number;
  readonly unlinked: boolean;
}

/** An event with its strings in place of their numbers. */
export interface SeenEvent {
  readonly kind: string;
  readonly verdict: string;
  readonly pid: number;
  readonly executable: string;
  readonly args: readonly string[];
  readonly parent: string;
  readonly origin: number;
  readonly container: string;
  readonly responses: readonly string[];
  readonly exitSignal: number;
  readonly actor: Actor;
  readonly session: {
    readonly leader: number;
    readonly leaderChanged: boolean;
    readonly terminalChanged: boolean;
  };
  /** In the words of proto/bulkhead/v1/policy.proto. */
  readonly operations: readonly string[];
  readonly file: SeenFile;
  readonly suppressed: number;
  readonly ring: string;
}

export interface SeenFile {
  readonly path: string;
  readonly other: string;
  readonly mode: number;
  readonly newMode: number;
  readonly origin: number;
  readonly volume: string;
}

export const FACTS = {
  id: 'c1',
  name: 'main',
  imageFullName: 'registry.example/acts',
  imageTag: '1',
  imageDigest: '',
  podName: 'pod',
  podNamespace: 'default',
  podUid: '',
};

/** Tells of one act in both rings. */
const MARKS = `
process:
  selectors:
    - { name: other, operation: [exec], processExecutable: [/bin/other] }
    - { name: act, operation: [exec], processExecutable: [/bin/act] }
  responses:
    - { match: [other], actions: [alert] }
    - { match: [act], actions: [log] }
`;

const eventBatch = loadMessageType('bulkhead/v1/event.proto', 'bulkhead.v1.EventBatch');

/**
 * A container without a runtime: an overlay over a folder with our acts, a cgroup below a watched
 * one, and the engine. Everything is this stage's own, and goes with it.
 */
export class Stage {
  readonly directory = mkdtempSync(join(tmpdir(), 'bulkhead-kernel-'));
  readonly root = join(this.directory, 'root');
  readonly pins: string;
  readonly batches: EventBatch[] = [];
  engine: Engine;
  readonly #cgroupRoot: string;
  readonly #backends: readonly ExecBackend[] | undefined;
  readonly #hasOwnPins: boolean;
  readonly #countersBefore: Readonly<Record<string, bigint>>;
  #isStarted = false;
  #nextSet = 1;

  /**
   * `programs`: more of the folder's that the image has in /bin. `pins`: a folder on a bpffs, whose
   * programs this stage takes over and leaves to the next one; where it is left out it has its own.
   */
  static async open(
    acts: string,
    backends?: readonly ExecBackend[],
    programs: readonly string[] = [],
    pins?: string,
  ): Promise<Stage> {
    const cgroups = await findCgroupRoot();
    if (!cgroups) throw new Error('cgroup v2 is not mounted');
    return new Stage(acts, cgroups, backends, programs, pins);
  }

  private constructor(
    acts: string,
    cgroups: string,
    backends: readonly ExecBackend[] | undefined,
    programs: readonly string[],
    pins: string | undefined,
  ) {
    this.#backends = backends;
    this.pins = pins ?? join(this.directory, 'bpf', 'pins');
    this.#hasOwnPins = pins === undefined;
    this.#cgroupRoot = join(cgroups, `bulkhead-kernel-${process.pid}`);
    const image = join(this.directory, 'image');
    for (const folder of ['bin', 'etc', 'tmp', 'mnt', 'empty', 'proc']) {
      mkdirSync(join(image, folder), { recursive: true });
    }
    for (const name of ['act', 'other']) cpSync(join(acts, 'act'), join(image, 'bin', name));
    for (const name of ['files', ...programs]) cpSync(join(acts, name), join(image, 'bin', name));
    // What a container finds in its image.
    for (const name of ['config', 'data', 'other']) writeFileSync(join(image, 'etc', name), name);
    const script = (name: string, interpreter: string) =>
      writeFileSync(join(image, 'bin', name), `#!${interpreter} interpret\n`, { mode: 0o755 });
    script('script', '/bin/other');
    script('script-of-drift', '/tmp/drifted');
    cpSync(join(acts, 'launch'), join(this.directory, 'launch'));
    // For cases that make a container of their own.
    for (const name of ['differential', 'tool']) {
      cpSync(join(acts, name), join(this.directory, 'programs', name));
    }
    for (const folder of ['upper', 'work', 'root', 'bpf']) mkdirSync(join(this.directory, folder));
    if (this.#hasOwnPins) this.#mount('bpf', 'bpf', join(this.directory, 'bpf'));
    const at = (name: string) => join(this.directory, name);
    const options = `lowerdir=${image},upperdir=${at('upper')},workdir=${at('work')}`;
    this.#mount('overlay', 'overlay', this.root, options);
    mkdirSync(this.cgroup('c1'), { recursive: true });
    try {
      this.engine = this.#openEngine();
      this.watch();
      this.#countersBefore = this.engine.counters();
    } catch (error) {
      this.#remove();
      throw error;
    }
  }

  #mount(type: string, source: string, target: string, options?: string): void {
    const more = options ? ['-o', options] : [];
    execFileSync('mount', ['-t', type, ...more, source, target]);
  }

  #openEngine(startPositions?: StartPositions): Engine {
    return openEngine({
      pinDirectory: this.pins,
      ...(this.#backends && { backends: this.#backends }),
      ...(startPositions && { startPositions }),
    });
  }

  get backend(): string {
    return this.backendOf('exec');
  }

  backendOf(name: HookName): HookBackend {
    return this.engine.hooks.find(({ hook }) => hook === name)?.backend ?? 'none';
  }

  /** What the backend does to a forbidden exec. */
  get stopped(): { verdict: string; exitCode: number } {
    return this.backend === 'signal'
      ? { verdict: 'VERDICT_KILLED', exitCode: 137 }
      : { verdict: 'VERDICT_DENIED', exitCode: 126 };
  }

  cgroup(name: string): string {
    return join(this.#cgroupRoot, name);
  }

  idOf(name: string): bigint {
    return statSync(this.cgroup(name), { bigint: true }).ino;
  }

  /** Compiles a policy and claims c1 with it; '' leaves the container without one. */
  bind(source: string, mode: PolicyMode = 'enforce', candidate?: string): void {
    this.engine.setContainer({
      cgroupId: this.idOf('c1'),
      activeSet: this.putSet(source, mode),
      ...(candidate !== undefined && { candidateSet: this.putSet(candidate) }),
      rootDevice: statSync(this.root, { bigint: true }).dev,
      facts: encodeContainer(FACTS),
    });
  }

  /** Compiles a policy into the kernel; its id. */
  putSet(source: string, mode: PolicyMode = 'enforce'): number {
    const { table, responses, automaton } = compiled(source, mode);
    const id = this.#nextSet;
    this.#nextSet += 1;
    this.engine.setPolicySet(id, table, responses, automaton);
    return id;
  }

  start(): void {
    this.engine.start({ onBatch: (batch) => this.batches.push(batch), flushMs: 20 });
    this.#isStarted = true;
  }

  /** What was counted since this stage is there. */
  counters(): Record<string, bigint> {
    const now = Object.entries(this.engine.counters());
    return Object.fromEntries(
      now.map(([name, count]) => [name, count - (this.#countersBefore[name] ?? 0n)]),
    );
  }

  /** As after the death of the agent: what is pinned stays, the engine is opened anew. */
  reopen(startPositions?: StartPositions): void {
    this.engine.close();
    this.#isStarted = false;
    this.engine = this.#openEngine(startPositions);
  }

  /** Programs that are loaded anew must be told. */
  watch(): void {
    this.engine.watchCgroup(this.idOf(''));
  }

  /** Once a process runs in a cgroup that is not its launcher any more. */
  async populated(name: string): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const pids = readFileSync(join(this.cgroup(name), 'cgroup.procs'), 'utf8')
        .trim()
        .split('\n');
      const runs = pids.some((pid) => /^\/bin\//.test(commandOf(pid)));
      if (runs) return;
      if (performance.now() > deadline) throw new Error(`nothing runs in ${name}`);
      await delay(10);
    }
  }

  /** Runs an act in the container, to its end. */
  act(...words: string[]): Promise<ActResult> {
    return this.launch('c1', this.root, '/bin/act', ...words);
  }

  /** An act on files, in the container. */
  files(...words: string[]): Promise<ActResult> {
    return this.launch('c1', this.root, '/bin/files', ...words);
  }

  launch(cgroup: string, root: string, ...command: string[]): Promise<ActResult> {
    const launcher = join(this.directory, 'launch');
    return this.#run(launcher, [this.cgroup(cgroup), root, ...command]);
  }

  /** Runs a program of the container's tree on the host. */
  onHost(program: string, ...words: string[]): Promise<ActResult> {
    return this.#run(join(this.root, program), words);
  }

  #run(file: string, args: string[]): Promise<ActResult> {
    return new Promise((resolve) => {
      const child = execFile(file, args, (_error, stdout, stderr) => {
        const { exitCode, signalCode } = child;
        const code = signalCode === 'SIGKILL' ? 137 : (exitCode ?? 101);
        resolve({ exitCode: code, stdout, stderr });
      });
    });
  }

  /** Whether a file is in the container's tree. */
  exists(path: string): boolean {
    return existsSync(join(this.root, path));
  }

  events(): SeenEvent[] {
    return this.batches.flatMap(eventsOf);
  }

  /** The first event that fits, once it is there. */
  async event(fits: (event: SeenEvent) => boolean): Promise<SeenEvent> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const found = this.events().find(fits);
      if (found) return found;
      if (performance.now() > deadline) {
        throw new Error(`no such event among ${JSON.stringify(this.events(), null, 1)}`);
      }
      await delay(10);
    }
  }

  close(): void {
    try {
      this.engine.close();
      detach(this.pins);
    } finally {
      this.#remove();
    }
  }

  /**
   * Leaves the programs to the next stage as they were found: without containers and policy sets, and
   * with empty rings. Whatever a case did to them that this does not undo would be a defect of theirs.
   */
  async leave(): Promise<void> {
    try {
      if (existsSync(this.pins)) {
        await this.#emptyRings();
        for (const id of this.engine.containerIds()) this.engine.deleteContainer(id);
        this.engine.setUnknownSet(0);
        for (const id of this.engine.policySetIds()) this.engine.deletePolicySet(id);
        this.engine.unwatchCgroup(this.idOf(''));
      }
    } finally {
      this.engine.close();
      this.#remove();
    }
  }

  /** A last event in each ring says that everything before it has come. A full one takes it once it is read. */
  async #emptyRings(): Promise<void> {
    if (!this.#isStarted) this.start();
    // A case may have put sets of its own.
    this.#nextSet = Math.max(0, ...this.engine.policySetIds()) + 1;
    this.bind(MARKS);
    const deadline = performance.now() + 60_000;
    for (let mark = 0; ; mark += 1) {
      const name = `/tmp/mark-${mark}`;
      const { exitCode, stderr } = await this.act('run', '/bin/other', 'mark', name);
      if (exitCode !== 0) throw new Error(`the last act failed: ${stderr}`);
      const isMark = (ring: string) => (event: SeenEvent) =>
        event.ring === ring && event.args.includes(name);
      const rings = ['alerts', 'telemetry'];
      for (let wait = 0; wait < 50; wait += 1) {
        for (const { ring } of this.batches.splice(0, this.batches.length - 8)) {
          this.engine.commit(ring.name, ring.position);
        }
        const events = this.events();
        if (rings.every((ring) => events.some(isMark(ring)))) {
          for (const { ring } of this.batches) this.engine.commit(ring.name, ring.position);
          return;
        }
        await delay(20);
      }
      if (performance.now() > deadline) throw new Error('the rings do not run empty');
    }
  }

  #remove(): void {
    const mounts = this.#hasOwnPins ? ['root', 'bpf'] : ['root'];
    for (const folder of mounts) execFileSync('umount', [join(this.directory, folder)]);
    for (const name of ['c1/nested', 'c1', 'c2', '']) {
      if (existsSync(this.cgroup(name))) rmdirSync(this.cgroup(name));
    }
    rmSync(this.directory, { recursive: true });
  }
}

/** Its arguments, NUL-terminated each; empty where it has ended. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

export interface CompiledSet {
  readonly table: Uint8Array;
  readonly responses: readonly Uint8Array[];
  readonly automaton: Uint8Array;
}

/** What the kernel is given of a policy, in a container of FACTS. */
export function compiled(source: string, mode: PolicyMode = 'enforce'): CompiledSet {
  const { policy, problems } = parsePolicy(source);
  if (!policy) throw new Error(JSON.stringify(problems));
  const bundled = { policyId: 'p', version: 1, name: 'p', mode, policy };
  const set = bindPolicies([bundled], FACTS);
  return {
    table: kernelTable(set),
    responses: set.responses.map(({ ref }) => encodeResponseRef(ref)),
    automaton: kernelAutomaton(set),
  };
}

/** The events of a batch, decoded. */
export function eventsOf(batch: EventBatch): SeenEvent[] {
  const decoded = eventBatch.toObject(eventBatch.decode(batch.payload), {
    enums: String,
    longs: String,
    bytes: Buffer,
    defaults: true,
    arrays: true,
  }) as EventBatch__Output;
  const text = (index: number) => decoded.strings[index]?.toString('latin1') ?? '';
  return decoded.events.map((event) => ({
    kind: event.kind,
    verdict: event.verdict,
    pid: event.process?.pid ?? 0,
    executable: text(event.process?.executableString ?? 0),
    args: (event.process?.argsStrings ?? []).map(text),
    parent: text(event.process?.parentExecutableString ?? 0),
    origin: event.process?.executableOrigin ?? 0,
    container: decoded.containers[event.container]?.id ?? '',
    responses: event.fired.map((index) => decoded.responses[index]?.selectors.join() ?? '?'),
    exitSignal: event.process?.exitSignal ?? 0,
    actor: actorOf(event, text),
    session: {
      leader: event.process?.sessionLeaderPid ?? 0,
      leaderChanged: event.process?.sessionLeaderChanged ?? false,
      terminalChanged: event.process?.terminalChanged ?? false,
    },
    operations: Object.entries(OPERATIONS).flatMap(([word, number]) =>
      (event.operations >>> (number - 1)) & 1 ? word : [],
    ),
    file: {
      path: text(event.file?.pathString ?? 0),
      other: text(event.file?.otherPathString ?? 0),
      mode: event.file?.mode ?? 0,
      newMode: event.file?.newMode ?? 0,
      origin: event.file?.origin ?? 0,
      volume: event.file?.volume ?? '',
    },
    suppressed: Number(event.suppressed),
    ring: batch.ring.name,
  }));
}

function actorOf({ process }: Event__Output, text: (index: number) => string): Actor {
  return {
    userId: process?.userId ?? 0,
    groupId: process?.groupId ?? 0,
    realUserId: process?.credentials?.realUserId,
    realGroupId: process?.credentials?.realGroupId,
    effective: process?.credentials?.effectiveCapabilities,
    permitted: process?.credentials?.permittedCapabilities,
    directory: text(process?.workingDirectoryString ?? 0),
    terminalMajor: process?.terminalMajor ?? 0,
    unlinked: process?.executableUnlinked ?? false,
  };
}
