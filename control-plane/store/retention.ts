import { sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { only } from './errors.js';
import { uuidArray } from './ids.js';
import type { TenantTx } from './transaction.js';

/** Rows a statement: a longer one would hold up the readers of the log of batches. */
const ROWS_AT_ONCE = 5_000;

/** @returns whether there may be more */
export async function deleteEventsBefore(tx: TenantTx, before: Date): Promise<boolean> {
  const rows = await tx.queries.execute(sql`
    delete from events where tenant_id = ${tx.tenantId} and (time, id) in (
      select time, id from events
      where tenant_id = ${tx.tenantId} and time < ${before.toISOString()}::timestamptz
      order by time limit ${ROWS_AT_ONCE}
    ) returning 1 as one`);
  return rows.length === ROWS_AT_ONCE;
}

/** With their deliveries. @returns whether there may be more */
export async function deleteClosedAlertsBefore(tx: TenantTx, before: Date): Promise<boolean> {
  const rows = await tx.queries.execute<{ id: string }>(sql`
    select id from alerts
    where tenant_id = ${tx.tenantId} and status = 'closed'
      and last_seen_at < ${before.toISOString()}::timestamptz
    limit ${ROWS_AT_ONCE} for update skip locked`);
  if (rows.length === 0) return false;
  const those = sql`any(${uuidArray(rows.map(({ id }) => id))})`;
  await tx.queries.execute(
    sql`delete from outbox where tenant_id = ${tx.tenantId} and alert_id = ${those}`,
  );
  await tx.queries.execute(
    sql`delete from alerts where tenant_id = ${tx.tenantId} and id = ${those}`,
  );
  return rows.length === ROWS_AT_ONCE;
}

/** Those that were made or given up. @returns whether there may be more */
export async function deleteDeliveriesBefore(tx: TenantTx, before: Date): Promise<boolean> {
  const rows = await tx.queries.execute(sql`
    delete from outbox where tenant_id = ${tx.tenantId} and id in (
      select id from outbox
      where tenant_id = ${tx.tenantId} and state <> 'pending'
        and created_at < ${before.toISOString()}::timestamptz
      limit ${ROWS_AT_ONCE} for update skip locked
    ) returning 1 as one`);
  return rows.length === ROWS_AT_ONCE;
}

/**
 * Drops the days of the log that ended by `before`, as far as every consumer has read them, and those
 * that ended by `beforeUnread` whether they were read or not.
 * @returns the names of the partitions that it dropped
 * @throws BulkheadError UNAVAILABLE where the table stayed busy: try again later
 */
export async function dropBatchesBefore(
  database: Database,
  before: Date,
  beforeUnread: Date,
): Promise<readonly string[]> {
  return database.withPlatform(async (tx) => {
    const rows = await tx.queries.execute<{ names: string[] }>(sql`
      select to_json(bulkhead_drop_batches(
        ${before.toISOString()}::timestamptz, ${beforeUnread.toISOString()}::timestamptz
      )) as names`);
    return only(rows).names;
  });
}
