import { join } from 'node:path';
import type { Logger } from 'pino';
import type { ContainerFacts } from '../../proto/ts/policy/model.js';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { cgroupId } from './cgroup-tree.js';
import type { CriClient } from './cri-client.js';
import {
  type ContainerStatus,
  findContainer,
  type ListedContainer,
  listContainers,
  readContainerPlace,
  readContainerStatus,
} from './cri-containers.js';

/** A cgroup came or went below a watched one, told by the kernel. */
export interface CgroupEvent {
  readonly kind: 'mkdir' | 'rmdir';
  readonly cgroupId: bigint;
  /** Below the v2 root. */
  readonly path: string;
}

/** A container whose cgroup is known. */
export interface KnownContainer {
  readonly cgroupId: bigint;
  /** Below the v2 root. */
  readonly cgroupPath: string;
  /** 0n: not known yet; a second call tells it. */
  readonly rootDevice: bigint;
  readonly facts: ContainerFacts;
}

/** Who wants to know. Calls for one container come in order. */
export interface ContainerSink {
  containerSeen(container: KnownContainer): void;
  containerGone(cgroupId: bigint): void;
}

export interface ContainerWatchOptions {
  /** The runtime's client; undefined while there is no socket. */
  readonly runtime: () => CriClient | undefined;
  readonly cgroupRoot: string;
  readonly sink: ContainerSink;
  readonly log: Logger;
  /** What a former agent knew and the sink still has: those that are gone are told as gone. */
  readonly former?: readonly KnownContainer[];
  /** After each list of all containers. */
  readonly onListed?: () => void;
  readonly rescanMs?: number;
}

const RESCAN_MS = 10_000;
/** A container that is made is told by its runtime within milliseconds, and has started within seconds. */
const SETTLE_BACKOFF = { initialMs: 4, maxMs: 1_000 };
const SETTLE_MS = 30_000;
/** How runtimes name a container's cgroup after its id, in the cgroupfs and in the systemd way. */
const CGROUP_NAME = /^(?:(?:cri-containerd|crio|docker|libpod)-)?([0-9a-f]{64})(?:\.scope)?$/;

/**
 * Keeps the list of the runtime's containers. A cgroup that the kernel reports starts a search at
 * once; a rescan finds what a lost report or a runtime's outage hid, and what is gone.
 */
export class ContainerWatch {
  readonly #options: ContainerWatchOptions;
  /** Container id -> what the sink was told. */
  readonly #known = new Map<string, KnownContainer>();
  /** Container id -> its cgroup's id; searches under way. */
  readonly #searches = new Map<string, bigint>();
  #signal = AbortSignal.abort();
  #warned = false;

  constructor(options: ContainerWatchOptions) {
    this.#options = options;
    for (const container of options.former ?? []) this.#known.set(container.facts.id, container);
  }

  /** Rescans until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    while (!signal.aborted) {
      await this.#rescanOrWarn();
      await sleep(this.#options.rescanMs ?? RESCAN_MS, signal);
    }
  }

  /** Returns at once; what is found goes to the sink. */
  onCgroup(event: CgroupEvent): void {
    const containerId = CGROUP_NAME.exec(event.path.split('/').at(-1) ?? '')?.[1];
    if (containerId === undefined) return;
    if (event.kind === 'rmdir') {
      this.#searches.delete(containerId);
    } else if (!this.#searches.has(containerId)) {
      this.#searches.set(containerId, event.cgroupId);
      void this.#search(containerId, event);
    }
  }

  /** Asks until the container's place is known, its cgroup is gone, or the rescan has to do. */
  async #search(containerId: string, event: CgroupEvent): Promise<void> {
    const deadline = Date.now() + SETTLE_MS;
    for (let attempt = 0; Date.now() < deadline && !this.#signal.aborted; attempt += 1) {
      if (this.#searches.get(containerId) !== event.cgroupId) return;
      try {
        const cri = this.#options.runtime();
        const listed = cri && (await findContainer(cri, containerId));
        if (listed && (await this.#take(cri, listed, event))) break;
      } catch (error) {
        this.#options.log.debug({ err: error, containerId }, 'the runtime does not answer');
      }
      await sleep(backoffMs(attempt, SETTLE_BACKOFF), this.#signal);
    }
    this.#searches.delete(containerId);
  }

  async #rescanOrWarn(): Promise<void> {
    const cri = this.#options.runtime();
    try {
      if (cri === undefined) throw new Error('no container runtime socket');
      await this.#rescan(cri);
      if (this.#warned) this.#options.log.info('the container runtime answers');
      this.#warned = false;
    } catch (error) {
      if (this.#warned || this.#signal.aborted) return;
      this.#warned = true;
      this.#options.log.warn({ err: error }, 'containers stay unknown until the runtime answers');
    }
  }

  async #rescan(cri: CriClient): Promise<void> {
    const before = [...this.#known];
    const listed = await listContainers(cri);
    for (const container of listed) {
      if ((this.#known.get(container.id)?.rootDevice ?? 0n) === 0n)
        await this.#take(cri, container);
    }
    const present = new Set(listed.map((container) => container.id));
    for (const [id, { cgroupId: gone }] of before) {
      if (present.has(id)) continue;
      this.#known.delete(id);
      this.#options.sink.containerGone(gone);
    }
    this.#options.onListed?.();
  }

  /** Tells the sink what is new of a container. Resolves to whether all is known. */
  async #take(cri: CriClient, listed: ListedContainer, event?: CgroupEvent): Promise<boolean> {
    const status = await readContainerStatus(cri, listed);
    const found = status && (await this.#place(listed.id, status, event));
    if (found === undefined || this.#signal.aborted) return false;
    const known = this.#known.get(listed.id);
    if (known?.cgroupId === found.cgroupId && known.rootDevice !== 0n) return true;
    if (known?.cgroupId !== found.cgroupId || known.rootDevice !== found.rootDevice) {
      if (known && known.cgroupId !== found.cgroupId)
        this.#options.sink.containerGone(known.cgroupId);
      this.#known.set(listed.id, found);
      this.#options.sink.containerSeen(found);
    }
    return found.rootDevice !== 0n;
  }

  /** undefined: neither a process nor the kernel's report tells the cgroup. */
  async #place(
    containerId: string,
    { facts, pid }: ContainerStatus,
    event: CgroupEvent | undefined,
  ): Promise<KnownContainer | undefined> {
    const place = pid === undefined ? undefined : await readContainerPlace(containerId, pid);
    if (place) {
      const id = await cgroupId(join(this.#options.cgroupRoot, place.cgroupPath)).catch(
        () => undefined,
      );
      if (id !== undefined) return { ...place, cgroupId: id, facts };
    }
    const reported = event ?? this.#known.get(containerId);
    if (reported === undefined) return undefined;
    const cgroupPath = 'path' in reported ? reported.path : reported.cgroupPath;
    return { cgroupId: reported.cgroupId, cgroupPath, rootDevice: 0n, facts };
  }
}
