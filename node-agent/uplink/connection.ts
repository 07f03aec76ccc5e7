interface Client {
  close(): void;
}

interface Opened<C extends Client> {
  readonly client: C;
  users: number;
}

/**
 * One client for both streams. What a client believes is settled when it is made, so that a change of
 * trust needs another; a stream that is open stays on the former one until it ends by itself.
 */
export class Connection<C extends Client> {
  #current: Opened<C> | undefined;

  constructor(private readonly open: () => C) {}

  async use<T>(fn: (client: C) => Promise<T>): Promise<T> {
    this.#current ??= { client: this.open(), users: 0 };
    const opened = this.#current;
    opened.users += 1;
    try {
      return await fn(opened.client);
    } finally {
      opened.users -= 1;
      if (opened.users === 0 && opened !== this.#current) opened.client.close();
    }
  }

  /** Whoever comes next gets a new client; also to be called at the end. */
  renew(): void {
    const former = this.#current;
    this.#current = undefined;
    if (former?.users === 0) former.client.close();
  }
}
