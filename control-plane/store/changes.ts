import { and, asc, inArray, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { only } from './errors.js';
import type { LogPosition } from './event-cursors.js';
import { type CHANGE_KINDS, changes } from './schema/changes.js';
import type { PlatformTx, Queries, TenantTx } from './transaction.js';

/*
 * Read in the order (xid, id) and only below pg_snapshot_xmin, as the log of batches is: nothing can
 * appear behind a position later. See event-cursors.ts.
 */

export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Says that something changed and not what it is now: who may see it reads it. */
export interface Change {
  readonly tenantId: string;
  readonly topic: string;
  /** Of the thing. */
  readonly id: string;
  readonly kind: ChangeKind;
  /** Absent: it belongs to no cluster. */
  readonly clusterId?: string;
  readonly position: LogPosition;
}

export interface ChangesRead {
  readonly changes: readonly Change[];
  /** Where the next read begins: nothing is left before it. */
  readonly next: LogPosition;
  /** Whether changes after the position that was asked for may have been forgotten. */
  readonly incomplete: boolean;
}

/** Where a reader begins that wants only what happens from now on. */
export async function endOfChanges(tx: PlatformTx): Promise<LogPosition> {
  return { xid: (await readFrontier(tx.queries)).xmin, id: 0n };
}

/** Of several tenants, for the streams of one replica. */
export async function readChanges(
  tx: PlatformTx,
  after: LogPosition,
  tenantIds: readonly string[],
  limit: number,
): Promise<ChangesRead> {
  return read(tx.queries, after, tenantIds, undefined, limit);
}

/** Of one tenant, for a stream that goes on where it was. */
export async function readTenantChanges(
  tx: TenantTx,
  after: LogPosition,
  topics: readonly string[],
  limit: number,
): Promise<ChangesRead> {
  return read(tx.queries, after, [tx.tenantId], topics, limit);
}

/** Forgets what is older; `readChanges` says so to who would have wanted it. @returns how many */
export async function trimChanges(database: Database, before: Date): Promise<number> {
  return database.withPlatform(async (tx) => {
    const rows = await tx.queries.execute<{ trimmed: string }>(
      sql`select bulkhead_trim_changes(${before.toISOString()}) as trimmed`,
    );
    return Number(only(rows).trimmed);
  });
}

async function read(
  queries: Queries,
  after: LogPosition,
  tenantIds: readonly string[],
  topics: readonly string[] | undefined,
  limit: number,
): Promise<ChangesRead> {
  // Before the rows: all below it is finished, and the statement behind it sees it.
  const { xmin } = await readFrontier(queries);
  const rows = await queries
    .select()
    .from(changes)
    .where(
      and(
        sql`(${changes.xid}, ${changes.id}) > (${after.xid}::xid8, ${after.id.toString()}::bigint)`,
        sql`${changes.xid} < ${xmin}::xid8`,
        inArray(changes.tenantId, [...tenantIds]),
        topics && inArray(changes.topic, [...topics]),
      ),
    )
    .orderBy(asc(changes.xid), asc(changes.id))
    .limit(limit);
  // Behind the rows: what was forgotten before they were read is told.
  const { horizon } = await readFrontier(queries);
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return {
    changes: rows.map(changeFromRow),
    next: last ? { xid: last.xid, id: last.id } : { xid: xmin, id: 0n },
    incomplete: isAfter(horizon, after) || isAfter(after, { xid: xmin, id: 0n }),
  };
}

/** `after` may be a position of a database that is no more: nobody was told one beyond the frontier. */
async function readFrontier(queries: Queries): Promise<{ xmin: string; horizon: LogPosition }> {
  const rows = await queries.execute<{ xmin: string; xid: string | null; id: string | null }>(sql`
    select pg_snapshot_xmin(pg_current_snapshot()) as xmin, h.xid, h.id
    from (select) as one left join change_horizon h on true`);
  const { xmin, xid, id } = only(rows);
  return { xmin, horizon: { xid: xid ?? '0', id: BigInt(id ?? 0) } };
}

export function isAfter(a: LogPosition, b: LogPosition): boolean {
  const [x, y] = [BigInt(a.xid), BigInt(b.xid)];
  return x > y || (x === y && a.id > b.id);
}

function changeFromRow(row: typeof changes.$inferSelect): Change {
  return {
    tenantId: row.tenantId,
    topic: row.topic,
    id: row.targetId,
    kind: row.kind,
    ...(row.clusterId && { clusterId: row.clusterId }),
    position: { xid: row.xid, id: row.id },
  };
}
