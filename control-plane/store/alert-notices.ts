import { alertNotification } from '../domain/notifications.js';
import { getAlert } from './alerts.js';
import { enqueueDelivery } from './outbox.js';
import type { TenantTx } from './transaction.js';
import { listEnabledWebhooks } from './webhooks.js';

/**
 * To every webhook, in the alert's own transaction: an alert without its notice cannot be.
 * @returns how many
 */
export async function enqueueNotices(tx: TenantTx, alertId: string): Promise<number> {
  const payload = { ...alertNotification(await getAlert(tx, alertId), new Date()) };
  const endpoints = await listEnabledWebhooks(tx);
  for (const endpoint of endpoints) {
    await enqueueDelivery(tx, {
      endpointId: endpoint.id,
      alertId,
      eventType: payload.type,
      payload,
    });
  }
  return endpoints.length;
}
