import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { Bell } from '../domain/bell.js';
import type { NodeIdentity } from '../domain/certificates.js';
import { type HeardReport, type NodeReport, ReportQueue } from '../domain/node-reports.js';
import { Slots } from '../domain/slots.js';
import type { Database } from '../store/database.js';
import { recordReports } from '../store/live-nodes.js';

/** What somebody waits to see: a Hello, an Ack, a Nack. */
const URGENT_MS = 40;
/** The rest. A replica that is killed loses so much of heartbeats. */
const ROUND_MS = 5_000;
const WRITES_MAX = 3;
/** In one statement. */
const NODES_MAX = 1_000;

export interface NodeReportsOptions {
  readonly database: Database;
  readonly log: Logger;
  /** Nodes of the tenant reported that may not call. */
  readonly onRefused: (tenantId: string) => void;
}

/**
 * Writes what nodes report, in one transaction for all of a tenant that came within a moment. While the
 * database is away what came is kept, the newest of each node.
 */
export class NodeReports {
  readonly #queue = new ReportQueue();
  readonly #bell = new Bell();
  readonly #slots = new Slots(WRITES_MAX);
  readonly #stopped = new AbortController();
  readonly #writes = new Set<Promise<void>>();
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly options: NodeReportsOptions) {}

  start(): void {
    this.#running = this.#run();
  }

  /** After it has written what is there. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    this.#write('all');
    await Promise.all(this.#writes);
  }

  add(identity: NodeIdentity, report: NodeReport, isUrgent: boolean): void {
    const heard = { ...report, heardAt: performance.now() };
    this.#queue.add(identity.tenantId, identity.nodeId, heard, isUrgent);
    if (isUrgent) this.#bell.ring();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let roundAt = performance.now() + ROUND_MS;
    while (!signal.aborted) {
      await this.#bell.wait(Math.max(0, roundAt - performance.now()), signal);
      if (signal.aborted) return;
      const isRound = performance.now() >= roundAt;
      if (isRound) roundAt = performance.now() + ROUND_MS;
      else await delay(URGENT_MS);
      this.#write(isRound ? 'all' : 'urgent');
    }
  }

  /** Nobody waits for it: one tenant's rows may be locked. */
  #write(which: 'all' | 'urgent'): void {
    for (const tenantId of this.#queue.tenants(which)) {
      const write = this.#writeTenant(tenantId).finally(() => this.#writes.delete(write));
      this.#writes.add(write);
    }
  }

  async #writeTenant(tenantId: string): Promise<void> {
    const leave = await this.#slots.enter();
    const reports = [...this.#queue.take(tenantId)];
    for (let at = 0; at < reports.length; at += NODES_MAX) {
      await this.#record(tenantId, new Map(reports.slice(at, at + NODES_MAX)));
    }
    leave();
  }

  async #record(tenantId: string, reports: ReadonlyMap<string, HeardReport>): Promise<void> {
    const { database, log, onRefused } = this.options;
    try {
      const live = await database.withTenant({ tenantId }, (tx) => recordReports(tx, reports));
      if (live.length < reports.size) onRefused(tenantId);
    } catch (error) {
      const isPassing = error instanceof BulkheadError && error.code === 'UNAVAILABLE';
      if (isPassing) this.#queue.putBack(tenantId, reports);
      log.error({ err: error, nodes: reports.size, isPassing }, 'reports were not written');
    }
  }
}
