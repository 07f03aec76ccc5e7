import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { NodeIdentity } from '../domain/certificates.js';
import { Gatherer } from '../domain/gatherer.js';
import { CHANNELS, type Database, type Subscription } from '../store/database.js';
import { listLive } from '../store/live-nodes.js';
import { runPoll } from './poll.js';

/** The poll beside the wake-up. */
const POLL_MS = 20_000;
/** Who calls waits so long for others, so that a storm of them is a few queries. */
const GATHER_MS = 5;
const QUERIES_MAX = 2;

/**
 * Which nodes may call, for the calls of this replica. Those that have streams open are looked at when
 * their tenant's nodes changed, and now and then: one query a tenant, however many streams it has.
 */
export class NodeWatch {
  /** By tenant and node: what ends each open stream. */
  readonly #open = new Map<string, Map<string, Set<() => void>>>();
  readonly #live: Gatherer<readonly string[], ReadonlySet<string>>;
  readonly #stopped = new AbortController();
  #subscription: Subscription | undefined;

  constructor(
    private readonly database: Database,
    private readonly log: Logger,
  ) {
    this.#live = new Gatherer({
      afterMs: GATHER_MS,
      runsMax: QUERIES_MAX,
      run: (tenantId, ids) => this.#look(tenantId, ids.flat()),
    });
  }

  async start(): Promise<void> {
    this.#subscription = await this.database.listen(CHANNELS.nodes, (tenantId) => {
      // '' comes after a reconnect: anything may have been missed.
      for (const id of tenantId === '' ? this.#open.keys() : [tenantId]) this.look(id);
    });
    runPoll(POLL_MS, this.#stopped.signal, () => [...this.#open.keys()].map((id) => this.look(id)));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#subscription?.close();
    await this.#live.settled();
  }

  /** @throws BulkheadError NODE_REVOKED */
  async check({ tenantId, nodeId }: NodeIdentity): Promise<void> {
    const live = await this.#live.ask(tenantId, [nodeId]);
    if (!live.has(nodeId)) throw new BulkheadError('NODE_REVOKED');
  }

  /** `onRevoked` may be called until the answer is: how to leave. To be entered before the check. */
  enter({ tenantId, nodeId }: NodeIdentity, onRevoked: () => void): () => void {
    const nodes = this.#open.get(tenantId) ?? new Map<string, Set<() => void>>();
    const streams = nodes.get(nodeId) ?? new Set();
    this.#open.set(tenantId, nodes.set(nodeId, streams.add(onRevoked)));
    return () => {
      streams.delete(onRevoked);
      if (streams.size === 0 && nodes.get(nodeId) === streams) nodes.delete(nodeId);
      if (nodes.size === 0 && this.#open.get(tenantId) === nodes) this.#open.delete(tenantId);
    };
  }

  /** Ends the streams of the tenant's nodes that may not call any more. */
  look(tenantId: string): void {
    const ids = [...(this.#open.get(tenantId)?.keys() ?? [])];
    if (ids.length === 0) return;
    this.#live.ask(tenantId, ids).catch((error: unknown) => {
      // The poll comes back to it.
      this.log.warn({ err: error }, 'open streams were not checked');
    });
  }

  async #look(tenantId: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
    const live = new Set(await this.database.withTenant({ tenantId }, (tx) => listLive(tx, ids)));
    const open = this.#open.get(tenantId);
    for (const id of ids) {
      if (!live.has(id)) for (const end of open?.get(id) ?? []) end();
    }
    return live;
  }
}
