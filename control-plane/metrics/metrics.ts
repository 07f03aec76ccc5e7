import { collectDefaultMetrics, Registry } from 'prom-client';
import { type HttpMetrics, httpMetrics } from './http.js';
import { type JobMetrics, jobMetrics } from './jobs.js';
import { type KeyMetrics, keyMetrics } from './keys.js';
import { type LimitMetrics, limitMetrics } from './limits.js';
import { type PoolMetrics, poolMetrics } from './pools.js';
import { type RpcMetrics, rpcMetrics } from './rpc.js';

/**
 * What a process counts. One registry, made by the composition root and handed down: the global one of
 * prom-client is never used. No label holds what a tenant chooses (a name, an id, a path): each new
 * value would be a series more, for as long as the process lives.
 */
export interface Metrics {
  readonly registry: Registry;
  readonly http: HttpMetrics;
  readonly rpc: RpcMetrics;
  readonly jobs: JobMetrics;
  readonly limits: LimitMetrics;
  readonly pools: PoolMetrics;
  readonly keys: KeyMetrics;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  return {
    registry,
    http: httpMetrics(registry),
    rpc: rpcMetrics(registry),
    jobs: jobMetrics(registry),
    limits: limitMetrics(registry),
    pools: poolMetrics(registry),
    keys: keyMetrics(registry),
  };
}

/** The process's own: event loop, memory, garbage collection. Under the names that every Node program has. */
export function collectProcessMetrics({ registry }: Metrics): void {
  collectDefaultMetrics({ register: registry });
}
