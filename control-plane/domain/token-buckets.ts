/** What a bucket holds when it is full, and how fast it fills again. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** So many in any minute, all at once if need be. */
export function perMinute(count: number): Rate {
  return { burst: count, perSecond: count / 60 };
}

export interface Verdict {
  readonly allowed: boolean;
  /** What is left, whole tokens. */
  readonly remaining: number;
  /** 0, or until there would be enough. */
  readonly waitMs: number;
  /** Until the bucket is full. */
  readonly fullInMs: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/**
 * A token bucket for each key, in the memory of this process. At most `maxKeys` of them: the one that
 * was longest not asked for goes first, and would be full again soon anyway.
 */
export class TokenBuckets {
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    readonly rate: Rate,
    private readonly options: { readonly maxKeys?: number; readonly now?: () => number } = {},
  ) {}

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes `cost`, or nothing where there is less. What costs more than a full bucket takes a full one. */
  take(key: string, cost = 1): Verdict {
    const bucket = this.#use(key);
    const price = Math.min(cost, this.rate.burst);
    const allowed = bucket.tokens >= price;
    if (allowed) bucket.tokens -= price;
    return this.#verdict(bucket, allowed ? 0 : price);
  }

  /** Whether one could be taken now. */
  look(key: string): Verdict {
    const { burst: tokens } = this.rate;
    return this.#verdict(this.#buckets.has(key) ? this.#use(key) : { tokens, at: 0 }, 1);
  }

  /** Takes `cost`, whatever there is. @returns milliseconds until that is made up for */
  owe(key: string, cost: number): number {
    const bucket = this.#use(key);
    bucket.tokens -= cost;
    return this.#verdict(bucket, 0).waitMs;
  }

  #use(key: string): Bucket {
    const now = (this.options.now ?? performance.now.bind(performance))();
    const { burst, perSecond } = this.rate;
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > (this.options.maxKeys ?? MAX_KEYS)) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket;
  }

  #verdict({ tokens }: Bucket, needed: number): Verdict {
    const { burst, perSecond } = this.rate;
    return {
      allowed: tokens >= needed,
      remaining: Math.max(0, Math.floor(tokens)),
      waitMs: Math.max(0, ((needed - tokens) / perSecond) * 1000),
      fullInMs: ((burst - tokens) / perSecond) * 1000,
    };
  }
}

/** About 10 MB. */
const MAX_KEYS = 50_000;
