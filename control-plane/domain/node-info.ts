import type { HookStatus__Output } from '../../proto/ts/gen/bulkhead/v1/HookStatus.js';
import type { Losses__Output } from '../../proto/ts/gen/bulkhead/v1/Losses.js';
import type { NodeInfo__Output } from '../../proto/ts/gen/bulkhead/v1/NodeInfo.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { isKubernetesVersion } from '../../proto/ts/wire/kubernetes-version.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';

/** What an agent says of itself, checked and cut to what is worth keeping. */
export interface NodeFacts {
  readonly name: string;
  readonly kernelRelease: string;
  readonly architecture: string;
  readonly agentVersion: string;
  readonly hooks: readonly HookFacts[];
  /** v1.31.2 */
  readonly kubernetesVersion: string | undefined;
}

export interface HookFacts {
  readonly hook: string;
  readonly backend: 'none' | 'lsm' | 'fmod_ret' | 'signal' | 'fexit' | 'tracepoint';
  readonly reason: string;
}

export interface LossFacts {
  /** Decimal. */
  readonly emitted: string;
  readonly acknowledged: string;
  readonly dropped: readonly { readonly reason: string; readonly count: string }[];
}

const HOOKS_MAX = 64;
const LOSSES_MAX = 64;
const REASON_BYTES = 512;
// A node name becomes part of messages and of other systems' fields.
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;

const BACKENDS: Readonly<Record<string, HookFacts['backend']>> = {
  BACKEND_LSM: 'lsm',
  BACKEND_FMOD_RET: 'fmod_ret',
  BACKEND_SIGNAL: 'signal',
  BACKEND_FEXIT: 'fexit',
  BACKEND_TRACEPOINT: 'tracepoint',
};

/** @throws BulkheadError INVALID_ARGUMENT */
export function nodeFactsFromWire(node: NodeInfo__Output | null): NodeFacts {
  if (!node) throw new BulkheadError('INVALID_ARGUMENT', 'the node does not say who it is');
  if (!NAME.test(node.name) || node.name.length > LIMITS.nameBytes) {
    throw new BulkheadError(
      'INVALID_ARGUMENT',
      'the node name is empty, too long, or has characters that a host name has not',
    );
  }
  return {
    name: node.name,
    kernelRelease: cut(node.kernelRelease),
    architecture: cut(node.architecture),
    agentVersion: cut(node.agentVersion),
    hooks: hooksFromWire(node.hooks),
    kubernetesVersion: isKubernetesVersion(node.kubernetesVersion)
      ? node.kubernetesVersion
      : undefined,
  };
}

export function hooksFromWire(hooks: readonly HookStatus__Output[]): HookFacts[] {
  return hooks.slice(0, HOOKS_MAX).map((status) => ({
    hook: cut(status.hook),
    backend: BACKENDS[status.backend] ?? 'none',
    reason: cut(status.reason),
  }));
}

export function lossesFromWire(losses: Losses__Output | null): LossFacts | undefined {
  if (!losses) return undefined;
  return {
    emitted: losses.emitted,
    acknowledged: losses.acknowledged,
    dropped: losses.dropped
      .slice(0, LOSSES_MAX)
      .map(({ reason, count }) => ({ reason: cut(reason), count })),
  };
}

/** At most `bytes` bytes, without characters that Postgres or a terminal cannot bear. */
export function cut(text: string, bytes: number = REASON_BYTES): string {
  const clean = text.replace(/[\p{Cc}\p{Cs}]+/gu, ' ');
  if (Buffer.byteLength(clean) <= bytes) return clean;
  return Buffer.from(clean)
    .subarray(0, bytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
}
