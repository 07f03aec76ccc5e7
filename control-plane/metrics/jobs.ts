import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface JobMetrics {
  readonly rounds: Counter<'loop' | 'outcome'>;
  readonly seconds: Histogram<'loop'>;
  readonly consumerLag: Gauge<'consumer'>;
  readonly alertChangesWaiting: Gauge<'consumer'>;
  readonly outboxDue: Gauge;
  readonly deliveries: Counter<'outcome'>;
}

export function jobMetrics(registry: Registry): JobMetrics {
  const registers = [registry];
  return {
    rounds: new Counter({
      name: 'bulkhead_job_rounds_total',
      help: 'Rounds of a loop, by outcome: done, failed',
      labelNames: ['loop', 'outcome'],
      registers,
    }),
    seconds: new Histogram({
      name: 'bulkhead_job_round_duration_seconds',
      help: 'How long a round took',
      labelNames: ['loop'],
      buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60],
      registers,
    }),
    consumerLag: new Gauge({
      name: 'bulkhead_consumer_lag_seconds',
      help: 'Age of the oldest batch that a consumer of the log has not read; 0: none',
      labelNames: ['consumer'],
      registers,
    }),
    alertChangesWaiting: new Gauge({
      name: 'bulkhead_alert_changes_waiting',
      help: 'Changed alerts that a consumer has not read; counted to 10000',
      labelNames: ['consumer'],
      registers,
    }),
    outboxDue: new Gauge({
      name: 'bulkhead_outbox_due',
      help: 'Deliveries whose turn it is; counted to 10000',
      registers,
    }),
    deliveries: new Counter({
      name: 'bulkhead_deliveries_total',
      help: 'Tries to deliver, by outcome: delivered, retry, dead',
      labelNames: ['outcome'],
      registers,
    }),
  };
}
