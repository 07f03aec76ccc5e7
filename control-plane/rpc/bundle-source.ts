import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { NodeIdentity } from '../domain/certificates.js';
import { Gatherer } from '../domain/gatherer.js';
import type { KeySource } from '../domain/keyring.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import type { Bundle } from '../store/bundles.js';
import { CHANNELS, type Database, type Subscription } from '../store/database.js';
import { ensureBundle } from './ensure-bundle.js';
import { runPoll } from './poll.js';

export interface BundleSourceOptions {
  readonly database: Database;
  readonly keys: KeySource;
  readonly metrics: Pick<RpcMetrics, 'bundleCompositions'>;
  readonly log: Logger;
}

/** What a policy stream sees of its cluster. */
export interface ClusterBundle {
  /** What the cluster must run, as far as it is known here; undefined too where nothing was ever assigned to it. */
  readonly current: Bundle | undefined;
  leave(): void;
}

interface Cluster {
  readonly tenantId: string;
  readonly clusterId: string;
  bundle: Bundle | undefined;
  readonly streams: Set<() => void>;
}

/** The poll beside the wake-up. */
const POLL_MS = 60_000;
/** Changes that come together are composed together. */
const GATHER_MS = 20;
const QUERIES_MAX = 3;
const RETRY_MS = 5_000;

/**
 * The bundle of each cluster that has policy streams on this replica: looked for and composed once,
 * however many they are, when its tenant's desired state changed and now and then.
 */
export class BundleSource {
  /** By id. */
  readonly #clusters = new Map<string, Cluster>();
  readonly #looks: Gatherer<undefined, void>;
  readonly #stopped = new AbortController();
  #subscription: Subscription | undefined;

  constructor(private readonly options: BundleSourceOptions) {
    this.#looks = new Gatherer({
      afterMs: GATHER_MS,
      runsMax: QUERIES_MAX,
      run: (clusterId) => this.#look(clusterId),
    });
  }

  /** Begins to listen for changes of desired state. */
  async start(): Promise<void> {
    const { database } = this.options;
    this.#subscription = await database.listen(CHANNELS.policy, (tenantId) => {
      // '' comes after a reconnect: anything may have been missed.
      for (const cluster of this.#clusters.values()) {
        if (tenantId === '' || tenantId === cluster.tenantId) this.#lookAt(cluster);
      }
    });
    runPoll(POLL_MS, this.#stopped.signal, () => {
      for (const cluster of this.#clusters.values()) this.#lookAt(cluster);
    });
  }

  /** The keys have changed: every stream is woken, and every bundle looked at. */
  ringAll(): void {
    for (const cluster of this.#clusters.values()) {
      this.#lookAt(cluster);
      for (const wake of cluster.streams) wake();
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#subscription?.close();
    await this.#looks.settled();
  }

  /** `wake` is called when `current` has become another, or the keys have changed. */
  subscribe({ tenantId, clusterId }: NodeIdentity, wake: () => void): ClusterBundle {
    const cluster = this.#clusters.get(clusterId) ?? this.#add(tenantId, clusterId);
    cluster.streams.add(wake);
    return new Subscriber(cluster, () => this.#leave(cluster, wake));
  }

  #leave({ clusterId, streams }: Cluster, wake: () => void): void {
    streams.delete(wake);
    if (streams.size === 0) this.#clusters.delete(clusterId);
  }

  #add(tenantId: string, clusterId: string): Cluster {
    const cluster: Cluster = { tenantId, clusterId, bundle: undefined, streams: new Set() };
    this.#clusters.set(clusterId, cluster);
    this.#lookAt(cluster);
    return cluster;
  }

  #lookAt({ clusterId }: Cluster): void {
    this.#looks.ask(clusterId, undefined).catch(async (error: unknown) => {
      this.options.log.error({ clusterId, err: error }, 'the bundle of a cluster was not found');
      await delay(RETRY_MS, undefined, { ref: false });
      const cluster = this.#clusters.get(clusterId);
      if (cluster && !this.#stopped.signal.aborted) this.#lookAt(cluster);
    });
  }

  async #look(clusterId: string): Promise<void> {
    const cluster = this.#clusters.get(clusterId);
    if (!cluster) return;
    const { database, keys, metrics } = this.options;
    const onComposed = () => metrics.bundleCompositions.inc();
    const bundle = await ensureBundle(database, keys.current, cluster, cluster.bundle, onComposed);
    if (bundle === cluster.bundle) return;
    cluster.bundle = bundle;
    for (const wake of cluster.streams) wake();
  }
}

class Subscriber implements ClusterBundle {
  constructor(
    private readonly cluster: Cluster,
    readonly leave: () => void,
  ) {}

  get current(): Bundle | undefined {
    return this.cluster.bundle;
  }
}
