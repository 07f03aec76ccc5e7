import { Counter, type Registry } from 'prom-client';

export interface LimitMetrics {
  readonly limited: Counter<'limit'>;
}

export function limitMetrics(registry: Registry): LimitMetrics {
  return {
    limited: new Counter({
      name: 'bulkhead_rate_limited_total',
      help: 'Requests and joins refused, and batches held back, by the limit that they met',
      labelNames: ['limit'],
      registers: [registry],
    }),
  };
}
