import type { FreezeWindow } from './freeze-windows.js';

/** Days after which a tenant's things go. Audit records stay. */
export interface Retention {
  /** Events in Postgres; Elasticsearch keeps its own by its templates. */
  readonly eventDays: number;
  /** Of alerts that are closed, from when they were last seen, with their deliveries. */
  readonly closedAlertDays: number;
  /** Of deliveries that were made or given up. */
  readonly deliveryDays: number;
}

export interface Settings {
  readonly retention: Retention;
  readonly freezeWindows: readonly FreezeWindow[];
}

export const RETENTION_LIMITS: Readonly<
  Record<keyof Retention, { readonly standard: number; readonly min: number; readonly max: number }>
> = {
  eventDays: { standard: 30, min: 1, max: 365 },
  closedAlertDays: { standard: 365, min: 1, max: 3650 },
  deliveryDays: { standard: 30, min: 1, max: 365 },
};

/** Of a tenant that has set nothing. */
export const STANDARD_SETTINGS: Settings = {
  retention: {
    eventDays: RETENTION_LIMITS.eventDays.standard,
    closedAlertDays: RETENTION_LIMITS.closedAlertDays.standard,
    deliveryDays: RETENTION_LIMITS.deliveryDays.standard,
  },
  freezeWindows: [],
};
