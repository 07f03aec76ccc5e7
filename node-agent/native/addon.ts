import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type {
  CgroupEvent,
  Comparison,
  EventBatch,
  ExecBackend,
  HookStatus,
  Layout,
  ProbeResult,
  RingName,
} from './native.js';

/** What the addon exports: src/addon.cc and src/engine_object.cc, same names, same order. */
export interface Addon {
  probe(objectPath: string, backends: ExecBackend[]): ProbeResult;
  layout(): Layout;
  detach(pinDirectory: string): boolean;
  Engine: new (options: AddonOpenOptions) => AddonEngine;
}

interface AddonOpenOptions {
  objectPath: string;
  version: string;
  pinDirectory: string;
  backends: ExecBackend[];
  hostMountNamespaces: number[];
  startInstance: bigint;
  startAlerts: bigint;
  startTelemetry: bigint;
}

export interface AddonEngine {
  adopted(): boolean;
  supersedes(): boolean;
  hooks(): HookStatus[];
  ringInstance(): bigint;
  removeSuperseded(): boolean;
  watchCgroup(cgroupId: bigint): void;
  unwatchCgroup(cgroupId: bigint): void;
  setPolicySet(id: number, table: Uint8Array, responses: Uint8Array[], automaton: Uint8Array): void;
  tellResponses(id: number, responses: Uint8Array[]): void;
  deletePolicySet(id: number): void;
  policySetIds(): number[];
  setContainer(
    cgroupId: bigint,
    nested: bigint[],
    activeSet: number,
    candidateSet: number,
    rootDevice: bigint,
    facts: Uint8Array,
  ): void;
  deleteContainer(cgroupId: bigint): void;
  containerIds(): bigint[];
  setUnknownSet(id: number): void;
  start(
    onBatch: (batch: EventBatch) => void,
    onCgroup: (event: CgroupEvent) => void,
    flushMs: number,
    maxBatchBytes: number,
  ): void;
  commit(ring: RingName, position: bigint): void;
  counters(): Record<string, bigint>;
  comparisons(): Comparison[];
  stop(): void;
  detach(): void;
  close(): void;
}

/** Codes and what to do: node-agent/native/README.md. */
export const NATIVE_ERROR_CODES = [
  'ADDON_MISSING',
  'ATTACH_FAILED',
  'BUSY',
  'CLOSED',
  'INVALID_ARGUMENT',
  'LOAD_FAILED',
  'MAP_FULL',
  'NOT_BPFFS',
  'SET_EXISTS',
  'STARTED',
  'SYSTEM',
] as const;

export type NativeErrorCode = (typeof NATIVE_ERROR_CODES)[number];

export class NativeError extends Error {
  override readonly name = 'NativeError';

  constructor(
    readonly code: NativeErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

const ADDON = new URL('./build/bulkhead.node', import.meta.url);

/** @throws NativeError ADDON_MISSING */
export function loadAddon(): Addon {
  try {
    const load: (path: string) => Addon = createRequire(import.meta.url);
    return load(fileURLToPath(ADDON));
  } catch (error) {
    throw new NativeError('ADDON_MISSING', 'the native addon is not built for this machine', {
      cause: error,
    });
  }
}

/** Runs a call of the addon; its errors come from another realm and are known by their code. */
export function translated<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = NATIVE_ERROR_CODES.find((known) => known === codeOf(error));
    if (code === undefined) throw error;
    throw new NativeError(code, messageOf(error), { cause: error });
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error);
}
