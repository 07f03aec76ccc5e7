/** A wake-up that is remembered until somebody waits for it. One waiter at a time. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves when rung, and else not by itself. */
  async rung(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    this.#rung = false;
  }

  /** Resolves when rung, or after `ms`, or when the signal aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#rung || signal.aborted) {
      this.#rung = false;
      return;
    }
    const ring = () => this.ring();
    const timer = setTimeout(ring, ms);
    signal.addEventListener('abort', ring);
    await this.rung();
    clearTimeout(timer);
    signal.removeEventListener('abort', ring);
  }
}
