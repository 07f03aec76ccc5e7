import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { Gatherer } from '../domain/gatherer.js';
import { type CertificatePlace, placeOfSerial } from '../domain/node-certificates.js';
import { Slots } from '../domain/slots.js';
import { CHANNELS, type Database, type Subscription } from '../store/database.js';
import {
  listOvertaken,
  listStandings,
  type NodeStanding,
  type OpenNode,
  type Overtaken,
} from '../store/node-certificates.js';
import { refusalOf } from '../store/nodes.js';
import { admitNode, joinedAgain, placeOfKnown, type ShownIdentity } from './admission.js';
import { runPoll } from './poll.js';

/** The poll beside the wake-up, for one that was lost. */
const POLL_MS = 60_000;
/** Who calls waits so long for others, so that a storm of them is a few queries. */
const GATHER_MS = 5;
const QUERIES_MAX = 2;
/** Transactions of calls with a new certificate: many nodes that join at once leave the rest of the pool alone. */
const ADMISSIONS_MAX = 4;

interface OpenStream {
  /** That its certificate is of; undefined: it does not say. */
  readonly join: number | undefined;
  readonly onRefused: (error: BulkheadError) => void;
}

type Standings = ReadonlyMap<string, NodeStanding>;

/**
 * Which nodes may call, for the calls of this replica. Those that have streams open are looked at when
 * their tenant's nodes changed, and now and then: one query a tenant, however many streams it has.
 */
export class NodeWatch {
  /** By tenant and node. */
  readonly #open = new Map<string, Map<string, Set<OpenStream>>>();
  readonly #standings: Gatherer<readonly string[], Standings>;
  readonly #looks: Gatherer<undefined, void>;
  readonly #admissions = new Slots(ADMISSIONS_MAX);
  readonly #stopped = new AbortController();
  #subscription: Subscription | undefined;

  constructor(
    private readonly database: Database,
    private readonly log: Logger,
  ) {
    this.#standings = new Gatherer({
      afterMs: GATHER_MS,
      runsMax: QUERIES_MAX,
      run: (tenantId, ids) =>
        database.withTenant({ tenantId }, (tx) => listStandings(tx, ids.flat())),
    });
    this.#looks = new Gatherer({
      afterMs: GATHER_MS,
      runsMax: QUERIES_MAX,
      run: (tenantId) => this.#look(tenantId),
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
    await Promise.all([this.#standings.settled(), this.#looks.settled()]);
  }

  /**
   * Once a call: a transaction of its own costs only a certificate that is not the one shown last.
   * @throws BulkheadError as admitNode
   */
  async check(shown: ShownIdentity): Promise<CertificatePlace> {
    const { tenantId, nodeId } = shown.identity;
    const standings = await this.#standings.ask(tenantId, [nodeId]);
    const known = placeOfKnown(standings.get(nodeId), shown.serial);
    if (known) return known;
    const leave = await this.#admissions.enter();
    try {
      return await admitNode(this.database, shown);
    } finally {
      leave();
    }
  }

  /** `onRefused` may be called until the answer is: how to leave. To be entered before the check. */
  enter({ identity, serial }: ShownIdentity, onRefused: OpenStream['onRefused']): () => void {
    const { tenantId, nodeId } = identity;
    const stream = { join: placeOfSerial(serial)?.join, onRefused };
    const nodes = this.#open.get(tenantId) ?? new Map<string, Set<OpenStream>>();
    const streams = nodes.get(nodeId) ?? new Set();
    this.#open.set(tenantId, nodes.set(nodeId, streams.add(stream)));
    return () => {
      streams.delete(stream);
      if (streams.size === 0 && nodes.get(nodeId) === streams) nodes.delete(nodeId);
      if (nodes.size === 0 && this.#open.get(tenantId) === nodes) this.#open.delete(tenantId);
    };
  }

  /** Ends the streams of the tenant's nodes that may not call any more, or have joined again since. */
  look(tenantId: string): void {
    if (!this.#open.has(tenantId)) return;
    this.#looks.ask(tenantId, undefined).catch((error: unknown) => {
      // The poll comes back to it.
      this.log.warn({ err: error }, 'open streams were not checked');
    });
  }

  async #look(tenantId: string): Promise<void> {
    const open = this.#open.get(tenantId);
    if (!open) return;
    const nodes = [...open].map(([id, streams]) => ({ id, join: oldestJoin(streams) }));
    const overtaken = await this.database.withTenant({ tenantId }, (tx) =>
      listOvertaken(tx, nodes),
    );
    for (const [id, now] of overtaken) {
      for (const stream of open.get(id) ?? []) {
        const refusal = refusalOfStream(now, stream);
        if (refusal) stream.onRefused(refusal);
      }
    }
  }
}

function oldestJoin(streams: Iterable<OpenStream>): OpenNode['join'] {
  let oldest: number | undefined;
  for (const { join } of streams) if (join !== undefined) oldest = Math.min(join, oldest ?? join);
  return oldest;
}

/** Why an open stream of the node is to end; a certificate that it showed before it renewed is no reason. */
function refusalOfStream(
  now: Overtaken | undefined,
  { join }: OpenStream,
): BulkheadError | undefined {
  if (!now) return new BulkheadError('NODE_REVOKED');
  const refusal = refusalOf(now);
  if (refusal) return refusal;
  return join !== undefined && join < now.join ? joinedAgain() : undefined;
}
