import { sleep } from '../../proto/ts/wire/backoff.js';
import { type LimitName, type Rates, siteOf, tooMany } from '../domain/rates.js';
import { perMinute, TokenBuckets } from '../domain/token-buckets.js';
import type { LimitMetrics } from '../metrics/limits.js';

/** How many may join at this replica. */
export class JoinLimits {
  readonly #addresses: TokenBuckets;
  readonly #tenants: TokenBuckets;

  constructor(
    rates: Pick<Rates, 'tenantJoins' | 'addressJoins'>,
    private readonly metrics: LimitMetrics,
  ) {
    this.#addresses = new TokenBuckets(perMinute(rates.addressJoins));
    this.#tenants = new TokenBuckets(perMinute(rates.tenantJoins));
  }

  /** Before anything of the request is looked at. @throws BulkheadError RESOURCE_EXHAUSTED */
  ofAddress(address: string): void {
    this.#take('join-address', this.#addresses, siteOf(address));
  }

  /** Once the token has said which tenant it is. @throws BulkheadError RESOURCE_EXHAUSTED */
  ofTenant(tenantId: string): void {
    this.#take('join-tenant', this.#tenants, tenantId);
  }

  #take(limit: LimitName, buckets: TokenBuckets, key: string): void {
    const { allowed, waitMs } = buckets.take(key);
    if (allowed) return;
    this.metrics.limited.inc({ limit });
    throw tooMany(`${limit}: at most ${buckets.rate.burst} a minute`, waitMs);
  }
}

/** A tenant may send so much at once after a pause. */
const EVENT_BURST_SECONDS = 2;

/**
 * How fast this replica takes a tenant's events. Nothing is refused: who is too fast waits for the
 * acknowledgements, and its agents keep meanwhile what they have.
 */
export class EventPace {
  readonly #bytes: TokenBuckets;
  readonly #batches: TokenBuckets;

  constructor(
    rates: Pick<Rates, 'eventBytes' | 'eventBatches'>,
    private readonly metrics: LimitMetrics,
  ) {
    const buckets = (perSecond: number) =>
      new TokenBuckets({ perSecond, burst: perSecond * EVENT_BURST_SECONDS });
    this.#bytes = buckets(rates.eventBytes);
    this.#batches = buckets(rates.eventBatches);
  }

  /** Resolves when it is the batches' turn, or the signal aborts. */
  async wait(
    tenantId: string,
    payloads: readonly { readonly byteLength: number }[],
    signal: AbortSignal,
  ): Promise<void> {
    const bytes = payloads.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const forBytes = this.#bytes.owe(tenantId, bytes);
    const forBatches = this.#batches.owe(tenantId, payloads.length);
    const waitMs = Math.max(forBytes, forBatches);
    if (waitMs === 0) return;
    const limit: LimitName = forBytes > forBatches ? 'event-bytes' : 'event-batches';
    this.metrics.limited.inc({ limit }, payloads.length);
    await sleep(waitMs, signal);
  }
}
