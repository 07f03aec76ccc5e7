import type { Logger } from 'pino';
import { bindPolicies } from '../../proto/ts/policy/bind.js';
import { encodeContainer } from '../../proto/ts/policy/kernel-table.js';
import type { BundledPolicy, ContainerFacts } from '../../proto/ts/policy/model.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { ContainerSink, KnownContainer } from '../containers/container-watch.js';
import type { Engine } from '../native/native.js';
import type { KernelStateFile, StoredContainer, StoredSet } from './kernel-state.js';
import { type CompiledSet, compileSet, keyOfStored, NO_SET } from './policy-sets.js';

/** The part of the engine that holds policies and containers. */
export type KernelPolicies = Pick<
  Engine,
  | 'ringInstance'
  | 'setPolicySet'
  | 'tellResponses'
  | 'deletePolicySet'
  | 'policySetIds'
  | 'setContainer'
  | 'deleteContainer'
  | 'containerIds'
  | 'setUnknownSet'
>;

export interface EnforcementOptions {
  readonly kernel: KernelPolicies;
  readonly state: KernelStateFile;
  /** Ids of the cgroups below a container's. */
  readonly nestedCgroups: (cgroupPath: string) => Promise<bigint[]>;
  readonly log: Logger;
  readonly now?: () => number;
}

/** Records of a set or container that is gone have left the rings after this long, or never will. */
const KEEP_RETIRED_MS = 10 * 60_000;

/**
 * What the kernel holds: one policy set per distinct content, each container bound to one. Only
 * here are set ids given out; an id never comes back with another content.
 */
export class Enforcement implements ContainerSink {
  readonly #options: EnforcementOptions;
  readonly #kernel: KernelPolicies;
  readonly #now: () => number;
  /** undefined: none were applied yet; what a former agent bound stays. */
  #policies: readonly BundledPolicy[] | undefined;
  #unknownSet = NO_SET;
  #nextSetId = 1;
  readonly #sets = new Map<number, StoredSet>();
  /** Content key -> id, of the sets that are not retired. */
  readonly #idByKey = new Map<string, number>();
  readonly #containers = new Map<bigint, StoredContainer>();

  constructor(options: EnforcementOptions) {
    this.#options = options;
    this.#kernel = options.kernel;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Tells the engine again what the ids in its adopted maps stand for. Call it once, before the
   * engine starts to read. Resolves to the containers that a former agent knew.
   */
  restore(): KnownContainer[] {
    const stored = this.#options.state.load();
    const inKernel = new Set(this.#kernel.policySetIds());
    this.#nextSetId = Math.max(0, ...inKernel, ...(stored?.sets ?? []).map(({ id }) => id)) + 1;
    if (stored?.instance !== this.#kernel.ringInstance) return [];
    this.#unknownSet = stored.unknownSet;
    for (const set of stored.sets) {
      // One that never got to the kernel: the agent ended before, and no container has it.
      if (set.retiredUnixMs !== undefined || inKernel.has(set.id)) this.#restoreSet(set);
    }
    const containersInKernel = new Set(this.#kernel.containerIds());
    for (const container of stored.containers) {
      const isGone = container.retiredUnixMs !== undefined;
      // One that is neither gone nor in the kernel: the agent ended before it could tell it.
      if (!isGone && !containersInKernel.has(container.cgroupId)) continue;
      this.#containers.set(container.cgroupId, container);
      this.#bind(isGone ? { ...container, setId: NO_SET } : container);
      if (isGone) this.#kernel.deleteContainer(container.cgroupId);
    }
    return this.#liveContainers();
  }

  /**
   * Binds every container to these policies; when it returns, all of it is in force.
   * @throws BulkheadError BUNDLE_NOT_LOADED: what was in force is still
   */
  applyPolicies(policies: readonly BundledPolicy[]): void {
    const containers = this.#liveContainers();
    const added: number[] = [];
    try {
      const unknownSet = this.#ensureSet(policies, undefined, added);
      const rebound = containers.map((container) => ({
        ...container,
        setId: this.#ensureSet(policies, container.facts, added),
      }));
      this.#save(rebound);
      this.#rebind(containers, rebound, unknownSet);
    } catch (cause) {
      for (const id of added) this.#forgetSet(id);
      this.#save();
      if (cause instanceof BulkheadError) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new BulkheadError('BUNDLE_NOT_LOADED', message, { cause });
    }
    this.#policies = policies;
    this.#retireUnused();
  }

  containerSeen(container: KnownContainer): void {
    const stored = { ...container, setId: this.#setFor(container) };
    this.#containers.set(container.cgroupId, stored);
    this.#save();
    try {
      this.#bind(stored);
    } catch (error) {
      this.#options.log.error({ err: error, container: container.facts }, 'container not bound');
      return;
    }
    this.#options.log.debug({ container: container.facts, setId: stored.setId }, 'container bound');
    void this.#claimNested(container.cgroupId);
  }

  containerGone(cgroupId: bigint): void {
    const container = this.#containers.get(cgroupId);
    if (container === undefined) return;
    this.#containers.set(cgroupId, { ...container, retiredUnixMs: this.#now() });
    this.#kernel.deleteContainer(cgroupId);
    this.#retireUnused();
  }

  /** Deletes what a former agent left in the kernel and nobody knows. */
  containersListed(): void {
    for (const id of this.#kernel.containerIds()) {
      if (!this.#containers.has(id)) this.#kernel.deleteContainer(id);
    }
    for (const id of this.#kernel.policySetIds()) {
      if (!this.#sets.has(id)) this.#kernel.deletePolicySet(id);
    }
  }

  #restoreSet(set: StoredSet): void {
    this.#sets.set(set.id, set);
    this.#kernel.tellResponses(set.id, set.responses);
    if (set.retiredUnixMs === undefined) this.#idByKey.set(keyOfStored(set), set.id);
    else this.#kernel.deletePolicySet(set.id);
  }

  #rebind(
    former: readonly StoredContainer[],
    next: readonly StoredContainer[],
    unknownSet: number,
  ): void {
    try {
      this.#kernel.setUnknownSet(unknownSet);
      for (const container of next) this.#bind(container);
    } catch (error) {
      this.#kernel.setUnknownSet(this.#unknownSet);
      for (const container of former) this.#bind(container);
      throw error;
    }
    this.#unknownSet = unknownSet;
    for (const container of next) this.#containers.set(container.cgroupId, container);
  }

  #bind(container: StoredContainer): void {
    this.#kernel.setContainer({
      cgroupId: container.cgroupId,
      activeSet: container.setId,
      rootDevice: container.rootDevice,
      facts: encodeContainer(container.facts),
    });
  }

  /** Cgroups that were made before the container was claimed became containers of their own. */
  async #claimNested(cgroupId: bigint): Promise<void> {
    try {
      const path = this.#containers.get(cgroupId)?.cgroupPath;
      const nested = path === undefined ? [] : await this.#options.nestedCgroups(path);
      const container = this.#containers.get(cgroupId);
      if (nested.length === 0 || container === undefined || container.retiredUnixMs !== undefined) {
        return;
      }
      const { setId: activeSet, rootDevice, facts } = container;
      const encoded = encodeContainer(facts);
      this.#kernel.setContainer({ cgroupId, nested, activeSet, rootDevice, facts: encoded });
    } catch (error) {
      this.#options.log.error({ err: error, cgroupId }, 'nested cgroups not claimed');
    }
  }

  /** A container whose own set cannot be made gets that of an unknown one. */
  #setFor({ cgroupId, facts }: KnownContainer): number {
    if (this.#policies === undefined) {
      return this.#containers.get(cgroupId)?.setId ?? this.#unknownSet;
    }
    try {
      return this.#ensureSet(this.#policies, facts, []);
    } catch (error) {
      this.#options.log.error({ err: error, container: facts }, 'no policy set for the container');
      return this.#unknownSet;
    }
  }

  #ensureSet(
    policies: readonly BundledPolicy[],
    facts: ContainerFacts | undefined,
    added: number[],
  ): number {
    const compiled = compileSet(bindPolicies(policies, facts));
    if (compiled === undefined) return NO_SET;
    return this.#idByKey.get(compiled.key) ?? this.#addSet(compiled, added);
  }

  #addSet(compiled: CompiledSet, added: number[]): number {
    const { key, table, responses, patterns } = compiled;
    const automaton = compiled.buildAutomaton();
    const id = this.#nextSetId;
    this.#nextSetId += 1;
    this.#sets.set(id, { id, table, responses, patterns });
    this.#save();
    try {
      this.#kernel.setPolicySet(id, table, responses, automaton);
    } catch (error) {
      this.#sets.delete(id);
      throw error;
    }
    this.#idByKey.set(key, id);
    added.push(id);
    return id;
  }

  /** Of a set that never came into use. */
  #forgetSet(id: number): void {
    const set = this.#sets.get(id);
    if (set) this.#idByKey.delete(keyOfStored(set));
    this.#sets.delete(id);
    this.#kernel.deletePolicySet(id);
  }

  #retireUnused(): void {
    const used = new Set(this.#liveContainers().map(({ setId }) => setId)).add(this.#unknownSet);
    for (const set of this.#sets.values()) {
      if (used.has(set.id) || set.retiredUnixMs !== undefined) continue;
      this.#idByKey.delete(keyOfStored(set));
      this.#sets.set(set.id, { ...set, retiredUnixMs: this.#now() });
      this.#kernel.deletePolicySet(set.id);
    }
    this.#save();
  }

  #liveContainers(): StoredContainer[] {
    return [...this.#containers.values()].filter(
      ({ retiredUnixMs }) => retiredUnixMs === undefined,
    );
  }

  /** `containers`: those that are about to be in force, beside the present ones. */
  #save(containers: readonly StoredContainer[] = []): void {
    this.#forgetOld(this.#sets);
    this.#forgetOld(this.#containers);
    const merged = new Map(this.#containers);
    for (const container of containers) merged.set(container.cgroupId, container);
    this.#options.state.save({
      instance: this.#kernel.ringInstance,
      unknownSet: this.#unknownSet,
      sets: [...this.#sets.values()],
      containers: [...merged.values()],
    });
  }

  #forgetOld<Id>(kept: Map<Id, { readonly retiredUnixMs?: number }>): void {
    for (const [id, { retiredUnixMs }] of kept) {
      if (retiredUnixMs !== undefined && this.#now() - retiredUnixMs > KEEP_RETIRED_MS) {
        kept.delete(id);
      }
    }
  }
}
