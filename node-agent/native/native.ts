/**
 * The kernel side as the agent sees it. This is the only folder that touches the addon; here its
 * calls are declared, checked and given names. All 64-bit numbers are bigint.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type AddonEngine, loadAddon, NativeError, translated } from './addon.js';

export type { NativeErrorCode } from './addon.js';
export { NativeError } from './addon.js';

export type HookName =
  | 'exec'
  | 'fork'
  | 'exit'
  | 'cgroup'
  | 'load'
  | 'open'
  | 'create'
  | 'delete'
  | 'rename'
  | 'change'
  | 'session';

/** `fexit` and `tracepoint` observe only, `none`: nothing is attached. */
export type HookBackend = 'lsm' | 'fmod_ret' | 'signal' | 'fexit' | 'tracepoint' | 'none';

/** A backend that can stop an exec, best first. */
export type ExecBackend = 'lsm' | 'fmod_ret' | 'signal';

export interface HookStatus {
  readonly hook: HookName;
  readonly backend: HookBackend;
  /** Why the better backends were refused; empty when the best one runs. */
  readonly reason: string;
}

export interface ProbeResult {
  /** The kernel tells its types (/sys/kernel/btf/vmlinux). */
  readonly btf: boolean;
  /** This process may load BPF programs. */
  readonly bpf: boolean;
  readonly root: boolean;
  readonly hooks: readonly HookStatus[];
  /** What is missing for enforcement, one phrase each; empty: nothing. */
  readonly missing: readonly string[];
}

export type RingName = 'alerts' | 'telemetry';

/** How far the batches of each ring are durable; from the spool of a former agent process. */
export interface StartPositions {
  /** `Engine.ringInstance` of that time: positions of other rings are not applied. */
  readonly instance: bigint;
  readonly alerts: bigint;
  readonly telemetry: bigint;
}

export interface OpenOptions {
  /** Default: the object that the build puts beside this file's tree. */
  readonly objectPath?: string;
  /** On a bpffs; made if it does not exist (its parent must). */
  readonly pinDirectory: string;
  /** Backends that may be used for exec. Default: all, the best that the kernel allows. */
  readonly backends?: readonly ExecBackend[];
  /**
   * Inode numbers of the mount namespaces in which host processes (the container runtime above
   * all) live, at most 8. Default: that of process 1, where it may be looked at, and our own.
   */
  readonly hostMountNamespaces?: readonly number[];
  readonly startPositions?: StartPositions;
}

export interface ContainerBinding {
  /** Id (inode number) of the container's cgroup in the v2 hierarchy. */
  readonly cgroupId: bigint;
  /** Ids of cgroups that already exist below it. Later ones are known to the kernel. */
  readonly nested?: readonly bigint[];
  /** Policy set ids; 0: none. */
  readonly activeSet: number;
  readonly candidateSet?: number;
  /**
   * st_dev of the container's root directory, as stat() gives it; left out: the device that its
   * first image was seen with, if it was seen.
   */
  readonly rootDevice?: bigint;
  /** An encoded bulkhead.v1.Container. */
  readonly facts: Uint8Array;
}

export interface EventBatch {
  readonly kind: 'alert' | 'telemetry';
  readonly eventCount: number;
  /** CLOCK_REALTIME, nanoseconds since 1970. */
  readonly firstTimeNs: bigint;
  readonly lastTimeNs: bigint;
  /** An encoded bulkhead.v1.EventBatch. */
  readonly payload: Buffer;
  /** Commit this once the batch is durable. */
  readonly ring: { readonly name: RingName; readonly instance: bigint; readonly position: bigint };
}

/** A container-to-be (or former one) below a watched parent. */
export interface CgroupEvent {
  readonly kind: 'mkdir' | 'rmdir';
  readonly cgroupId: bigint;
  readonly parentId: bigint;
  /** Below the root of the v2 hierarchy, with a leading slash. */
  readonly path: string;
}

export interface StartOptions {
  readonly onBatch: (batch: EventBatch) => void;
  readonly onCgroup?: (event: CgroupEvent) => void;
  /** How long a telemetry batch may gather. Default 200. Alerts never wait. */
  readonly flushMs?: number;
  /** A batch is closed when it reaches this. Default 256 KiB, 4 KiB to 1 MiB. */
  readonly maxBatchBytes?: number;
}

/**
 * How the sets of a container that has a candidate judged its acts; a block counts also where it is
 * only observed.
 */
export interface Comparison {
  readonly cgroupId: bigint;
  readonly activeSet: number;
  readonly candidateSet: number;
  /** Whose response it is. */
  readonly isCandidate: boolean;
  /** Index of a response that blocks; 64: of no response, every act. */
  readonly response: number;
  readonly bothAllow: bigint;
  readonly bothDeny: bigint;
  readonly onlyActiveDenies: bigint;
  readonly onlyCandidateDenies: bigint;
}

/** sizeof and offsetof of every struct of bpf/include/abi.h, as the addon was compiled. */
export type Layout = Readonly<
  Record<string, { readonly size: number; readonly members: Readonly<Record<string, number>> }>
>;

const DEFAULT_OBJECT = new URL('../../bpf/build/bulkhead.bpf.o', import.meta.url);
const DEFAULT_BACKENDS: readonly ExecBackend[] = ['lsm', 'fmod_ret', 'signal'];
const NO_AUTOMATON = new Uint8Array(0);
const POLICY_SET_BYTES = 4840;

/**
 * Tells which backend each hook would get on this kernel, by loading and attaching every program
 * for a moment. Changes nothing; never throws for what the kernel lacks.
 * @throws NativeError ADDON_MISSING, INVALID_ARGUMENT (no such object file)
 */
export function probe(
  options: { objectPath?: string; backends?: readonly ExecBackend[] } = {},
): ProbeResult {
  const addon = loadAddon();
  return translated(() => addon.probe(objectPath(options), execBackends(options)));
}

/** @throws NativeError ADDON_MISSING */
export function layout(): Layout {
  return translated(() => loadAddon().layout());
}

/**
 * Removes every program, link and map pinned under the directory, of any version, and the
 * directory; without loading anything. Answers whether there was something.
 * @throws NativeError BUSY (an engine is open), SYSTEM
 */
export function detach(pinDirectory: string): boolean {
  return translated(() => loadAddon().detach(pinDirectory));
}

/**
 * Loads, attaches and pins the programs, or adopts the ones that a former process pinned, without
 * a moment in which nothing is attached. An adopted engine goes on with the policy sets and
 * containers that are in the kernel; their responses and facts must be told again.
 * @throws NativeError BUSY (another process has it open), NOT_BPFFS, LOAD_FAILED, ATTACH_FAILED,
 *   INVALID_ARGUMENT, SYSTEM
 */
export function openEngine(options: OpenOptions): Engine {
  const addon = loadAddon();
  const path = objectPath(options);
  const namespaces = options.hostMountNamespaces ?? defaultHostNamespaces();
  const start = options.startPositions;
  const engine = translated(
    () =>
      new addon.Engine({
        objectPath: path,
        version: objectVersion(path),
        pinDirectory: options.pinDirectory,
        backends: execBackends(options),
        hostMountNamespaces: [...namespaces],
        startInstance: start?.instance ?? 0n,
        startAlerts: start?.alerts ?? 0n,
        startTelemetry: start?.telemetry ?? 0n,
      }),
  );
  return new Engine(engine);
}

/**
 * The attached programs, their tables, and the thread that reads their rings. Every call after
 * close() throws CLOSED; close() itself may be repeated.
 */
export class Engine {
  readonly #engine: AddonEngine;

  /** Use openEngine(). */
  constructor(engine: AddonEngine) {
    this.#engine = engine;
  }

  /** The programs were already attached by a former process. */
  get adopted(): boolean {
    return translated(() => this.#engine.adopted());
  }

  /** Older versions of the programs are attached beside these: see removeSuperseded(). */
  get supersedes(): boolean {
    return translated(() => this.#engine.supersedes());
  }

  get hooks(): readonly HookStatus[] {
    return translated(() => this.#engine.hooks());
  }

  /** Names the rings whose positions the batches carry; new rings, new instance. */
  get ringInstance(): bigint {
    return translated(() => this.#engine.ringInstance());
  }

  /**
   * Detaches older versions of the programs. Until then both judge; call it once the policy sets
   * and containers are told, so that no forbidden exec falls between them. What stands unread in
   * the old rings is lost. Answers whether there were any.
   */
  removeSuperseded(): boolean {
    return translated(() => this.#engine.removeSuperseded());
  }

  /** Cgroups made below this one become containers of their own; its own tasks are host. */
  watchCgroup(cgroupId: bigint): void {
    translated(() => this.#engine.watchCgroup(cgroupId));
  }

  unwatchCgroup(cgroupId: bigint): void {
    translated(() => this.#engine.unwatchCgroup(cgroupId));
  }

  /**
   * Puts a compiled set (proto/ts/policy/kernel-table.ts) into the kernel. A set never changes: the
   * same table again only renews the responses, another one needs an id that is not in policySetIds().
   * @param responses one encoded bulkhead.v1.ResponseRef for each response of the table
   * @param automaton of the set's path patterns (proto/ts/policy/automaton/serialise.ts), where it has any
   * @throws NativeError SET_EXISTS, MAP_FULL, INVALID_ARGUMENT
   */
  setPolicySet(
    id: number,
    table: Uint8Array,
    responses: readonly Uint8Array[],
    automaton: Uint8Array = NO_AUTOMATON,
  ): void {
    if (table.length !== POLICY_SET_BYTES) {
      throw new NativeError('INVALID_ARGUMENT', `a policy set has ${POLICY_SET_BYTES} bytes`);
    }
    translated(() => this.#engine.setPolicySet(id, table, [...responses], automaton));
  }

  /** What the ids of an adopted kernel stand for, also of a set that is gone while its events are read. */
  tellResponses(id: number, responses: readonly Uint8Array[]): void {
    translated(() => this.#engine.tellResponses(id, [...responses]));
  }

  /**
   * Removes a set that no container refers to any more. Its responses are kept until the events
   * that name them are read. Waits for the kernel's readers: some milliseconds.
   */
  deletePolicySet(id: number): void {
    translated(() => this.#engine.deletePolicySet(id));
  }

  /** The sets that are in the kernel, also those of a former process. */
  policySetIds(): number[] {
    return translated(() => this.#engine.policySetIds());
  }

  /**
   * Claims a cgroup as a container, or changes what it is bound to: atomically for each of its
   * processes, its nested cgroups included.
   * @throws NativeError MAP_FULL, INVALID_ARGUMENT
   */
  setContainer(binding: ContainerBinding): void {
    translated(() =>
      this.#engine.setContainer(
        binding.cgroupId,
        [...(binding.nested ?? [])],
        binding.activeSet,
        binding.candidateSet ?? 0,
        binding.rootDevice ?? 0n,
        binding.facts,
      ),
    );
  }

  /** Forgets a container; its facts are kept until its events are read. */
  deleteContainer(cgroupId: bigint): void {
    translated(() => this.#engine.deleteContainer(cgroupId));
  }

  /** The containers that are in the kernel, also those of a former process. */
  containerIds(): bigint[] {
    return translated(() => this.#engine.containerIds());
  }

  /** The set of containers that nobody has claimed yet; 0: none. */
  setUnknownSet(id: number): void {
    translated(() => this.#engine.setUnknownSet(id));
  }

  /**
   * Starts the thread. Batches come in ring order; what was read but not committed comes again
   * after a restart, so a batch must be durable before its position is committed.
   * @throws NativeError STARTED
   */
  start(options: StartOptions): void {
    translated(() =>
      this.#engine.start(
        options.onBatch,
        options.onCgroup ?? (() => undefined),
        options.flushMs ?? 200,
        options.maxBatchBytes ?? 256 * 1024,
      ),
    );
  }

  /**
   * Gives the ring's space up to a batch's position back to the kernel.
   * @throws NativeError INVALID_ARGUMENT (beyond what was delivered)
   */
  commit(ring: RingName, position: bigint): void {
    translated(() => this.#engine.commit(ring, position));
  }

  /** Every counter of bpf/README.md and of the reader, from when the programs were loaded. */
  counters(): Record<string, bigint> {
    return translated(() => this.#engine.counters());
  }

  /** What the candidate sets of containers would have done otherwise, since they were bound. */
  comparisons(): Comparison[] {
    return translated(() => [...this.#engine.comparisons()]);
  }

  /** Ends the thread; no callback runs after it. What it read and did not deliver stays in the rings. */
  stop(): void {
    translated(() => this.#engine.stop());
  }

  /** Ends enforcement: removes all links, maps and pins. Then only close() is left. */
  detach(): void {
    translated(() => this.#engine.detach());
  }

  /** Lets go; what is pinned goes on enforcing. */
  close(): void {
    translated(() => this.#engine.close());
  }
}

function objectPath(options: { objectPath?: string }): string {
  return options.objectPath ?? fileURLToPath(DEFAULT_OBJECT);
}

function execBackends(options: { backends?: readonly ExecBackend[] }): ExecBackend[] {
  return [...(options.backends ?? DEFAULT_BACKENDS)];
}

/** In a pod with hostPID process 1 is the host's; some machines let nobody look at it. */
function defaultHostNamespaces(): number[] {
  const found = new Set<number>();
  for (const process of ['1', 'self']) {
    try {
      found.add(statSync(`/proc/${process}/ns/mnt`).ino);
    } catch {
      // The other one is left.
    }
  }
  return [...found];
}

/** Pins of different versions never mix: the directory is named after the object's bytes. */
function objectVersion(path: string): string {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16);
  } catch (error) {
    throw new NativeError('INVALID_ARGUMENT', `cannot read ${path}`, { cause: error });
  }
}
