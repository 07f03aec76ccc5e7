import { Bell } from '../domain/bell.js';
import type { NodeIdentity } from '../domain/certificates.js';
import type { KeySource } from '../domain/keyring.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import type { Bundle } from '../store/bundles.js';
import { CHANNELS, type Database, type Subscription } from '../store/database.js';
import { ensureBundle } from './ensure-bundle.js';

/**
 * Bundles for the policy streams of this replica. Streams of one cluster that ask at the same time
 * share one answer, so that a change costs one composition a replica, however many nodes it wakes.
 */
export class BundleSource {
  readonly #bells = new Map<string, Set<Bell>>();
  readonly #underWay = new Map<string, Promise<Bundle | undefined>>();
  #subscription: Subscription | undefined;

  constructor(
    private readonly database: Database,
    private readonly keys: KeySource,
    private readonly metrics: Pick<RpcMetrics, 'bundleCompositions'>,
  ) {}

  /** Begins to listen for changes of desired state. */
  async start(): Promise<void> {
    this.#subscription = await this.database.listen(CHANNELS.policy, (tenantId) => {
      // '' comes after a reconnect: anything may have been missed.
      if (tenantId === '') this.ringAll();
      else for (const bell of this.#bells.get(tenantId) ?? []) bell.ring();
    });
  }

  /** Of every tenant. */
  ringAll(): void {
    for (const bells of this.#bells.values()) for (const bell of bells) bell.ring();
  }

  async stop(): Promise<void> {
    await this.#subscription?.close();
    this.#subscription = undefined;
  }

  /** A bell that rings when the tenant's desired state may have changed. */
  subscribe(tenantId: string): Bell {
    const bell = new Bell();
    const bells = this.#bells.get(tenantId) ?? new Set();
    this.#bells.set(tenantId, bells.add(bell));
    return bell;
  }

  unsubscribe(tenantId: string, bell: Bell): void {
    const bells = this.#bells.get(tenantId);
    bells?.delete(bell);
    if (bells?.size === 0) this.#bells.delete(tenantId);
  }

  /** What the cluster must run now; undefined where nothing was ever assigned to it. */
  current(identity: NodeIdentity): Promise<Bundle | undefined> {
    const key = identity.clusterId;
    const underWay = this.#underWay.get(key);
    if (underWay) return underWay;
    const onComposed = () => this.metrics.bundleCompositions.inc();
    const answer = ensureBundle(this.database, this.keys.current, identity, onComposed).finally(
      () => this.#underWay.delete(key),
    );
    this.#underWay.set(key, answer);
    return answer;
  }
}
