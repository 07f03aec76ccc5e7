import { and, eq, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Database } from './database.js';
import { EVENT_SHARDS, kindFromNumber, type LoggedBatch } from './event-batches.js';
import { newId } from './ids.js';
import { eventCursors } from './schema/event-cursors.js';
import type { PlatformTx, Queries } from './transaction.js';

/*
 * The log is read in the order (xid, id), xid being the id of the transaction that wrote the batch.
 * A number from a sequence alone would not do: a transaction that took number 7 may commit after the
 * one that took 8, and a cursor at 8 would pass it over for ever. Postgres hands out transaction ids
 * in order too, but tells which of them may still be under way: all ids below
 * pg_snapshot_xmin(pg_current_snapshot()) are finished. Only batches below it are read, so that
 * nothing can appear behind a cursor later. The price: a long transaction anywhere on the server
 * delays the readers (never the writers) until it ends.
 */

/** A place in the log. */
export interface LogPosition {
  /** Decimal text of an xid8. */
  readonly xid: string;
  readonly id: bigint;
}

export interface ClaimLimits {
  readonly maxBatches: number;
  /** Of payloads together; one batch is given however large it is. */
  readonly maxPayloadBytes: number;
}

/** A cursor that nobody else may move for a while; `last` is where it goes when the work is done. */
export interface Lease {
  readonly consumer: string;
  readonly shard: number;
  readonly leaseId: string;
  readonly last: LogPosition;
}

export interface ShardLease extends Lease {
  readonly batches: readonly LoggedBatch[];
}

interface Claim {
  readonly shard: number;
  readonly from: LogPosition;
}

interface ReadBatch extends LoggedBatch {
  readonly position: LogPosition;
}

/** A new consumer begins at the oldest batch that the log still has. Again: changes nothing. */
export async function registerConsumer(tx: PlatformTx, consumer: string): Promise<void> {
  const shards = Array.from({ length: EVENT_SHARDS }, (_, shard) => ({ consumer, shard }));
  await tx.queries.insert(eventCursors).values(shards).onConflictDoNothing();
}

/**
 * For work that stays in Postgres: claims a shard that has batches, gives them to `fn`, and moves the
 * cursor in the same transaction, so that each batch takes effect exactly once. Where `fn` throws,
 * nothing happened. Must be short: see leaseShard for work that talks to somebody else.
 * @returns whether there was a shard to claim: if so, there may be more
 */
export async function withClaimedShard(
  database: Database,
  consumer: string,
  limits: ClaimLimits,
  fn: (tx: PlatformTx, batches: readonly LoggedBatch[]) => Promise<void>,
): Promise<boolean> {
  return database.withPlatform(async (tx) => {
    const claim = await claimShard(tx.queries, consumer);
    if (!claim) return false;
    const batches = await readShard(tx.queries, claim, limits);
    const last = batches.at(-1);
    if (!last) return false;
    await fn(tx, batches);
    await moveCursor(tx.queries, consumer, claim.shard, last.position);
    return true;
  });
}

/**
 * For work outside of Postgres, which may take as long as an outage: a transaction held open so long
 * would stop every reader of the log (see above) and the making of partitions. So the shard is
 * leased: nobody else gets it until `completeLease`, `releaseLease` or `leaseMs` have passed. After a
 * crash the same batches come again, so the work must bear repeats.
 * @returns undefined where no shard is free and has batches
 */
export async function leaseShard(
  database: Database,
  consumer: string,
  limits: ClaimLimits & { readonly leaseMs: number },
): Promise<ShardLease | undefined> {
  return database.withPlatform(async (tx) => {
    const claim = await claimShard(tx.queries, consumer);
    if (!claim) return undefined;
    const batches = await readShard(tx.queries, claim, limits);
    const last = batches.at(-1);
    if (!last) return undefined;
    const leaseId = await startLease(tx.queries, consumer, claim.shard, limits.leaseMs);
    return { consumer, shard: claim.shard, leaseId, batches, last: last.position };
  });
}

/** The work is done. @throws BulkheadError CONFLICT where the lease ran out and another took it */
export async function completeLease(database: Database, lease: Lease): Promise<void> {
  await database.withPlatform(async (tx) => {
    await lockLease(tx.queries, lease);
    await moveCursor(tx.queries, lease.consumer, lease.shard, lease.last);
  });
}

/** @throws BulkheadError CONFLICT where the lease ran out and another took it */
export async function renewLease(database: Database, lease: Lease, leaseMs: number): Promise<void> {
  await database.withPlatform(async (tx) => {
    await lockLease(tx.queries, lease);
    await tx.queries
      .update(eventCursors)
      .set({ leaseUntil: sql`now() + ${leaseMs} * interval '1 millisecond'` })
      .where(cursorIs(lease.consumer, lease.shard));
  });
}

/** The work was not done: the next one gets the same batches. A lost lease is none. */
export async function releaseLease(database: Database, lease: Lease): Promise<void> {
  await database.withPlatform(async (tx) => {
    await tx.queries
      .update(eventCursors)
      .set({ leaseId: null, leaseUntil: null })
      .where(and(cursorIs(lease.consumer, lease.shard), eq(eventCursors.leaseId, lease.leaseId)));
  });
}

/** The caller holds the cursor's row locked. */
export async function startLease(
  queries: Queries,
  consumer: string,
  shard: number,
  leaseMs: number,
): Promise<string> {
  const leaseId = newId();
  await queries
    .update(eventCursors)
    .set({ leaseId, leaseUntil: sql`now() + ${leaseMs} * interval '1 millisecond'` })
    .where(cursorIs(consumer, shard));
  return leaseId;
}

async function lockLease(queries: Queries, lease: Lease): Promise<void> {
  const held = await queries
    .select({ shard: eventCursors.shard })
    .from(eventCursors)
    .where(and(cursorIs(lease.consumer, lease.shard), eq(eventCursors.leaseId, lease.leaseId)))
    .for('update');
  if (held.length === 0) throw new BulkheadError('CONFLICT', 'the lease of the shard was lost');
}

/** Of the free shards with something to read, the one that waited longest. */
async function claimShard(queries: Queries, consumer: string): Promise<Claim | undefined> {
  const [row] = await queries.execute<{ shard: number; last_xid: string; last_id: string }>(sql`
    select c.shard, c.last_xid, c.last_id
    from event_cursors c
    where c.consumer = ${consumer}
      and (c.lease_until is null or c.lease_until < now())
      and exists (
        select from event_batches b
        where b.shard = c.shard
          and (b.xid, b.id) > (c.last_xid, c.last_id)
          and b.xid < pg_snapshot_xmin(pg_current_snapshot())
      )
    order by c.advanced_at
    limit 1
    for no key update of c skip locked`);
  return row && { shard: row.shard, from: { xid: row.last_xid, id: BigInt(row.last_id) } };
}

async function readShard(
  queries: Queries,
  { shard, from }: Claim,
  limits: ClaimLimits,
): Promise<ReadBatch[]> {
  // octet_length reads no payload, so those over the limit are not even loaded.
  const rows = await queries.execute<BatchRow>(sql`
    select tenant_id, node_id, boot_id, sequence, batch_time, kind, event_count, payload,
      received_at, xid, id
    from (
      select *, sum(octet_length(payload)) over (order by xid, id) as total
      from (
        select * from event_batches
        where shard = ${shard}
          and (xid, id) > (${from.xid}::xid8, ${from.id.toString()}::bigint)
          and xid < pg_snapshot_xmin(pg_current_snapshot())
        order by xid, id
        limit ${limits.maxBatches}
      ) as next
    ) as summed
    where total <= ${limits.maxPayloadBytes} or total = octet_length(payload)
    order by xid, id`);
  return rows.map(batchFromRow);
}

async function moveCursor(
  queries: Queries,
  consumer: string,
  shard: number,
  to: LogPosition,
): Promise<void> {
  await queries
    .update(eventCursors)
    .set({
      lastXid: to.xid,
      lastId: to.id,
      advancedAt: sql`now()`,
      leaseId: null,
      leaseUntil: null,
    })
    .where(cursorIs(consumer, shard));
}

function cursorIs(consumer: string, shard: number) {
  return and(eq(eventCursors.consumer, consumer), eq(eventCursors.shard, shard));
}

/** As the driver gives it: 64-bit integers and times as text. */
interface BatchRow extends Record<string, unknown> {
  readonly tenant_id: string;
  readonly node_id: string;
  readonly boot_id: string;
  readonly sequence: string;
  readonly batch_time: string;
  readonly kind: number;
  readonly event_count: number;
  readonly payload: Buffer;
  readonly received_at: string;
  readonly xid: string;
  readonly id: string;
}

function batchFromRow(row: BatchRow): ReadBatch {
  return {
    tenantId: row.tenant_id,
    nodeId: row.node_id,
    bootId: row.boot_id,
    sequence: BigInt(row.sequence),
    batchTime: new Date(row.batch_time),
    kind: kindFromNumber(row.kind),
    eventCount: row.event_count,
    payload: row.payload,
    receivedAt: new Date(row.received_at),
    position: { xid: row.xid, id: BigInt(row.id) },
  };
}
