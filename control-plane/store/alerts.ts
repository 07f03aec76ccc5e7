import { and, desc, eq, lt, sql } from 'drizzle-orm';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { cleanText } from './json.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import {
  type ALERT_SEVERITIES,
  type ALERT_SOURCES,
  type ALERT_STATUSES,
  alerts,
} from './schema/alerts.js';
import type { TenantTx } from './transaction.js';

export { ALERT_SEVERITIES, ALERT_SOURCES, ALERT_STATUSES } from './schema/alerts.js';
export type AlertStatus = (typeof ALERT_STATUSES)[number];
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number];
export type AlertSource = (typeof ALERT_SOURCES)[number];

export interface Alert {
  readonly tenantId: string;
  readonly id: string;
  readonly groupKey: Uint8Array;
  readonly status: AlertStatus;
  readonly title: string;
  readonly severity: AlertSeverity;
  readonly source: AlertSource;
  readonly policyId?: string;
  readonly policyVersion?: number;
  readonly policyResponse?: number;
  readonly ruleId?: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly firstEventId: string;
  readonly lastEventId: string;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  readonly eventCount: number;
  readonly verdict: string;
  /** ECS, of the last event. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  /** Rises with every change of the alert; with the id it names one state of it. */
  readonly changeId: bigint;
}

/** `eventCount` events of one group, the first and the last of them by name. */
export interface AlertSighting {
  readonly groupKey: Uint8Array;
  readonly title: string;
  readonly severity: AlertSeverity;
  readonly source: AlertSource;
  readonly policyId?: string | undefined;
  readonly policyVersion?: number | undefined;
  readonly policyResponse?: number | undefined;
  readonly ruleId?: string | undefined;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly firstEventId: string;
  readonly lastEventId: string;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  readonly eventCount: number;
  readonly verdict: string;
  /** ECS, of the last event. */
  readonly document: Readonly<Record<string, unknown>>;
}

export interface AlertFilter extends PageRequest {
  readonly status?: AlertStatus | undefined;
  readonly severity?: AlertSeverity | undefined;
  readonly clusterId?: string | undefined;
  readonly nodeId?: string | undefined;
  readonly policyId?: string | undefined;
}

/**
 * Adds to the group's alert that is not closed, or opens one. Exact under concurrency: the count is
 * added to in the row. Title and document follow the sighting seen last; severity never falls.
 */
export async function recordAlert(
  tx: TenantTx,
  sighting: AlertSighting,
): Promise<{ readonly alertId: string; readonly created: boolean }> {
  const isLater = sql`excluded.last_seen_at >= ${alerts.lastSeenAt}`;
  const later = (column: string) =>
    sql`case when ${isLater} then excluded.${sql.identifier(column)} else alerts.${sql.identifier(column)} end`;
  const earlier = sql`excluded.first_seen_at < ${alerts.firstSeenAt}`;
  const rows = await tx.queries
    .insert(alerts)
    .values(newRow(tx, sighting))
    .onConflictDoUpdate({
      target: [alerts.tenantId, alerts.groupKey],
      targetWhere: sql`status <> 'closed'`,
      set: {
        eventCount: sql`${alerts.eventCount} + excluded.event_count`,
        firstSeenAt: sql`least(${alerts.firstSeenAt}, excluded.first_seen_at)`,
        firstEventId: sql`case when ${earlier} then excluded.first_event_id else alerts.first_event_id end`,
        lastSeenAt: sql`greatest(${alerts.lastSeenAt}, excluded.last_seen_at)`,
        lastEventId: later('last_event_id'),
        nodeId: later('node_id'),
        title: later('title'),
        verdict: later('verdict'),
        document: later('document'),
        policyVersion: later('policy_version'),
        severity: sql`case when ${rank('excluded')} > ${rank('alerts')} then excluded.severity else alerts.severity end`,
        ...CHANGED,
      },
    })
    .returning({ alertId: alerts.id, created: sql<boolean>`xmax = 0` });
  return only(rows);
}

/** Opens an alert where its group has none that is not closed, else undefined. For the edge, which may not change one. */
export async function openAlert(
  tx: TenantTx,
  sighting: AlertSighting,
): Promise<string | undefined> {
  const [row] = await tx.queries
    .insert(alerts)
    .values(newRow(tx, sighting))
    .onConflictDoNothing({
      target: [alerts.tenantId, alerts.groupKey],
      where: sql`status <> 'closed'`,
    })
    .returning({ id: alerts.id });
  return row?.id;
}

/** @throws BulkheadError NOT_FOUND */
export async function getAlert(tx: TenantTx, id: string): Promise<Alert> {
  const [row] = await tx.queries.select().from(alerts).where(byId(tx, id));
  return alertFromRow(found(row, 'alert'));
}

/** Newest opened first. */
export async function listAlerts(tx: TenantTx, filter: AlertFilter = {}): Promise<Page<Alert>> {
  const limit = pageLimit(filter);
  const [before] = pageStart(filter, 1) ?? [];
  const rows = await tx.queries
    .select()
    .from(alerts)
    .where(
      and(
        eq(alerts.tenantId, tx.tenantId),
        filter.status === undefined ? undefined : eq(alerts.status, filter.status),
        filter.severity === undefined ? undefined : eq(alerts.severity, filter.severity),
        filter.clusterId === undefined ? undefined : eq(alerts.clusterId, filter.clusterId),
        filter.nodeId === undefined ? undefined : eq(alerts.nodeId, filter.nodeId),
        filter.policyId === undefined ? undefined : eq(alerts.policyId, filter.policyId),
        before === undefined ? undefined : lt(alerts.id, before),
      ),
    )
    .orderBy(desc(alerts.id))
    .limit(limit + 1);
  return toPage(rows, limit, alertFromRow, (row) => [row.id]);
}

/**
 * @throws BulkheadError NOT_FOUND; CONFLICT where a closed alert is opened whose group has a newer
 *   alert that is not closed
 */
export async function setAlertStatus(
  tx: TenantTx,
  id: string,
  status: AlertStatus,
): Promise<Alert> {
  const [row] = await tx.queries
    .update(alerts)
    .set({ status, ...CHANGED })
    .where(byId(tx, id))
    .returning();
  return alertFromRow(found(row, 'alert'));
}

/** Every write of an alert sets these: what follows alerts reads them in this order (alert-changes.ts). */
const CHANGED = {
  xid: sql`pg_current_xact_id()`,
  changeId: sql`nextval('alert_change_id')`,
};

function newRow(tx: TenantTx, sighting: AlertSighting) {
  return {
    ...sighting,
    tenantId: tx.tenantId,
    id: newId(),
    title: cleanText(sighting.title),
    policyId: sighting.policyId ?? null,
    policyVersion: sighting.policyVersion ?? null,
    policyResponse: sighting.policyResponse ?? null,
    ruleId: sighting.ruleId ?? null,
  };
}

function rank(of: 'excluded' | 'alerts') {
  return sql`array_position(array['info', 'low', 'medium', 'high', 'critical'], ${sql.identifier(of)}.severity)`;
}

function byId(tx: TenantTx, id: string) {
  return and(eq(alerts.tenantId, tx.tenantId), eq(alerts.id, id));
}

export function alertFromRow(row: typeof alerts.$inferSelect): Alert {
  const { xid: _xid, policyId, policyVersion, policyResponse, ruleId, ...alert } = row;
  return {
    ...alert,
    ...(policyId !== null && { policyId }),
    ...(policyVersion !== null && { policyVersion }),
    ...(policyResponse !== null && { policyResponse }),
    ...(ruleId !== null && { ruleId }),
  };
}
