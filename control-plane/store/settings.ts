import { eq, sql } from 'drizzle-orm';
import { type Retention, type Settings, STANDARD_SETTINGS } from '../domain/settings.js';
import { only } from './errors.js';
import { tenantSettings } from './schema/settings.js';
import type { PlatformTx, TenantTx } from './transaction.js';

export interface StoredSettings extends Settings {
  /** Rises with every edit; 0: nothing was ever set. */
  readonly revision: number;
}

export interface SettingsChange {
  /** What is left out stays. */
  readonly retention?: Partial<Retention> | undefined;
  /** All of them. */
  readonly freezeWindows?: Settings['freezeWindows'] | undefined;
}

/** The standard ones where nothing was ever set. */
export async function getSettings(tx: TenantTx): Promise<StoredSettings> {
  const [row] = await tx.queries
    .select()
    .from(tenantSettings)
    .where(eq(tenantSettings.tenantId, tx.tenantId));
  return row ? settingsFromRow(row) : { ...STANDARD_SETTINGS, revision: 0 };
}

/** `check` sees what is there and may throw; nobody changes it in between. */
export async function updateSettings(
  tx: TenantTx,
  { retention, freezeWindows }: SettingsChange,
  check: (current: StoredSettings) => void = () => {},
): Promise<StoredSettings> {
  const { retention: standard, freezeWindows: none } = STANDARD_SETTINGS;
  await tx.queries
    .insert(tenantSettings)
    .values({ tenantId: tx.tenantId, ...standard, freezeWindows: none })
    .onConflictDoNothing();
  const mine = eq(tenantSettings.tenantId, tx.tenantId);
  const current = await tx.queries.select().from(tenantSettings).where(mine).for('update');
  check(settingsFromRow(only(current)));
  const rows = await tx.queries
    .update(tenantSettings)
    .set({
      ...retention,
      ...(freezeWindows && { freezeWindows }),
      updatedAt: sql`now()`,
      revision: sql`${tenantSettings.revision} + 1`,
    })
    .where(mine)
    .returning();
  return settingsFromRow(only(rows));
}

/** How long each tenant keeps its things. Needs the role bulkhead_worker. */
export async function listRetentions(
  tx: PlatformTx,
): Promise<readonly (Retention & { readonly tenantId: string })[]> {
  const { retention } = STANDARD_SETTINGS;
  const rows = await tx.queries.execute<Record<string, unknown> & Retention & { tenantId: string }>(
    sql`
    select t.id as "tenantId",
      coalesce(s.event_days, ${retention.eventDays})::integer as "eventDays",
      coalesce(s.closed_alert_days, ${retention.closedAlertDays})::integer as "closedAlertDays",
      coalesce(s.delivery_days, ${retention.deliveryDays})::integer as "deliveryDays"
    from tenants t left join tenant_settings s on s.tenant_id = t.id
    order by t.id`,
  );
  return [...rows];
}

function settingsFromRow(row: typeof tenantSettings.$inferSelect): StoredSettings {
  const { eventDays, closedAlertDays, deliveryDays, freezeWindows, revision } = row;
  return { retention: { eventDays, closedAlertDays, deliveryDays }, freezeWindows, revision };
}
