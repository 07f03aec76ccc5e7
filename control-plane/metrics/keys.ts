import { Gauge, type Registry } from 'prom-client';

/** When certificates of authorities run out. */
export interface AuthorityExpiry {
  readonly active: Date;
  readonly trusted: readonly Date[];
}

export interface KeyMetrics {
  /** Asked at each scrape. */
  watch(read: () => AuthorityExpiry): void;
}

const DAY_MS = 24 * 60 * 60_000;

export function keyMetrics(registry: Registry): KeyMetrics {
  let watched: (() => AuthorityExpiry) | undefined;
  const gauge = (name: string, help: string, read: (expiry: AuthorityExpiry) => readonly Date[]) =>
    new Gauge({
      name: `bulkhead_${name}`,
      help,
      registers: [registry],
      collect() {
        const first = watched && Math.min(...read(watched()).map((time) => time.getTime()));
        // While the process starts nothing is known, which 0 would not say.
        this.set(first === undefined ? Number.NaN : (first - Date.now()) / DAY_MS);
      },
    });
  gauge('ca_expiry_days', 'Days until the authority that issues to nodes runs out', (expiry) => [
    expiry.active,
  ]);
  gauge(
    'trusted_ca_expiry_days',
    'Days until the first of the trusted authorities runs out',
    (expiry) => expiry.trusted,
  );
  return {
    watch: (read) => {
      watched = read;
    },
  };
}
