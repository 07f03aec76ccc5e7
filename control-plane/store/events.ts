import { and, desc, eq, gte, lt, sql } from 'drizzle-orm';
import { cleanText, toJsonText } from './json.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { events } from './schema/events.js';
import type { TenantTx } from './transaction.js';

export interface NewEvent {
  /** The same for the same event, however often its batch is decoded. */
  readonly id: string;
  readonly time: Date;
  readonly clusterId: string;
  readonly nodeId: string;
  /** fork, exec, exit ... */
  readonly kind: string;
  readonly verdict: string;
  /** Absent where the container is unknown. */
  readonly containerId?: string | undefined;
  /** ECS. */
  readonly document: Readonly<Record<string, unknown>>;
}

export type StoredEvent = NewEvent;

export interface EventFilter extends PageRequest {
  readonly kind?: string | undefined;
  readonly clusterId?: string | undefined;
  readonly nodeId?: string | undefined;
  readonly containerId?: string | undefined;
  /** Inclusive. */
  readonly since?: Date | undefined;
  /** Exclusive. */
  readonly until?: Date | undefined;
}

/**
 * One that is there already stays as it is. One JSON parameter for all: a statement with a parameter
 * for every column of every row costs several times as much.
 * @returns how many were new
 */
export async function insertEvents(tx: TenantTx, rows: readonly NewEvent[]): Promise<number> {
  if (rows.length === 0) return 0;
  const values = rows.map((row) => ({
    time: row.time.toISOString(),
    id: row.id,
    cluster_id: row.clusterId,
    node_id: row.nodeId,
    kind: row.kind,
    verdict: row.verdict,
    container_id: row.containerId === undefined ? null : cleanText(row.containerId),
    document: row.document,
  }));
  const inserted = await tx.queries.execute(sql`
    insert into events
      (tenant_id, time, id, cluster_id, node_id, kind, verdict, container_id, document)
    select ${tx.tenantId}::uuid, time, id, cluster_id, node_id, kind, verdict, container_id, document
    from jsonb_to_recordset(${toJsonText(values)}::jsonb) as event (
      time timestamptz, id text, cluster_id uuid, node_id uuid, kind text, verdict text,
      container_id text, document jsonb
    )
    on conflict do nothing`);
  return inserted.count;
}

/** Newest first. */
export async function listEvents(
  tx: TenantTx,
  filter: EventFilter = {},
): Promise<Page<StoredEvent>> {
  const limit = pageLimit(filter);
  const [time, id] = pageStart(filter, 2) ?? [];
  const rows = await tx.queries
    .select()
    .from(events)
    .where(
      and(
        eq(events.tenantId, tx.tenantId),
        filter.kind === undefined ? undefined : eq(events.kind, filter.kind),
        filter.clusterId === undefined ? undefined : eq(events.clusterId, filter.clusterId),
        filter.nodeId === undefined ? undefined : eq(events.nodeId, filter.nodeId),
        filter.containerId === undefined ? undefined : eq(events.containerId, filter.containerId),
        filter.since === undefined ? undefined : gte(events.time, filter.since),
        filter.until === undefined ? undefined : lt(events.time, filter.until),
        time === undefined
          ? undefined
          : sql`(${events.time}, ${events.id}) < (${time}::timestamptz, ${id}::text)`,
      ),
    )
    .orderBy(desc(events.time), desc(events.id))
    .limit(limit + 1);
  return toPage(rows, limit, eventFromRow, (row) => [row.time.toISOString(), row.id]);
}

function eventFromRow(row: typeof events.$inferSelect): StoredEvent {
  const { tenantId: _tenantId, containerId, ...event } = row;
  return { ...event, ...(containerId !== null && { containerId }) };
}
