import type postgres from 'postgres';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { toStoreError } from './errors.js';

/*
 * Transactions over postgres.js, each on a connection that is a client of its own. Not its own pool,
 * because of what that does with a connection that is lost inside a transaction (3.4.9): a statement
 * that follows, its own ROLLBACK among them, is written to a socket that is gone, which ends the
 * process; or, where the connection was made anew meanwhile, runs there outside of any transaction.
 * So nothing is sent any more once a connection is closed, and a client whose connection closed is
 * never used again. It also forgets the statements of a transaction that wait behind another one: they
 * are failed here.
 */

/** Of one transaction: what `begin` of postgres.js gives, in the form that drizzle takes. */
export type Statements = postgres.Sql;

export interface PoolOptions {
  readonly max: number;
  /** A client of one connection; `onClose` is called when it closes. */
  readonly connect: (onClose: () => void) => postgres.Sql;
}

interface Slot {
  readonly client: postgres.Sql;
  readonly openedAt: number;
  isOpen: boolean;
  /** Statements that have no answer yet. */
  readonly unanswered: Set<Unanswered>;
  /** Texts of the statements that the connection has prepared. */
  readonly prepared: Set<string>;
}

/** What every query of postgres.js has beside its published type. */
interface Unanswered {
  readonly reject: (error: Error) => void;
}

/** How long a transaction waits for a connection to become free. */
const WAIT_LIMIT_MS = 10_000;
/** A connection is replaced after this, so that a server or a balancer can be drained. */
const LIFETIME_MS = 30 * 60_000;
const CLOSE_LIMIT_SECONDS = 5;
/** What Postgres keeps for each; a text with a list of any length in it must not fill its memory. */
const PREPARED_MAX = 500;

export class Pool {
  readonly #idle: Slot[] = [];
  readonly #busy = new Set<Slot>();
  readonly #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(private readonly options: PoolOptions) {}

  /** Commits when `fn` resolves, rolls back when it rejects. @throws BulkheadError, and what `fn` throws */
  async transaction<T>(fn: (statements: Statements) => Promise<T>): Promise<T> {
    const slot = await this.#acquire();
    try {
      // `begin` is typed as unwrapping arrays of promises; a box keeps T as it is.
      const box = await slot.client.begin((sql) => whileOpen(slot, sql, fn));
      return box.value;
    } catch (error) {
      throw toStoreError(error);
    } finally {
      this.#release(slot);
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
    const slots = [...this.#idle.splice(0), ...this.#busy];
    await Promise.all(slots.map(({ client }) => client.end({ timeout: CLOSE_LIMIT_SECONDS })));
  }

  async #acquire(): Promise<Slot> {
    const deadline = performance.now() + WAIT_LIMIT_MS;
    for (;;) {
      if (this.#isClosed) throw new BulkheadError('UNAVAILABLE', 'the database pool is closed');
      const slot = this.#idle.pop() ?? this.#open();
      if (slot?.isOpen) {
        this.#busy.add(slot);
        return slot;
      }
      if (!slot) await this.#oneIsFree(deadline - performance.now());
    }
  }

  #open(): Slot | undefined {
    if (this.#busy.size + this.#idle.length >= this.options.max) return undefined;
    const client = this.options.connect(() => {
      slot.isOpen = false;
      for (const query of slot.unanswered) query.reject(connectionLost());
    });
    const unanswered = new Set<Unanswered>();
    const slot: Slot = {
      client,
      openedAt: performance.now(),
      isOpen: true,
      unanswered,
      prepared: new Set(),
    };
    return slot;
  }

  #release(slot: Slot): void {
    this.#busy.delete(slot);
    const isYoung = performance.now() - slot.openedAt < LIFETIME_MS;
    if (slot.isOpen && isYoung && !this.#isClosed) this.#idle.push(slot);
    else void slot.client.end({ timeout: 0 });
    this.#waiting.shift()?.();
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

/**
 * Runs `fn` with statements that are refused once the connection is closed. What begin and savepoint
 * would send after `fn` (COMMIT, ROLLBACK) is kept back then by never answering them: begin has
 * rejected already.
 */
async function whileOpen<T>(
  slot: Slot,
  sql: postgres.TransactionSql,
  fn: (statements: Statements) => Promise<T>,
): Promise<{ value: T }> {
  try {
    const value = await fn(guarded(slot, sql));
    if (slot.isOpen) return { value };
  } catch (error) {
    if (slot.isOpen) throw error;
  }
  return new Promise(() => {});
}

function connectionLost(): BulkheadError {
  return new BulkheadError('UNAVAILABLE', 'the database connection was lost');
}

function watched<T extends Promise<unknown>>(slot: Slot, query: T): T {
  const isQuery = (value: unknown): value is Unanswered =>
    typeof value === 'object' && value !== null && 'reject' in value;
  if (!isQuery(query)) return query;
  slot.unanswered.add(query);
  const forget = () => slot.unanswered.delete(query);
  // Not its own `then`, which would send it before drizzle has said how.
  void Promise.prototype.then.call(query, forget, forget);
  return query;
}

/**
 * Drizzle prepares nothing, so that each statement with parameters waits twice for the database: until
 * it is described, and until it is answered.
 */
function mayPrepare({ prepared }: Slot, query: string, parameters: unknown): boolean {
  if (!Array.isArray(parameters) || parameters.length === 0) return false;
  if (prepared.has(query)) return true;
  return prepared.size < PREPARED_MAX && Boolean(prepared.add(query));
}

function guarded(slot: Slot, sql: postgres.TransactionSql): Statements {
  const check = () => {
    if (!slot.isOpen) throw connectionLost();
  };
  const unsafe: postgres.TransactionSql['unsafe'] = (query, parameters, options) => {
    check();
    const prepare = mayPrepare(slot, query, parameters);
    return watched(slot, sql.unsafe(query, parameters, { ...options, prepare }));
  };
  const savepoint = async <T>(fn: (statements: Statements) => Promise<T>): Promise<T> => {
    check();
    const box = await sql.savepoint((inner) => whileOpen(slot, inner, fn));
    return box.value;
  };
  return new Proxy(slot.client, {
    apply(_target, self, args) {
      check();
      return Reflect.apply(sql, self, args);
    },
    get(target, name) {
      if (name === 'unsafe') return unsafe;
      // What drizzle begins inside a transaction is a savepoint.
      if (name === 'begin' || name === 'savepoint') return savepoint;
      return Reflect.get(name === 'options' ? target : sql, name);
    },
  });
}
