import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { holdQuota } from './quotas.js';
import { webhookEndpoints } from './schema/webhooks.js';
import type { TenantTx } from './transaction.js';

export interface WebhookEndpoint {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly enabled: boolean;
  readonly createdAt: Date;
  /** Rises with every edit. */
  readonly revision: number;
}

export interface WebhookChange {
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  /** Where it is not, what was to be sent waits. */
  readonly enabled?: boolean | undefined;
}

/** @throws BulkheadError CONFLICT where the tenant has one of that name, RESOURCE_EXHAUSTED */
export async function createWebhookEndpoint(
  tx: TenantTx,
  endpoint: {
    readonly name: string;
    readonly url: string;
    readonly secretEncrypted: Uint8Array;
    readonly enabled?: boolean | undefined;
  },
): Promise<WebhookEndpoint> {
  await holdQuota(tx, 'webhooks');
  const rows = await tx.queries
    .insert(webhookEndpoints)
    .values({
      tenantId: tx.tenantId,
      id: newId(),
      name: endpoint.name,
      url: endpoint.url,
      secretEncrypted: endpoint.secretEncrypted,
      enabled: endpoint.enabled ?? true,
    })
    .returning();
  return endpointFromRow(only(rows));
}

/** @throws BulkheadError NOT_FOUND */
export async function getWebhookEndpoint(tx: TenantTx, id: string): Promise<WebhookEndpoint> {
  const [row] = await tx.queries.select().from(webhookEndpoints).where(byId(tx, id));
  return endpointFromRow(found(row, 'webhook'));
}

/**
 * `check` sees what is there and may throw; nobody changes it in between.
 * @throws BulkheadError NOT_FOUND, CONFLICT where the tenant has another of that name
 */
export async function updateWebhookEndpoint(
  tx: TenantTx,
  id: string,
  change: WebhookChange,
  check: (current: WebhookEndpoint) => void = () => {},
): Promise<WebhookEndpoint> {
  const [row] = await tx.queries.select().from(webhookEndpoints).where(byId(tx, id)).for('update');
  check(endpointFromRow(found(row, 'webhook')));
  const rows = await tx.queries
    .update(webhookEndpoints)
    .set({
      ...(change.name !== undefined && { name: change.name }),
      ...(change.url !== undefined && { url: change.url }),
      ...(change.enabled !== undefined && { enabled: change.enabled }),
      revision: sql`${webhookEndpoints.revision} + 1`,
    })
    .where(byId(tx, id))
    .returning();
  return endpointFromRow(only(rows));
}

/** By name. */
export async function listWebhookEndpoints(
  tx: TenantTx,
  request: PageRequest = {},
): Promise<Page<WebhookEndpoint>> {
  const limit = pageLimit(request);
  const [name] = pageStart(request, 1) ?? [];
  const rows = await tx.queries
    .select()
    .from(webhookEndpoints)
    .where(
      and(
        eq(webhookEndpoints.tenantId, tx.tenantId),
        name === undefined ? undefined : gt(webhookEndpoints.name, name),
      ),
    )
    .orderBy(asc(webhookEndpoints.name))
    .limit(limit + 1);
  return toPage(rows, limit, endpointFromRow, (row) => [row.name]);
}

/** Those that an alert goes to; a tenant has few. */
export async function listEnabledWebhooks(tx: TenantTx): Promise<readonly WebhookEndpoint[]> {
  const rows = await tx.queries
    .select()
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.tenantId, tx.tenantId), webhookEndpoints.enabled))
    .orderBy(asc(webhookEndpoints.id));
  return rows.map(endpointFromRow);
}

/** Its deliveries go with it. @throws BulkheadError NOT_FOUND */
export async function deleteWebhookEndpoint(tx: TenantTx, id: string): Promise<void> {
  const [row] = await tx.queries
    .delete(webhookEndpoints)
    .where(byId(tx, id))
    .returning({ id: webhookEndpoints.id });
  found(row, 'webhook');
}

function byId(tx: TenantTx, id: string) {
  return and(eq(webhookEndpoints.tenantId, tx.tenantId), eq(webhookEndpoints.id, id));
}

function endpointFromRow(row: typeof webhookEndpoints.$inferSelect): WebhookEndpoint {
  const { tenantId: _tenantId, secretEncrypted: _secretEncrypted, ...endpoint } = row;
  return endpoint;
}
