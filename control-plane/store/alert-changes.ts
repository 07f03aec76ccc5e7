import { and, asc, sql } from 'drizzle-orm';
import { type Alert, alertFromRow } from './alerts.js';
import type { LogPosition } from './event-cursors.js';
import { alerts } from './schema/alerts.js';
import type { PlatformTx } from './transaction.js';

export interface AlertChange {
  readonly alert: Alert;
  readonly position: LogPosition;
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
