import { sql } from 'drizzle-orm';
import type { Database } from './database.js';

/** What waits, for whoever watches a worker. Needs the role bulkhead_worker, which sees it over all tenants. */
export interface Backlog {
  /** Age of the oldest batch that is not read; 0 where all are. By consumer. */
  readonly lagSeconds: ReadonlyMap<string, number>;
  /** By consumer, counted to COUNT_LIMIT. */
  readonly alertChanges: ReadonlyMap<string, number>;
  /** Counted to COUNT_LIMIT. */
  readonly dueDeliveries: number;
}

/** Of no use to count on: it is too much, and a count reads every row. */
const COUNT_LIMIT = 10_000;

export async function readBacklog(
  database: Database,
  consumers: { readonly batches: readonly string[]; readonly alerts: readonly string[] },
): Promise<Backlog> {
  return database.withPlatform(async (tx) => {
    const lagSeconds = new Map<string, number>();
    for (const consumer of consumers.batches) {
      // The first unread row of each shard, by the index of the log.
      const [row] = await tx.queries.execute<{ lag: string | null }>(sql`
        select max(extract(epoch from now() - b.received_at)) as lag
        from event_cursors c cross join lateral (
          select received_at from event_batches
          where shard = c.shard and (xid, id) > (c.last_xid, c.last_id)
          order by xid, id limit 1
        ) b
        where c.consumer = ${consumer}`);
      lagSeconds.set(consumer, Math.max(0, Number(row?.lag ?? 0)));
    }
    const alertChanges = new Map<string, number>();
    for (const consumer of consumers.alerts) {
      const [row] = await tx.queries.execute<{ waiting: string }>(sql`
        select count(*) as waiting from (
          select from event_cursors c join alerts a on (a.xid, a.change_id) > (c.last_xid, c.last_id)
          where c.consumer = ${consumer} limit ${COUNT_LIMIT}
        ) as changes`);
      alertChanges.set(consumer, Number(row?.waiting ?? 0));
    }
    const [due] = await tx.queries.execute<{ waiting: string }>(sql`
      select count(*) as waiting from (
        select from outbox o
        join webhook_endpoints e on e.tenant_id = o.tenant_id and e.id = o.endpoint_id and e.enabled
        where o.state = 'pending' and o.next_attempt_at <= now() limit ${COUNT_LIMIT}
      ) as due`);
    return { lagSeconds, alertChanges, dueDeliveries: Number(due?.waiting ?? 0) };
  });
}
