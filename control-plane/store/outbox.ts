import { and, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { cleanText } from './json.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { type DELIVERY_STATES, outbox } from './schema/outbox.js';
import { webhookEndpoints } from './schema/webhooks.js';
import type { TenantTx } from './transaction.js';

export { DELIVERY_STATES } from './schema/outbox.js';

export interface Delivery {
  readonly id: string;
  readonly endpointId: string;
  readonly alertId: string;
  readonly eventType: string;
  readonly payload: object;
  readonly state: (typeof DELIVERY_STATES)[number];
  /** Tries begun. */
  readonly attempts: number;
  readonly nextAttemptAt: Date;
  readonly lastError?: string;
  readonly createdAt: Date;
  readonly deliveredAt?: Date;
}

/** A delivery whose turn it is; nobody else gets it before the lease runs out. */
export interface DueDelivery {
  readonly tenantId: string;
  /** The same on every try. */
  readonly id: string;
  readonly endpointId: string;
  readonly alertId: string;
  readonly eventType: string;
  readonly payload: object;
  /** This try included. */
  readonly attempts: number;
  readonly url: string;
  readonly secretEncrypted: Uint8Array;
}

const IS_DUE = and(eq(outbox.state, 'pending'), sql`${outbox.nextAttemptAt} <= now()`);
const IS_ITS_ENDPOINT = and(
  eq(webhookEndpoints.tenantId, outbox.tenantId),
  eq(webhookEndpoints.id, outbox.endpointId),
);

/** In the transaction of the alert, so that there is never one without the other. */
export async function enqueueDelivery(
  tx: TenantTx,
  delivery: {
    readonly endpointId: string;
    readonly alertId: string;
    readonly eventType: string;
    readonly payload: object;
  },
): Promise<Delivery> {
  const rows = await tx.queries
    .insert(outbox)
    .values({ ...delivery, tenantId: tx.tenantId, id: newId() })
    .returning();
  return deliveryFromRow(only(rows));
}

/**
 * Due ones of every tenant, oldest first, of endpoints that are enabled. Needs the role
 * bulkhead_worker, which sees what is due over all tenants but claims it as each tenant.
 */
export async function claimDueDeliveries(
  database: Database,
  limit: number,
  leaseMs: number,
): Promise<readonly DueDelivery[]> {
  return database.withPlatform(async (tx) => {
    const due = await tx.queries
      .select({ tenantId: outbox.tenantId, id: outbox.id })
      .from(outbox)
      .innerJoin(webhookEndpoints, and(IS_ITS_ENDPOINT, webhookEndpoints.enabled))
      .where(IS_DUE)
      .orderBy(outbox.nextAttemptAt)
      .limit(limit);
    const claimed: DueDelivery[] = [];
    for (const tenantId of new Set(due.map((delivery) => delivery.tenantId))) {
      const ids = due.flatMap((delivery) => (delivery.tenantId === tenantId ? delivery.id : []));
      claimed.push(...(await tx.asTenant(tenantId, (tenant) => claim(tenant, ids, leaseMs))));
    }
    return claimed;
  });
}

/** Those of them that no other worker claims at the same time. */
async function claim(
  tx: TenantTx,
  ids: readonly string[],
  leaseMs: number,
): Promise<readonly DueDelivery[]> {
  const free = tx.queries
    .select({ id: outbox.id })
    .from(outbox)
    .where(and(eq(outbox.tenantId, tx.tenantId), inArray(outbox.id, [...ids]), IS_DUE))
    .for('no key update', { skipLocked: true });
  return tx.queries
    .update(outbox)
    .set({
      attempts: sql`${outbox.attempts} + 1`,
      nextAttemptAt: sql`now() + ${leaseMs} * interval '1 millisecond'`,
    })
    .from(webhookEndpoints)
    .where(and(eq(outbox.tenantId, tx.tenantId), inArray(outbox.id, free), IS_ITS_ENDPOINT))
    .returning({
      tenantId: outbox.tenantId,
      id: outbox.id,
      endpointId: outbox.endpointId,
      alertId: outbox.alertId,
      eventType: outbox.eventType,
      payload: outbox.payload,
      attempts: outbox.attempts,
      url: webhookEndpoints.url,
      secretEncrypted: webhookEndpoints.secretEncrypted,
    });
}

/** @throws BulkheadError NOT_FOUND, also where it was delivered or given up meanwhile */
export async function markDelivered(tx: TenantTx, id: string): Promise<Delivery> {
  return settle(tx, id, { state: 'delivered', deliveredAt: sql`now()`, lastError: null });
}

/**
 * The try failed: another one at `nextAttemptAt`, or never ('dead').
 * @throws BulkheadError NOT_FOUND, also where it was delivered or given up meanwhile
 */
export async function markFailed(
  tx: TenantTx,
  id: string,
  failure: { readonly error: string; readonly nextAttemptAt: Date | 'dead' },
): Promise<Delivery> {
  const lastError = cleanText(failure.error).slice(0, 2048);
  return failure.nextAttemptAt === 'dead'
    ? settle(tx, id, { state: 'dead', lastError })
    : settle(tx, id, { nextAttemptAt: failure.nextAttemptAt, lastError });
}

/** Newest first. */
export async function listDeliveries(
  tx: TenantTx,
  endpointId: string,
  request: PageRequest = {},
): Promise<Page<Delivery>> {
  const limit = pageLimit(request);
  const [before] = pageStart(request, 1) ?? [];
  const rows = await tx.queries
    .select()
    .from(outbox)
    .where(
      and(
        eq(outbox.tenantId, tx.tenantId),
        eq(outbox.endpointId, endpointId),
        before === undefined ? undefined : lt(outbox.id, before),
      ),
    )
    .orderBy(desc(outbox.id))
    .limit(limit + 1);
  return toPage(rows, limit, deliveryFromRow, (row) => [row.id]);
}

type Outcome = Parameters<ReturnType<TenantTx['queries']['update']>['set']>[0];

async function settle(tx: TenantTx, id: string, outcome: Outcome): Promise<Delivery> {
  const [row] = await tx.queries
    .update(outbox)
    .set(outcome)
    .where(and(eq(outbox.tenantId, tx.tenantId), eq(outbox.id, id), eq(outbox.state, 'pending')))
    .returning();
  return deliveryFromRow(found(row, 'pending delivery'));
}

function deliveryFromRow(row: typeof outbox.$inferSelect): Delivery {
  const { tenantId: _tenantId, lastError, deliveredAt, ...delivery } = row;
  return {
    ...delivery,
    ...(lastError !== null && { lastError }),
    ...(deliveredAt && { deliveredAt }),
  };
}
