import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ContainerBinding, NativeError } from '../../node-agent/native/native.js';
import type { KernelPolicies } from '../../node-agent/policy/enforcement.js';

/** The maps of the kernel in memory, with the addon's rules about ids, and calls that fail on demand. */
export class FakeKernel implements KernelPolicies {
  readonly sets = new Map<number, readonly Uint8Array[]>();
  readonly automatons = new Map<number, Uint8Array>();
  readonly containers = new Map<bigint, ContainerBinding>();
  unknownSet = 0;
  toldSets: number[] = [];
  toldContainers: bigint[] = [];
  #failing: { call: string; at: number } | undefined;

  constructor(readonly ringInstance = 1n) {}

  /** The `at`th of the calls to come fails, once. */
  failNext(call: 'setPolicySet' | 'setContainer', at: number): void {
    this.#failing = { call, at };
  }

  /** As when the agent is a new process: maps stay, what was told is unknown. */
  forgetTold(): void {
    this.toldSets = [];
    this.toldContainers = [];
  }

  /** When what was started in the background has run. */
  get settled(): Promise<void> {
    return nextTurn();
  }

  setPolicySet(
    id: number,
    table: Uint8Array,
    responses: readonly Uint8Array[],
    automaton: Uint8Array,
  ): void {
    this.#fail('setPolicySet');
    this.automatons.set(id, automaton);
    const [known] = this.sets.get(id) ?? [];
    if (known && Buffer.compare(known, table) !== 0) throw new NativeError('SET_EXISTS', `${id}`);
    this.sets.set(id, [table, ...responses]);
    this.toldSets.push(id);
  }

  tellResponses(id: number): void {
    this.toldSets.push(id);
  }

  deletePolicySet(id: number): void {
    this.sets.delete(id);
  }

  policySetIds(): number[] {
    return [...this.sets.keys()];
  }

  setContainer(binding: ContainerBinding): void {
    this.#fail('setContainer');
    if (binding.activeSet !== 0 && !this.sets.has(binding.activeSet)) {
      throw new NativeError('INVALID_ARGUMENT', `no set ${binding.activeSet}`);
    }
    this.containers.set(binding.cgroupId, binding);
    this.toldContainers.push(binding.cgroupId);
  }

  deleteContainer(cgroupId: bigint): void {
    this.containers.delete(cgroupId);
  }

  containerIds(): bigint[] {
    return [...this.containers.keys()];
  }

  setUnknownSet(id: number): void {
    this.unknownSet = id;
  }

  #fail(call: string): void {
    if (this.#failing?.call !== call) return;
    this.#failing.at -= 1;
    if (this.#failing.at > 0) return;
    this.#failing = undefined;
    throw new NativeError('MAP_FULL', 'no room');
  }
}
