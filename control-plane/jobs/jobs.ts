import { Bell } from '../domain/bell.js';
import type { ElasticsearchSink } from '../sinks/elasticsearch.js';
import { trimChanges } from '../store/changes.js';
import { CHANNELS } from '../store/database.js';
import { registerConsumer } from '../store/event-cursors.js';
import { ensurePartitions } from '../store/partitions.js';
import { backlogLoop } from './backlog.js';
import { DECODE_CONSUMER, type DecodeDependencies, decodeRound } from './decode.js';
import { type DeliveriesDependencies, deliveriesRound } from './deliveries.js';
import { ALERTS_CONSUMER, EVENTS_CONSUMER, elasticsearchLoops } from './elasticsearch.js';
import { type LoopOptions, runLoop } from './loop.js';
import { type RetentionDependencies, retentionRound } from './retention.js';

export interface JobsDependencies
  extends DecodeDependencies,
    DeliveriesDependencies,
    RetentionDependencies {
  readonly elasticsearch: ElasticsearchSink | undefined;
}

export interface Jobs {
  /** Begins nothing new; what is under way comes to its end, or is cut short when `cut` aborts. */
  stop(cut: AbortSignal): Promise<void>;
}

const HOUR_MS = 3_600_000;
const PARTITION_DAYS_AHEAD = 3;
/** A stream of live updates that was away for longer reads everything again. */
const CHANGES_KEPT_MS = HOUR_MS;

/** Every loop of a worker. They share nothing but the database: another worker may run the same ones. */
export async function startJobs(dependencies: JobsDependencies): Promise<Jobs> {
  const { database, log, metrics, elasticsearch } = dependencies;
  await ensurePartitions(database, PARTITION_DAYS_AHEAD);
  await database.withPlatform((tx) => registerConsumer(tx, DECODE_CONSUMER));
  const stopped = new AbortController();
  const cutting = new AbortController();
  const decodeBell = new Bell();
  const deliveryBell = new Bell();
  const subscription = await database.listen(CHANNELS.alerts, () => decodeBell.ring());
  const loops: Omit<LoopOptions, 'log' | 'metrics'>[] = [
    {
      name: 'decode',
      everyMs: 1_000,
      bell: decodeBell,
      round: async () => {
        const more = await decodeRound(dependencies);
        // Deliveries are written by the round itself.
        if (more) deliveryBell.ring();
        return more;
      },
    },
    {
      name: 'deliveries',
      everyMs: 1_000,
      bell: deliveryBell,
      round: (cut) => deliveriesRound(dependencies, cut),
    },
    {
      name: 'partitions',
      everyMs: HOUR_MS,
      round: async () => {
        await ensurePartitions(database, PARTITION_DAYS_AHEAD);
        return false;
      },
    },
    {
      name: 'retention',
      everyMs: HOUR_MS,
      round: async (cut) => {
        await retentionRound(dependencies, cut);
        return false;
      },
    },
    {
      name: 'changes',
      everyMs: 60_000,
      round: async () => {
        await trimChanges(database, new Date(Date.now() - CHANGES_KEPT_MS));
        return false;
      },
    },
    ...elasticsearchLoops(dependencies),
    backlogLoop(dependencies, {
      batches: [DECODE_CONSUMER, ...(elasticsearch ? [EVENTS_CONSUMER] : [])],
      alerts: elasticsearch ? [ALERTS_CONSUMER] : [],
    }),
  ];
  const running = loops.map((loop) =>
    runLoop({ ...loop, log, metrics }, stopped.signal, cutting.signal),
  );
  return {
    async stop(cut) {
      stopped.abort();
      const onCut = () => cutting.abort();
      if (cut.aborted) onCut();
      cut.addEventListener('abort', onCut);
      await Promise.all(running);
      cut.removeEventListener('abort', onCut);
      await subscription.close();
    },
  };
}
