/** How long a stream lives: what a serverless platform or a balancer would cut, we end in good order. */
export interface StreamLife {
  /** Aborts when this replica goes away. */
  readonly draining: AbortSignal;
  readonly maxLifetimeMs: number;
  /** Peers are told to come back within this time, each at another moment. */
  readonly reconnectSpreadMs: number;
}

export const DEFAULT_STREAM_LIFETIME_MS = 30 * 60_000;

export interface StreamEnd {
  /** It is time to say Reconnect. */
  readonly isDue: boolean;
  /** Aborts then. */
  readonly signal: AbortSignal;
  forget(): void;
}

/** Lifetimes are jittered by a fifth. Not `AbortSignal.any`: 20 000 streams would hang on one signal for ever. */
export function streamEnd(life: StreamLife, onDue: () => void): StreamEnd {
  const ending = new AbortController();
  const { signal } = ending;
  if (life.draining.aborted) ending.abort();
  const due = () => {
    ending.abort();
    onDue();
  };
  const timer = setTimeout(due, lifetimeMs(life)).unref();
  life.draining.addEventListener('abort', due);
  return {
    get isDue() {
      return signal.aborted;
    },
    signal,
    forget() {
      clearTimeout(timer);
      life.draining.removeEventListener('abort', due);
    },
  };
}

/** In steps: Node keeps a list for each length of a timer, and thousands of lists of one cost memory. */
function lifetimeMs({ maxLifetimeMs }: StreamLife): number {
  const step = maxLifetimeMs / 100;
  return Math.round(80 + Math.random() * 20) * step;
}

export function reconnectMessage(life: StreamLife): { afterMs: number } {
  return { afterMs: Math.round(Math.random() * life.reconnectSpreadMs) };
}
