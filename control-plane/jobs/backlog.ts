import type { JobMetrics } from '../metrics/jobs.js';
import { readBacklog } from '../store/backlog.js';
import type { Database } from '../store/database.js';
import type { LoopOptions } from './loop.js';

export interface BacklogDependencies {
  readonly database: Database;
  readonly metrics: JobMetrics;
}

const EVERY_MS = 15_000;

/** A loop and not a question at each scrape: however often one is asked, the database answers as before. */
export function backlogLoop(
  { database, metrics }: BacklogDependencies,
  consumers: { readonly batches: readonly string[]; readonly alerts: readonly string[] },
): Omit<LoopOptions, 'log' | 'metrics'> {
  return {
    name: 'backlog',
    everyMs: EVERY_MS,
    round: async () => {
      const backlog = await readBacklog(database, consumers);
      for (const [consumer, lag] of backlog.lagSeconds) metrics.consumerLag.set({ consumer }, lag);
      for (const [consumer, waiting] of backlog.alertChanges) {
        metrics.alertChangesWaiting.set({ consumer }, waiting);
      }
      metrics.outboxDue.set(backlog.dueDeliveries);
      return false;
    },
  };
}
