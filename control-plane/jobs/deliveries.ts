import type { Logger } from 'pino';
import { backoffMs } from '../../proto/ts/wire/backoff.js';
import type { Vault } from '../domain/vault.js';
import type { JobMetrics } from '../metrics/jobs.js';
import type { DeliveryResult, WebhookSender } from '../sinks/webhook.js';
import type { Database } from '../store/database.js';
import {
  claimDueDeliveries,
  type DueDelivery,
  markDelivered,
  markFailed,
} from '../store/outbox.js';
import { inSpan } from '../tracing/spans.js';

export interface DeliveriesDependencies {
  readonly database: Database;
  readonly vault: Vault;
  readonly sender: WebhookSender;
  readonly log: Logger;
  readonly metrics: JobMetrics;
}

const CLAIM_LIMIT = 16;
/** Longer than a try may take: a worker that dies gives its deliveries back after this. */
const LEASE_MS = 60_000;
const ATTEMPTS_MAX = 12;
/** About a day over all attempts. */
const RETRY = { initialMs: 1_000, maxMs: 4 * 60 * 60_000 };

/** Tries what is due. At least once: a worker that dies after the answer sends it again, under the same id. */
export async function deliveriesRound(
  dependencies: DeliveriesDependencies,
  signal: AbortSignal,
): Promise<boolean> {
  const due = await claimDueDeliveries(dependencies.database, CLAIM_LIMIT, LEASE_MS);
  // One that fails by our own doing ends neither the others nor the round before them.
  const results = await Promise.allSettled(
    due.map((delivery) =>
      inSpan('deliver', { kind: 'client' }, () => deliver(dependencies, delivery, signal)),
    ),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return due.length === CLAIM_LIMIT;
}

async function deliver(
  { database, vault, sender, log, metrics }: DeliveriesDependencies,
  delivery: DueDelivery,
  signal: AbortSignal,
): Promise<void> {
  const secret = vault.open('webhook', delivery.secretEncrypted).toString('utf8');
  const body = JSON.stringify(delivery.payload);
  const message = { id: delivery.id, url: delivery.url, secret, body };
  const result = await sender.send(message, new Date(), signal);
  if (signal.aborted && result.outcome !== 'delivered') return;
  const failure = result.outcome === 'delivered' ? undefined : failureOf(result, delivery.attempts);
  await database.withTenant(delivery, async (tx) => {
    if (failure) await markFailed(tx, delivery.id, failure);
    else await markDelivered(tx, delivery.id);
  });
  const isDead = failure?.nextAttemptAt === 'dead';
  metrics.deliveries.inc({ outcome: isDead ? 'dead' : failure ? 'retry' : 'delivered' });
  const fields = {
    deliveryId: delivery.id,
    tenantId: delivery.tenantId,
    attempt: delivery.attempts,
  };
  if (result.outcome === 'delivered') log.info(fields, 'delivered');
  else log.warn({ ...fields, outcome: result.outcome, reason: result.error }, 'not delivered');
}

function failureOf(
  result: Exclude<DeliveryResult, { outcome: 'delivered' }>,
  attempts: number,
): { error: string; nextAttemptAt: Date | 'dead' } {
  if (result.outcome === 'dead' || attempts >= ATTEMPTS_MAX) {
    return { error: result.error, nextAttemptAt: 'dead' };
  }
  const waitMs = result.retryAfterMs ?? backoffMs(attempts, RETRY);
  return { error: result.error, nextAttemptAt: new Date(Date.now() + waitMs) };
}
