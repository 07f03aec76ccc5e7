import type { SerializableParameter } from 'postgres';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { CHANNELS, type Database } from './database.js';

/** The values of bulkhead.v1.BatchKind. */
const KIND_NUMBERS = { alert: 1, telemetry: 2 } as const;
export type BatchKind = keyof typeof KIND_NUMBERS;

/** Of pg_type: what an array's elements are, which postgres.js cannot tell from bytes. */
const OIDS = { bytea: 17, int8: 20, int2: 21, int4: 23, timestamptz: 1184, uuid: 2950 } as const;

/** A node's batches are all in one shard, so that one reader at a time meets them in order. */
export const EVENT_SHARDS = 16;

export interface NewBatch {
  readonly nodeId: string;
  readonly bootId: string;
  readonly sequence: bigint;
  /** The batch's own time: what decides its partition, the same on every repeat. */
  readonly batchTime: Date;
  readonly kind: BatchKind;
  readonly eventCount: number;
  /** At most LIMITS.batchPayloadBytes; not looked into. */
  readonly payload: Uint8Array;
}

export interface LoggedBatch extends NewBatch {
  readonly tenantId: string;
  readonly receivedAt: Date;
}

/**
 * Durable when it resolves; a batch that is there already stays as it is, so that a repeat after a
 * lost acknowledgement is harmless. Wakes CHANNELS.alerts where a new one is of kind alert.
 *
 * One statement over arrays: one prepared plan whatever the number of rows. An ORM insert per event
 * was measured at 12 k events/s against 100 k so; COPY is refused on a table with row level security.
 * @returns how many were new
 */
export async function insertBatches(
  database: Database,
  tenantId: string,
  batches: readonly NewBatch[],
): Promise<number> {
  if (batches.length === 0) return 0;
  return database.withIngest({ tenantId }, async (sql) => {
    const column = (elementType: number, read: (batch: NewBatch) => SerializableParameter) =>
      sql.array(batches.map(read), elementType);
    const inserted = await sql<{ kind: number }[]>`
      insert into event_batches
        (tenant_id, node_id, boot_id, sequence, batch_time, kind, event_count, payload, shard)
      select ${tenantId}::uuid, * from unnest(
        ${column(OIDS.uuid, (batch) => batch.nodeId)},
        ${column(OIDS.uuid, (batch) => batch.bootId)},
        ${column(OIDS.int8, (batch) => batch.sequence.toString())},
        ${column(OIDS.timestamptz, (batch) => batch.batchTime)},
        ${column(OIDS.int2, (batch) => KIND_NUMBERS[batch.kind])},
        ${column(OIDS.int4, (batch) => batch.eventCount)},
        ${column(OIDS.bytea, (batch) => batch.payload)},
        ${column(OIDS.int2, (batch) => shardOf(batch.nodeId))}
      )
      on conflict do nothing
      returning kind`;
    if (inserted.some((row) => row.kind === KIND_NUMBERS.alert)) {
      await sql`select pg_notify(${CHANNELS.alerts}, '')`;
    }
    return inserted.length;
  });
}

/** The last hex digit of the node's id, which is random. */
export function shardOf(nodeId: string): number {
  const shard = Number.parseInt(nodeId.slice(-1), EVENT_SHARDS);
  if (Number.isNaN(shard)) throw new BulkheadError('INVALID_ARGUMENT', 'not the id of a node');
  return shard;
}

export function kindFromNumber(kind: number): BatchKind {
  return kind === KIND_NUMBERS.alert ? 'alert' : 'telemetry';
}
