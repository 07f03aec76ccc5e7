import { DrizzleQueryError } from 'drizzle-orm';
import postgres from 'postgres';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

/*
 * Transactions on a connection of postgres.js, a client of its own each. Not with its `begin`, because
 * - it waits for the answer of BEGIN before anything else is sent, and packets cost: sending them was a third
 *   of what a process of the API worked;
 * - of what it does (3.4.9) with a connection that is lost inside a transaction: a statement that follows,
 *   its own ROLLBACK among them, is written to a socket that is gone, which ends the process; or, where
 *   the connection was made anew meanwhile, runs there outside of any transaction. It also forgets the
 *   statements that wait behind another one.
 * So nothing is sent any more once a connection is closed, what waits is failed here, and a client whose
 * connection closed is never used again.
 */

/** Of one transaction: what `begin` of postgres.js gives, in the form that drizzle takes. */
export type Statements = postgres.Sql;

/** A client of one connection; `onClose` is called when it closes. */
export type Connect = (onClose: () => void) => postgres.Sql;

/** Its name and its value. */
export type Setting = readonly [string, string];

export interface TransactionOptions {
  /** Hold until it ends. */
  readonly settings?: readonly Setting[];
  /**
   * It has one statement: sent in one packet with its BEGIN, its settings and its COMMIT, so that it waits
   * for the database once. What its function does with the answer undoes nothing any more.
   */
  readonly one?: 'read' | 'write';
}

/** What every query of postgres.js has beside its published type. */
interface Query extends Promise<unknown> {
  /** It was sent, or waits behind another one. */
  readonly executed: boolean;
  readonly reject: (error: Error) => void;
}

/** A transaction, or a savepoint in one. */
interface Scope {
  /** Why the first of its statements failed that did. */
  failure?: unknown;
  /** Called with each statement of its function. */
  onStatement?: (query: Query) => void;
}

/** What Postgres keeps for each; a text with a list of any length in it must not fill its memory. */
const PREPARED_MAX = 500;
const IN_FAILED_TRANSACTION = '25P02';

export class Connection {
  readonly openedAt = performance.now();
  readonly #client: postgres.Sql;
  /** Statements that have no answer yet. */
  readonly #unanswered = new Set<Query>();
  /** Texts of the statements that are prepared. */
  readonly #prepared = new Set<string>();
  /** Absent until it is connected. */
  #session: postgres.ReservedSql | undefined;
  #isOpen = true;
  #savepoints = 0;

  constructor(connect: Connect) {
    this.#client = connect(() => {
      this.#isOpen = false;
      for (const query of this.#unanswered) query.reject(connectionLost());
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Commits when `fn` resolves, rolls back when it rejects, or a statement failed. One at a time.
   * @throws what `fn` throws; BulkheadError UNAVAILABLE, INTERNAL; errors of postgres.js
   */
  async transaction<T>(
    { settings = [], one }: TransactionOptions,
    fn: (statements: Statements) => Promise<T>,
  ): Promise<T> {
    const session = await this.#connect();
    const scope: Scope = {};
    // Not waited for: what `fn` sends goes behind them, and fails where they do.
    void this.#send(session, scope, one === 'read' ? 'begin read only' : 'begin');
    if (settings.length > 0) this.#set(session, scope, settings);
    const early = one ? this.#commitBehindOne(session, scope) : undefined;
    try {
      const value = await fn(this.#statementsOf(session, scope));
      if (scope.failure !== undefined) throw scope.failure;
      const { command } = await (early?.end() ?? this.#send(session, scope, 'commit'));
      if (command === 'COMMIT') return value;
    } catch (error) {
      await this.#undo(error, scope, () => early?.end() ?? this.#send(session, {}, 'rollback'));
    } finally {
      // Those that were never sent: parts of others.
      this.#unanswered.clear();
    }
    throw (
      scope.failure ?? new BulkheadError('INTERNAL', 'a statement failed that nobody waited for')
    );
  }

  /** Waits for nothing that is under way. */
  async end(): Promise<void> {
    if (this.#isOpen) this.#session?.release();
    await this.#client.end({ timeout: 0 });
  }

  async #connect(): Promise<postgres.ReservedSql> {
    if (this.#session) return this.#session;
    try {
      // `reserve` never resolves where the client has no connection yet and fetches no types.
      await this.#client.unsafe('select');
      this.#session = await this.#client.reserve();
      return this.#session;
    } catch (error) {
      this.#isOpen = false;
      throw error;
    }
  }

  async #savepoint<T>(
    session: postgres.ReservedSql,
    fn: (statements: Statements) => Promise<T>,
  ): Promise<T> {
    this.#savepoints += 1;
    const name = `s${this.#savepoints}`;
    const scope: Scope = {};
    void this.#send(session, scope, `savepoint ${name}`);
    try {
      const value = await fn(this.#statementsOf(session, scope));
      if (scope.failure !== undefined) throw scope.failure;
      return value;
    } catch (error) {
      return this.#undo(error, scope, () => this.#send(session, {}, `rollback to ${name}`));
    }
  }

  async #undo(error: unknown, { failure }: Scope, send: () => Promise<unknown>): Promise<never> {
    if (this.#isOpen) await send();
    if (!this.#isOpen) throw connectionLost();
    throw isConsequence(error) ? (failure ?? error) : error;
  }

  /** `end` gives the answer of the COMMIT that went behind the first statement; nothing where there was none. */
  #commitBehindOne(session: postgres.ReservedSql, scope: Scope) {
    let committed: Promise<postgres.RowList<postgres.Row[]>> | undefined;
    let isOver = false;
    let hasOne = false;
    scope.onStatement = (query) => {
      if (hasOne) throw new BulkheadError('INTERNAL', 'this transaction has one statement');
      hasOne = true;
      // Drizzle has sent it by then: in the same turn.
      process.nextTick(() => {
        if (!isOver && query.executed && this.#isOpen)
          committed = this.#send(session, scope, 'commit');
      });
    };
    return {
      end: () => {
        isOver = true;
        return committed;
      },
    };
  }

  #set(session: postgres.ReservedSql, scope: Scope, settings: readonly Setting[]): void {
    const calls = settings.map((_, at) => `set_config($${2 * at + 1}, $${2 * at + 2}, true)`);
    const text = `select ${calls.join(', ')}`;
    const prepare = this.#mayPrepare(text, settings);
    this.#watch(scope, session.unsafe(text, settings.flat(), { prepare }).execute());
  }

  /** @throws BulkheadError UNAVAILABLE */
  #send(session: postgres.ReservedSql, scope: Scope, text: string) {
    this.#check();
    return this.#watch(scope, session.unsafe(text).execute());
  }

  #watch<Q extends Promise<unknown>>(scope: Scope, query: Q): Q {
    if (!isQuery(query)) return query;
    this.#unanswered.add(query);
    const answered = () => void this.#unanswered.delete(query);
    const failed = (error: unknown) => {
      answered();
      scope.failure ??= error;
    };
    // Not its own `then`, which would send it before drizzle has said how.
    void Promise.prototype.then.call(query, answered, failed);
    return query;
  }

  /**
   * Drizzle prepares nothing, so that each statement with parameters waits twice for the database: until
   * it is described, and until it is answered.
   */
  #mayPrepare(text: string, parameters: unknown): boolean {
    if (!Array.isArray(parameters) || parameters.length === 0) return false;
    if (this.#prepared.has(text)) return true;
    return this.#prepared.size < PREPARED_MAX && Boolean(this.#prepared.add(text));
  }

  #check(): void {
    if (!this.#isOpen) throw connectionLost();
  }

  /** Refused once the connection is closed. */
  #statementsOf(session: postgres.ReservedSql, scope: Scope): Statements {
    const check = () => this.#check();
    const sent = <Q extends Promise<unknown>>(query: Q): Q => {
      if (isQuery(query)) scope.onStatement?.(query);
      return this.#watch(scope, query);
    };
    const unsafe: postgres.Sql['unsafe'] = (query, parameters, options) => {
      check();
      const prepare = this.#mayPrepare(query, parameters);
      return sent(session.unsafe(query, parameters, { ...options, prepare }));
    };
    const savepoint = <T>(fn: (statements: Statements) => Promise<T>): Promise<T> => {
      check();
      return this.#savepoint(session, fn);
    };
    return new Proxy(this.#client, {
      apply(_target, self, args) {
        check();
        return sent(Reflect.apply(session, self, args));
      },
      get(target, name) {
        if (name === 'unsafe') return unsafe;
        // What drizzle begins inside a transaction is a savepoint.
        if (name === 'begin' || name === 'savepoint') return savepoint;
        return Reflect.get(name === 'options' ? target : session, name);
      },
    });
  }
}

/** Of another statement's failure. */
function isConsequence(error: unknown): boolean {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  return cause instanceof postgres.PostgresError && cause.code === IN_FAILED_TRANSACTION;
}

function isQuery(value: unknown): value is Query {
  return typeof value === 'object' && value !== null && 'reject' in value && 'executed' in value;
}

function connectionLost(): BulkheadError {
  return new BulkheadError('UNAVAILABLE', 'the database connection was lost');
}
