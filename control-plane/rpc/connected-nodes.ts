import type { Gauge } from 'prom-client';

/** Counts nodes, not streams: one that comes back may have two for a moment. */
export class ConnectedNodes {
  readonly #streams = new Map<string, number>();

  constructor(private readonly gauge: Pick<Gauge, 'set'>) {}

  /** Returns how to leave. */
  enter(nodeId: string): () => void {
    this.#add(nodeId, 1);
    return () => this.#add(nodeId, -1);
  }

  #add(nodeId: string, streams: number): void {
    const now = (this.#streams.get(nodeId) ?? 0) + streams;
    if (now > 0) this.#streams.set(nodeId, now);
    else this.#streams.delete(nodeId);
    this.gauge.set(this.#streams.size);
  }
}
