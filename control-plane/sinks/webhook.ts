import { Webhook } from 'standardwebhooks';
import { Agent, request } from 'undici';
import { createAddressGuard, ForbiddenAddressError } from './address-guard.js';

/** One try to deliver one message. */
export interface WebhookMessage {
  /** The same on every try: the receiver's key against repeats (webhook-id). */
  readonly id: string;
  readonly url: string;
  /** whsec_<base64> */
  readonly secret: string;
  readonly body: string;
}

export type DeliveryResult =
  | { readonly outcome: 'delivered'; readonly status: number }
  /** Worth another try; `retryAfterMs` where the receiver asked for it. */
  | { readonly outcome: 'retry'; readonly error: string; readonly retryAfterMs?: number }
  /** The receiver says that it will never take it. */
  | { readonly outcome: 'dead'; readonly error: string };

export interface WebhookSender {
  send(message: WebhookMessage, now: Date, signal: AbortSignal): Promise<DeliveryResult>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 15_000;
const RETRY_AFTER_MAX_MS = 60 * 60_000;

/** Standard Webhooks 1.0 over HTTP POST; redirects are not followed, the answer's body is not read. */
export function openWebhookSender(options: { allowPrivateAddresses: boolean }): WebhookSender {
  const guard = createAddressGuard({
    allowPrivate: options.allowPrivateAddresses,
    connectTimeoutMs: TIMEOUT_MS,
  });
  const dispatcher = new Agent({
    connect: guard.connector,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  return {
    async send(message, now, signal) {
      try {
        const url = new URL(message.url);
        guard.checkUrl(url);
        const response = await request(url, {
          dispatcher,
          method: 'POST',
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
          headers: {
            'content-type': 'application/json',
            'user-agent': 'bulkhead',
            'webhook-id': message.id,
            'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
            'webhook-signature': new Webhook(message.secret).sign(message.id, now, message.body),
          },
          body: message.body,
        });
        response.body.on('error', () => {});
        response.body.destroy();
        return resultFromStatus(response.statusCode, response.headers['retry-after'], now);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        return error instanceof ForbiddenAddressError
          ? { outcome: 'dead', error: text }
          : { outcome: 'retry', error: text };
      }
    },
    close: () => dispatcher.close(),
  };
}

function resultFromStatus(
  status: number,
  retryAfter: string | string[] | undefined,
  now: Date,
): DeliveryResult {
  if (status >= 200 && status < 300) return { outcome: 'delivered', status };
  const error = `the receiver answered ${status}`;
  if (status === 410) return { outcome: 'dead', error };
  const retryAfterMs = retryAfterToMs(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter, now);
  return { outcome: 'retry', error, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** Retry-After (RFC 9110, 10.2.3): seconds or a date; at most an hour. */
export function retryAfterToMs(value: string | undefined, now: Date): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now.getTime();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS) : undefined;
}
