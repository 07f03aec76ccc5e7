import type { Logger } from 'pino';
import { sleep } from '../../proto/ts/wire/backoff.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { Bell } from '../domain/bell.js';
import { byTenant } from '../domain/by-tenant.js';
import { quotaReached } from '../domain/quotas.js';
import {
  type Change,
  type ChangesRead,
  endOfChanges,
  readChanges,
  readTenantChanges,
} from '../store/changes.js';
import { CHANNELS, type Database, type Subscription } from '../store/database.js';
import type { LogPosition } from '../store/event-cursors.js';
import { LIVE_STREAM_TIMES, type LiveStream, type LiveStreamTimes } from './live-stream.js';

export interface LiveSettings extends LiveStreamTimes {
  /** The poll beside the wake-up, jittered by half. Only where a stream is open. */
  readonly pollMs: number;
  /** Callers are looked at again so often, whether something was heard of them or not. */
  readonly sweepMs: number;
  readonly maxStreamsOfCaller: number;
}

export const LIVE_SETTINGS: LiveSettings = {
  ...LIVE_STREAM_TIMES,
  pollMs: 1_000,
  sweepMs: 60_000,
  maxStreamsOfCaller: 20,
};

/** Wake-ups that come thick and fast are one poll. */
const GAP_MS = 50;
const FAILURE_GAP_MS = 2_000;
const READ_LIMIT = 1_000;
/** Who missed more is quicker to read everything again. */
const MISSED_LIMIT = 2_000;
/** On these a stream's caller may see other things than before, or nothing. Nobody can watch `callers`. */
const ON_CALLERS: readonly string[] = ['callers', 'clusters'];

/**
 * Tells the streams of this replica what changed: one poll for all of them. Where the replica dies
 * nothing is lost but the connections: another one goes on from the id that the client has.
 */
export class LiveHub {
  readonly #streams = new Map<string, Set<LiveStream>>();
  readonly #bell = new Bell();
  readonly #closing = new AbortController();
  /** All of it was told to every stream; undefined: there is none. */
  #cursor: LogPosition | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #subscription: Subscription | undefined;
  #running: Promise<void> = Promise.resolve();
  #sweptAt = performance.now();

  constructor(
    private readonly database: Database,
    private readonly log: Logger,
    private readonly settings: LiveSettings,
  ) {}

  async start(): Promise<void> {
    this.#subscription = await this.database.listen(CHANNELS.changes, (tenantId) => {
      // '' comes after a reconnect: anything may have been missed.
      if (tenantId === '' || this.#streams.has(tenantId)) this.#bell.ring();
    });
    this.#running = this.#run(this.#closing.signal);
  }

  /** Streams of a tenant that are open here. */
  countOf(tenantId: string): number {
    return this.#streams.get(tenantId)?.size ?? 0;
  }

  /**
   * Begins to tell the stream: from now on, or what it missed since `after` and on from there.
   * `maxOfTenant` is the tenant's quota.
   * @throws BulkheadError RESOURCE_EXHAUSTED, UNAVAILABLE
   */
  async open(
    stream: LiveStream,
    after: LogPosition | 'unknown' | undefined,
    maxOfTenant: number,
  ): Promise<void> {
    this.#admit(stream, maxOfTenant);
    try {
      // Between two polls, so that none is under way that does not know of it.
      const now = await this.#inTurn(async () => {
        this.#cursor ??= await this.database.withPlatform(endOfChanges);
        return this.#cursor;
      });
      const past = typeof after === 'object' ? await this.#past(stream, after) : undefined;
      if (past && typeof after === 'object') {
        stream.begin('ready', after, past.changes, past.next);
      } else stream.begin(after === undefined ? 'ready' : 'reset', now);
    } catch (error) {
      this.leave(stream);
      throw error;
    }
  }

  leave(stream: LiveStream): void {
    const { tenantId } = stream.options.context;
    const streams = this.#streams.get(tenantId);
    streams?.delete(stream);
    if (streams?.size === 0) this.#streams.delete(tenantId);
    if (this.#streams.size === 0) this.#cursor = undefined;
  }

  /** Sends every client elsewhere, and takes no more. */
  drain(): void {
    this.#closing.abort();
    for (const stream of this.#all()) stream.end('drain');
  }

  async close(): Promise<void> {
    this.drain();
    await this.#running;
    await this.#subscription?.close();
  }

  #admit(stream: LiveStream, maxOfTenant: number): void {
    if (this.#closing.signal.aborted) throw new BulkheadError('UNAVAILABLE', 'draining');
    const { context, caller } = stream.options;
    const { tenantId } = context;
    const streams = this.#streams.get(tenantId) ?? new Set();
    if (streams.size >= maxOfTenant) throw quotaReached('liveStreams', maxOfTenant);
    const ofCaller = [...streams].filter((other) => other.options.caller === caller).length;
    const { maxStreamsOfCaller } = this.settings;
    if (ofCaller >= maxStreamsOfCaller) {
      const message = `a caller may have ${maxStreamsOfCaller} live streams open at a server`;
      throw new BulkheadError('RESOURCE_EXHAUSTED', message);
    }
    this.#streams.set(tenantId, streams.add(stream));
  }

  /** undefined: too much, or forgotten. */
  async #past(stream: LiveStream, after: LogPosition): Promise<ChangesRead | undefined> {
    const { context, scope } = stream.options;
    const past = await this.database.withTenant(context, (tx) =>
      readTenantChanges(tx, after, [...scope.topics], MISSED_LIMIT),
    );
    return past.incomplete || past.changes.length === MISSED_LIMIT ? undefined : past;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      await this.#bell.wait(this.settings.pollMs * (0.5 + Math.random() / 2), signal);
      try {
        while (!signal.aborted && (await this.#inTurn(() => this.#poll())));
        failures = 0;
        await sleep(GAP_MS, signal);
      } catch (error) {
        if (failures === 0) this.log.error({ err: error }, 'live updates cannot be read');
        failures += 1;
        await sleep(FAILURE_GAP_MS, signal);
      }
    }
  }

  /** One after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** true: there is more. */
  async #poll(): Promise<boolean> {
    const cursor = this.#cursor;
    if (!cursor) return false;
    const tenantIds = [...this.#streams.keys()];
    const read = await this.database.withPlatform((tx) =>
      readChanges(tx, cursor, tenantIds, READ_LIMIT),
    );
    // The database was away for longer than it remembers.
    if (read.incomplete) {
      for (const stream of this.#all()) stream.end('behind');
      return false;
    }
    await this.#recheck(read.changes);
    const changes = byTenant(read.changes);
    for (const stream of this.#all()) {
      stream.deliver(changes.get(stream.options.context.tenantId) ?? [], read.next);
    }
    if (this.#cursor) this.#cursor = read.next;
    return read.changes.length === READ_LIMIT;
  }

  async #recheck(changes: readonly Change[]): Promise<void> {
    const tenantIds = new Set(
      changes.filter(({ topic }) => ON_CALLERS.includes(topic)).map(({ tenantId }) => tenantId),
    );
    const isDue = performance.now() - this.#sweptAt > this.settings.sweepMs;
    if (isDue) this.#sweptAt = performance.now();
    await Promise.all(
      this.#all()
        .filter(({ options }) => isDue || tenantIds.has(options.context.tenantId))
        .map((stream) => stream.recheck()),
    );
  }

  #all(): LiveStream[] {
    return [...this.#streams.values()].flatMap((streams) => [...streams]);
  }
}
