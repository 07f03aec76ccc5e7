import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { Bell } from '../domain/bell.js';
import {
  type Connect,
  Connection,
  type Statements,
  type TransactionOptions,
} from './connection.js';
import { toStoreError } from './errors.js';

export interface PoolOptions {
  readonly max: number;
  readonly connect: Connect;
}

/** How long a transaction waits for a connection to become free. */
const WAIT_LIMIT_MS = 10_000;
/** A connection is replaced after this, so that a server or a balancer can be drained. */
const LIFETIME_MS = 30 * 60_000;
/** How long `close` waits for transactions. */
const CLOSE_LIMIT_MS = 5_000;
const NEVER = new AbortController().signal;

export class Pool {
  readonly #idle: Connection[] = [];
  readonly #busy = new Set<Connection>();
  readonly #waiting: (() => void)[] = [];
  readonly #released = new Bell();
  readonly #ending = new Set<Promise<void>>();
  #isClosed = false;

  constructor(private readonly options: PoolOptions) {}

  /**
   * Commits when `fn` resolves, rolls back when it rejects, or a statement failed.
   * @throws BulkheadError, and what `fn` throws
   */
  async transaction<T>(
    options: TransactionOptions,
    fn: (statements: Statements) => Promise<T>,
  ): Promise<T> {
    const connection = await this.#acquire();
    try {
      return await connection.transaction(options, fn);
    } catch (error) {
      throw toStoreError(error);
    } finally {
      this.#release(connection);
    }
  }

  get inUse(): number {
    return this.#busy.size;
  }

  /** Transactions that no connection was free for. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Waits a little for running transactions. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all(this.#idle.splice(0).map((connection) => connection.end()));
    const deadline = performance.now() + CLOSE_LIMIT_MS;
    while (this.#busy.size > 0 && performance.now() < deadline) {
      await this.#released.wait(deadline - performance.now(), NEVER);
    }
    await Promise.all([...this.#busy].map((connection) => connection.end()));
    await Promise.all(this.#ending);
  }

  async #acquire(): Promise<Connection> {
    const deadline = performance.now() + WAIT_LIMIT_MS;
    for (;;) {
      if (this.#isClosed) throw new BulkheadError('UNAVAILABLE', 'the database pool is closed');
      const connection = this.#idle.pop() ?? this.#open();
      if (connection?.isOpen) {
        this.#busy.add(connection);
        return connection;
      }
      if (!connection) await this.#oneIsFree(deadline - performance.now());
    }
  }

  #open(): Connection | undefined {
    if (this.#busy.size + this.#idle.length >= this.options.max) return undefined;
    return new Connection(this.options.connect);
  }

  #release(connection: Connection): void {
    this.#busy.delete(connection);
    const isYoung = performance.now() - connection.openedAt < LIFETIME_MS;
    if (connection.isOpen && isYoung && !this.#isClosed) this.#idle.push(connection);
    else {
      const ending = connection.end().finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
    this.#waiting.shift()?.();
    this.#released.ring();
  }

  async #oneIsFree(withinMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(wake), 1);
        reject(new BulkheadError('UNAVAILABLE', 'no database connection was free in time'));
      }, withinMs);
      const wake = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.push(wake);
    });
  }
}
