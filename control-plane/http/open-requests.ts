import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';

/**
 * Ends a server when its last request is answered. `close` alone waits for every connection on which
 * nothing was asked yet too, and those are what balancers and browsers keep in store.
 */
export class OpenRequests {
  #count = 0;
  readonly #changed = new EventTarget();

  /** Before the server listens. */
  constructor(private readonly server: FastifyInstance) {
    server.server.on('request', (_request, response) => {
      this.#count += 1;
      response.once('close', () => {
        this.#count -= 1;
        this.#changed.dispatchEvent(new Event('change'));
      });
    });
  }

  /** Takes no more, and lets those that are open end, or ends them where `cut` aborts. */
  async drain(cut: AbortSignal): Promise<void> {
    const closing = this.server.close();
    try {
      while (this.#count > 0) await once(this.#changed, 'change', { signal: cut });
    } catch (error) {
      if (!cut.aborted) throw error;
    }
    this.server.server.closeAllConnections();
    await closing;
  }

  closeAll(): Promise<void> {
    return this.drain(AbortSignal.abort());
  }
}
