import { Readable } from 'node:stream';
import { type Change, isAfter } from '../store/changes.js';
import type { TenantContext } from '../store/database.js';
import type { LogPosition } from '../store/event-cursors.js';
import { LIVE_TOPICS } from './live-topics.js';

export interface LiveStreamTimes {
  readonly heartbeatMs: number;
  /** Jittered by a fifth. */
  readonly lifetimeMs: number;
  /** What a client that does not read may leave lying here. */
  readonly bufferBytes: number;
}

export const LIVE_STREAM_TIMES: LiveStreamTimes = {
  heartbeatMs: 15_000,
  lifetimeMs: 30 * 60_000,
  bufferBytes: 1024 * 1024,
};

/** What a stream may tell its caller. */
export interface LiveScope {
  readonly topics: ReadonlySet<string>;
  /** undefined: all. What belongs to no cluster is always told. */
  readonly clusterIds: ReadonlySet<string> | undefined;
  /** When the caller's credential ends. */
  readonly expiresAt?: Date | undefined;
}

/** Why a stream ended; `closed`: the client left. */
export type LiveEnd = 'closed' | 'lifetime' | 'drain' | 'caller' | 'slow' | 'behind';

export interface LiveStreamOptions {
  /** As whom it reads what it missed. */
  readonly context: TenantContext;
  /** Whoever it is, in one word: their streams are counted together. */
  readonly caller: string;
  readonly scope: LiveScope;
  readonly times: LiveStreamTimes;
  /** What they may see now. Rejects where they may not any more. */
  readonly recheck: () => Promise<LiveScope>;
  /** Ends the response, whatever of it is still to be sent. */
  readonly cut: () => void;
  readonly onEnd: (reason: LiveEnd) => void;
}

const RETRY_MS = 3_000;
/** A replica that ends sends its clients elsewhere within this time, each at another moment. */
const RECONNECT_SPREAD_MS = 10_000;
/** An end in good order is not waited for longer. */
const CUT_AFTER_MS = 1_000;

/** One response in the form of WHATWG's EventSource. What it tells is in the order of positions. */
export class LiveStream {
  /** The body of the response. */
  readonly body: Readable;
  #scope: LiveScope;
  /** What has just gone out of sight is told a last time. */
  #formerClusterIds: ReadonlySet<string> | undefined;
  /** All up to here was told; undefined: it has not begun. */
  #position: LogPosition | undefined;
  /** What was delivered before it began. */
  #early: Change[] = [];
  #ended = false;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #lifetime: NodeJS.Timeout;

  constructor(readonly options: LiveStreamOptions) {
    const { times, scope } = options;
    this.#scope = scope;
    this.body = new Readable({ read() {} });
    this.body.once('close', () => this.#end('closed'));
    this.#heartbeat = setInterval(() => this.#beat(), times.heartbeatMs);
    const lifetimeMs = times.lifetimeMs * (0.8 + Math.random() / 5);
    const leftMs = (scope.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY) - Date.now();
    this.#lifetime =
      leftMs < lifetimeMs
        ? setTimeout(() => this.end('caller'), leftMs)
        : setTimeout(() => this.end('lifetime'), lifetimeMs);
  }

  /** The first event says where the client is; then comes what it missed, up to `next`. */
  begin(
    event: 'ready' | 'reset',
    at: LogPosition,
    missed: readonly Change[] = [],
    next: LogPosition = at,
  ): void {
    this.#write(`retry: ${RETRY_MS}\n${frame(at, event, {})}`);
    this.#position = at;
    this.deliver(missed, next);
    this.deliver(this.#early, next);
    this.#early = [];
  }

  /** The changes of the tenant up to `next`; some may be told already. */
  deliver(changes: readonly Change[], next: LogPosition): void {
    if (!this.#position) {
      this.#early.push(...changes);
      return;
    }
    for (const change of changes) {
      if (!isAfter(change.position, this.#position)) continue;
      this.#position = change.position;
      if (this.#maySee(change)) this.#write(frameOf(change));
    }
    if (isAfter(next, this.#position)) this.#position = next;
    this.#formerClusterIds = undefined;
  }

  /** What the caller may see, or that they may, has perhaps changed. */
  async recheck(): Promise<void> {
    const former = this.#scope.clusterIds;
    try {
      this.#scope = await this.options.recheck();
      this.#formerClusterIds = former;
    } catch {
      this.end('caller');
    }
  }

  /** The client comes back with its last id. */
  end(reason: Exclude<LiveEnd, 'closed'>): void {
    if (this.#ended) return;
    this.#end(reason);
    if (reason === 'slow') {
      this.options.cut();
      return;
    }
    const waitMs = reason === 'drain' ? Math.random() * RECONNECT_SPREAD_MS : RETRY_MS;
    this.body.push(`retry: ${Math.round(waitMs)}\n\n`);
    this.body.push(null);
    setTimeout(this.options.cut, CUT_AFTER_MS).unref();
  }

  #end(reason: LiveEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#lifetime);
    this.options.onEnd(reason);
  }

  #maySee({ topic, clusterId }: Change): boolean {
    const { topics, clusterIds } = this.#scope;
    if (!topics.has(topic)) return false;
    if (clusterId === undefined || clusterIds === undefined) return true;
    return clusterIds.has(clusterId) || this.#formerClusterIds?.has(clusterId) === true;
  }

  /** Keeps proxies from closing it, and the client's id from growing old where nothing happens. */
  #beat(): void {
    if (this.#position) this.#write(`: still here\nid: ${positionToText(this.#position)}\n\n`);
  }

  #write(text: string): void {
    if (this.#ended) return;
    this.body.push(text);
    if (this.body.readableLength > this.options.times.bufferBytes) this.end('slow');
  }
}

const POSITION = /^(\d{1,20})-(\d{1,19})$/;

export function positionToText({ xid, id }: LogPosition): string {
  return `${xid}-${id}`;
}

/** undefined: it is none of ours. */
export function positionFromText(text: string): LogPosition | undefined {
  const [, xid, id] = POSITION.exec(text) ?? [];
  if (xid === undefined || id === undefined) return undefined;
  const isInRange = BigInt(xid) < 2n ** 64n && BigInt(id) < 2n ** 63n;
  return isInRange ? { xid, id: BigInt(id) } : undefined;
}

function frameOf({ position, topic, kind, id, clusterId }: Change): string {
  const noun = LIVE_TOPICS[topic]?.noun ?? topic;
  return frame(position, `${noun}.${kind}`, { id, kind, ...(clusterId && { clusterId }) });
}

function frame(position: LogPosition, event: string, data: object): string {
  return `id: ${positionToText(position)}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
