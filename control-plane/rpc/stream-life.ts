/** How long a stream lives: what a serverless platform or a balancer would cut, we end in good order. */
export interface StreamLife {
  /** Aborts when this replica goes away. */
  readonly draining: AbortSignal;
  readonly maxLifetimeMs: number;
  /** Peers are told to come back within this time, each at another moment. */
  readonly reconnectSpreadMs: number;
}

export const DEFAULT_STREAM_LIFETIME_MS = 30 * 60_000;

/** A signal that aborts when it is time to say Reconnect; lifetimes are jittered by a fifth. */
export function reconnectTime(life: StreamLife): AbortSignal {
  const lifetimeMs = Math.round(life.maxLifetimeMs * (0.8 + Math.random() / 5));
  return AbortSignal.any([life.draining, AbortSignal.timeout(lifetimeMs)]);
}

export function reconnectMessage(life: StreamLife): { afterMs: number } {
  return { afterMs: Math.round(Math.random() * life.reconnectSpreadMs) };
}
