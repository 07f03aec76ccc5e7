import { sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { only } from './errors.js';

/** A worker that is away for a week leaves tables that still work: see the default partition. */
const DAYS_AHEAD = 7;

/**
 * Makes the daily partitions (UTC) from yesterday to `daysAhead` days from now. What falls outside of
 * them lands in the default partition and works the same.
 * @returns the names of those it made
 * @throws BulkheadError UNAVAILABLE where the tables stayed busy: try again later
 */
export async function ensurePartitions(
  database: Database,
  daysAhead: number = DAYS_AHEAD,
): Promise<readonly string[]> {
  return database.withPlatform(async (tx) => {
    const rows = await tx.queries.execute<{ names: string[] }>(
      sql`select to_json(bulkhead_ensure_partitions(${daysAhead})) as names`,
    );
    return only(rows).names;
  });
}

/**
 * Drops the days of events that ended by `before`, and such rows of the default partition.
 * @returns the names of those it dropped
 * @throws BulkheadError UNAVAILABLE where the table stayed busy: try again later
 */
export async function dropEventDaysBefore(
  database: Database,
  before: Date,
): Promise<readonly string[]> {
  return database.withPlatform(async (tx) => {
    const rows = await tx.queries.execute<{ names: string[] }>(
      sql`select to_json(bulkhead_drop_partitions('events', ${before.toISOString()})) as names`,
    );
    return only(rows).names;
  });
}
