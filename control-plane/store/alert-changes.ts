import { and, asc, eq, isNull, lt, or, sql } from 'drizzle-orm';
import { type Alert, alertFromRow } from './alerts.js';
import type { Database } from './database.js';
import { type Lease, type LogPosition, startLease } from './event-cursors.js';
import { alerts } from './schema/alerts.js';
import { eventCursors } from './schema/event-cursors.js';
import type { PlatformTx } from './transaction.js';

export interface AlertChange {
  readonly alert: Alert;
  readonly position: LogPosition;
}

/** Ended by completeLease or releaseLease of event-cursors.ts. */
export interface AlertLease extends Lease {
  readonly changes: readonly AlertChange[];
}

/** Alerts are few: their changes are one shard. */
const ONLY_SHARD = 0;

/** A new consumer begins with the alerts that are there. Again: changes nothing. */
export async function registerAlertConsumer(tx: PlatformTx, consumer: string): Promise<void> {
  await tx.queries
    .insert(eventCursors)
    .values({ consumer, shard: ONLY_SHARD })
    .onConflictDoNothing();
}

/**
 * The next changes for work outside of Postgres: see leaseShard. Needs the role bulkhead_worker.
 * @returns undefined where there are none, or somebody else holds the cursor
 */
export async function leaseAlertChanges(
  database: Database,
  consumer: string,
  limits: { readonly maxChanges: number; readonly leaseMs: number },
): Promise<AlertLease | undefined> {
  return database.withPlatform(async (tx) => {
    const [cursor] = await tx.queries
      .select({ xid: eventCursors.lastXid, id: eventCursors.lastId })
      .from(eventCursors)
      .where(
        and(
          eq(eventCursors.consumer, consumer),
          eq(eventCursors.shard, ONLY_SHARD),
          or(isNull(eventCursors.leaseUntil), lt(eventCursors.leaseUntil, sql`now()`)),
        ),
      )
      .for('no key update', { skipLocked: true });
    if (!cursor) return undefined;
    const changes = await listAlertChanges(tx, cursor, limits.maxChanges);
    const last = changes.at(-1);
    if (!last) return undefined;
    const leaseId = await startLease(tx.queries, consumer, ONLY_SHARD, limits.leaseMs);
    return { consumer, shard: ONLY_SHARD, leaseId, changes, last: last.position };
  });
}

/**
 * Alerts of every tenant, changed after the position, in the order of the changes; of several changes
 * of one alert the last only. Needs the role bulkhead_worker. The same rule as for batches keeps a
 * late commit from being passed over: see event-cursors.ts.
 */
export async function listAlertChanges(
  tx: PlatformTx,
  after: LogPosition | undefined,
  limit: number,
): Promise<readonly AlertChange[]> {
  const rows = await tx.queries
    .select()
    .from(alerts)
    .where(
      and(
        sql`${alerts.xid} < pg_snapshot_xmin(pg_current_snapshot())`,
        after &&
          sql`(${alerts.xid}, ${alerts.changeId}) > (${after.xid}::xid8, ${after.id.toString()}::bigint)`,
      ),
    )
    .orderBy(asc(alerts.xid), asc(alerts.changeId))
    .limit(limit);
  return rows.map((row) => ({
    alert: alertFromRow(row),
    position: { xid: row.xid, id: row.changeId },
  }));
}
