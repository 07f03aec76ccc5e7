import { BulkheadError } from '../../proto/ts/wire/errors.js';

/**
 * How much of the service one may have, at one replica: what a replica counts it forgets when it
 * ends, and none asks another. So with N replicas up to N times as much gets through.
 */
export const RATES = {
  /** Requests to the API a minute. */
  caller: { standard: 600, min: 1, max: 1_000_000 },
  tenant: { standard: 3_000, min: 1, max: 1_000_000 },
  /** Requests a minute of one address that fail to say who calls. */
  failures: { standard: 60, min: 1, max: 1_000_000 },
  /** Steps of logins a minute of one address: there are two or three in each. */
  logins: { standard: 60, min: 1, max: 1_000_000 },
  /** Joins a minute. */
  tenantJoins: { standard: 6_000, min: 1, max: 1_000_000 },
  addressJoins: { standard: 3_000, min: 1, max: 1_000_000 },
  /** Of a tenant's events, a second. */
  eventBytes: { standard: 33_554_432, min: 65_536, max: 999_999_999 },
  eventBatches: { standard: 2_000, min: 1, max: 1_000_000 },
} as const;
export type Rates = Readonly<Record<keyof typeof RATES, number>>;

/** The limits by their names in metrics and in the headers of answers. */
export type LimitName =
  | 'caller'
  | 'tenant'
  | 'failed-authentication'
  | 'login-address'
  | 'join-tenant'
  | 'join-address'
  | 'event-bytes'
  | 'event-batches';

/** A refusal that is over by itself: both edges tell the caller when. */
export function tooMany(message: string, waitMs: number): BulkheadError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new BulkheadError('RESOURCE_EXHAUSTED', message, { details: { retryAfterSeconds } });
}

/** undefined: waiting does not help, or the error is none of `tooMany`. */
export function retryAfterSeconds({ details }: BulkheadError): number | undefined {
  const { retryAfterSeconds: seconds } = details;
  return typeof seconds === 'number' ? seconds : undefined;
}

/** Whom an address stands for: of IPv6 a site, since whoever has one address there has all of them. */
export function siteOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const behind = tail === undefined ? [] : groups(tail);
  const before = groups(head);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - behind.length) }, () => '0');
  const site = [...before, ...zeros, ...behind].slice(0, 3);
  return `${site.map((group) => group.toLowerCase().replace(/^0+(?=.)/, '')).join(':')}::/48`;
}
