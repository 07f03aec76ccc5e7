export interface StreamLifeOptions {
  readonly maxLifetimeMs: number;
  /** Peers are told to come back within this time, each at another moment. */
  readonly reconnectSpreadMs: number;
}

export const DEFAULT_STREAM_LIFETIME_MS = 30 * 60_000;

/** A stream is looked at so often in the longest lifetime. */
const STEPS = 100;

/**
 * How long streams live: what a serverless platform or a balancer would cut, we end in good order.
 *
 * One timer for all of them. With one each and an abort signal for the drain, which every new listener
 * compares itself with all of, 10 000 agents cost a quarter of a storm's processor time.
 */
export class StreamLife {
  readonly #ends = new Set<StreamEnd>();
  #timer: NodeJS.Timeout | undefined;
  #isDraining = false;

  constructor(private readonly options: StreamLifeOptions) {}

  /** Lifetimes are jittered by a fifth. */
  enter(onDue: () => void): StreamEnd {
    const { maxLifetimeMs } = this.options;
    const lifetimeMs = maxLifetimeMs * (0.8 + Math.random() / 5);
    const end = new StreamEnd(performance.now() + lifetimeMs, onDue, (gone) => this.#forget(gone));
    if (this.#isDraining) end.come();
    this.#ends.add(end);
    this.#timer ??= setInterval(() => this.#look(), maxLifetimeMs / STEPS).unref();
    return end;
  }

  /** This replica goes away. */
  drain(): void {
    this.#isDraining = true;
    for (const end of this.#ends) end.come();
  }

  reconnectMessage(): { afterMs: number } {
    return { afterMs: Math.round(Math.random() * this.options.reconnectSpreadMs) };
  }

  #look(): void {
    const now = performance.now();
    for (const end of this.#ends) if (end.atMs <= now) end.come();
  }

  #forget(end: StreamEnd): void {
    this.#ends.delete(end);
    if (this.#ends.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** When one stream is to say Reconnect. */
export class StreamEnd {
  #isDue = false;
  #ending: AbortController | undefined;

  constructor(
    /** Of performance.now(). */
    readonly atMs: number,
    private readonly onDue: () => void,
    private readonly onForgotten: (end: StreamEnd) => void,
  ) {}

  get isDue(): boolean {
    return this.#isDue;
  }

  /** Aborts when it is due; made for who asks. */
  get signal(): AbortSignal {
    if (this.#isDue) return AbortSignal.abort();
    this.#ending ??= new AbortController();
    return this.#ending.signal;
  }

  come(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#ending?.abort();
    this.onDue();
  }

  forget(): void {
    this.onForgotten(this);
  }
}
