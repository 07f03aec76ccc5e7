import { Gauge, type Registry } from 'prom-client';

/** Of one pool, at this moment. */
export interface PoolUsage {
  readonly pool: string;
  readonly inUse: number;
  readonly waiting: number;
}

export interface PoolMetrics {
  /** Asked at each scrape. */
  watch(role: string, usage: () => readonly PoolUsage[]): void;
}

export function poolMetrics(registry: Registry): PoolMetrics {
  const watched: { readonly role: string; readonly usage: () => readonly PoolUsage[] }[] = [];
  const gauge = (name: string, help: string, read: (usage: PoolUsage) => number) =>
    new Gauge({
      name: `bulkhead_database_${name}`,
      help,
      labelNames: ['role', 'pool'],
      registers: [registry],
      collect() {
        for (const { role, usage } of watched) {
          for (const each of usage()) this.set({ role, pool: each.pool }, read(each));
        }
      },
    });
  gauge('connections_in_use', 'Connections with a transaction', ({ inUse }) => inUse);
  gauge('waiting', 'Transactions that wait for a connection', ({ waiting }) => waiting);
  return {
    watch: (role, usage) => {
      watched.push({ role, usage });
    },
  };
}
