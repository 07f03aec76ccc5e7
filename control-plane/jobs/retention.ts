import type { Logger } from 'pino';
import type { Database } from '../store/database.js';
import { dropEventDaysBefore } from '../store/partitions.js';
import {
  deleteClosedAlertsBefore,
  deleteDeliveriesBefore,
  deleteEventsBefore,
  dropBatchesBefore,
} from '../store/retention.js';
import { listRetentions } from '../store/settings.js';
import type { TenantTx } from '../store/transaction.js';

export interface RetentionDependencies {
  readonly database: Database;
  /** How long the log keeps a batch, that an agent may still repeat, once everybody has read it. */
  readonly batchDays: number;
  readonly log: Logger;
}

const DAY_MS = 86_400_000;
/** How long it waits for a consumer that is away, an Elasticsearch that is down or was taken out. */
const UNREAD_BATCH_DAYS = 30;

/**
 * What is older than it may be goes. Whole days of events go for all tenants at once, by the longest
 * time that one of them keeps its own; of the others the rows are deleted.
 */
export async function retentionRound(
  { database, batchDays, log }: RetentionDependencies,
  cut: AbortSignal,
): Promise<void> {
  const retentions = await database.withPlatform(listRetentions);
  const longest = Math.max(...retentions.map(({ eventDays }) => eventDays), 1);
  const dropped = [
    ...(await dropEventDaysBefore(database, daysAgo(longest))),
    ...(await dropBatchesBefore(
      database,
      daysAgo(batchDays),
      daysAgo(Math.max(batchDays, UNREAD_BATCH_DAYS)),
    )),
  ];
  if (dropped.length > 0) log.info({ dropped }, 'past days are gone');
  for (const { tenantId, eventDays, closedAlertDays, deliveryDays } of retentions) {
    const all = async (step: (tx: TenantTx) => Promise<boolean>) => {
      while (!cut.aborted && (await database.withTenant({ tenantId }, step)));
    };
    if (eventDays < longest) await all((tx) => deleteEventsBefore(tx, daysAgo(eventDays)));
    await all((tx) => deleteDeliveriesBefore(tx, daysAgo(deliveryDays)));
    await all((tx) => deleteClosedAlertsBefore(tx, daysAgo(closedAlertDays)));
  }
}

function daysAgo(days: number): Date {
  return new Date(Date.now() - days * DAY_MS);
}
