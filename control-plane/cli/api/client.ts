import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../../proto/ts/wire/backoff.js';
import { createExchanger, type Exchanger, normalise } from './exchange.js';
import { RefusedError, refusalFromJson, UnreachableError } from './refusal.js';
import type { Target } from './target.js';

/** A JSON object of the API. */
export type Item = Readonly<Record<string, unknown>>;
export type Query = Readonly<Record<string, string | undefined>>;

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/v1/clusters`, its parts encoded. */
  readonly path: string;
  readonly query?: Query;
  readonly body?: Item | undefined;
  /** Of what was read: where it was changed since, the edit is refused. */
  readonly revision?: number | undefined;
  readonly overrideFreeze?: boolean;
}

export interface ClientOptions {
  /** Of one call, its repetitions among it. */
  readonly timeoutMs: number;
  /** Told why a call is repeated. */
  readonly onRetry?: ((why: string) => void) | undefined;
}

export interface Listing {
  readonly items: readonly Item[];
  /** There is more than was asked for. */
  readonly nextCursor: string | undefined;
}

/** The API's own limit of a page. */
const PAGE_LIMIT = 200;
const ANSWER_MAX_BYTES = 64 * 1024 * 1024;
const ATTEMPTS = 5;
const BACKOFF = { initialMs: 250, maxMs: 4000 };

/** The API of one control plane. What it throws is a Failure: a refusal, or no answer. */
export class ApiClient {
  readonly #exchange: Exchanger;
  readonly #options: ClientOptions;
  readonly server: string;

  constructor(target: Target, options: ClientOptions) {
    this.#exchange = createExchanger(target);
    this.#options = options;
    this.server = target.server;
  }

  get(path: string, query: Query = {}): Promise<Item> {
    return this.call({ method: 'GET', path, query });
  }

  /** An answer without a body is an empty object. */
  async call(call: Call): Promise<Item> {
    const end = Date.now() + this.#options.timeoutMs;
    // One for all repetitions: what was made by a call whose answer was lost is not made again.
    const key = call.method === 'POST' ? randomUUID() : undefined;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(call, key, end - Date.now(), async (answer) => {
          const text = await textOf(answer);
          return text === '' ? {} : (objectFromText(text) ?? this.#stranger(answer));
        });
      } catch (error) {
        const waitMs = waitBeforeRepeat(error, call.method, attempt);
        if (waitMs === undefined || Date.now() + waitMs >= end) throw error;
        this.#options.onRetry?.(error instanceof Error ? error.message : String(error));
        await sleep(waitMs);
      }
    }
  }

  /** Page after page, up to `limit`. */
  async list(path: string, query: Query, limit: number): Promise<Listing> {
    const items: Item[] = [];
    let after: string | undefined;
    do {
      const page = String(Math.min(PAGE_LIMIT, limit - items.length));
      const answer = await this.get(path, { ...query, limit: page, after });
      const found = Array.isArray(answer.items) ? answer.items.filter(isObject) : [];
      items.push(...found);
      // Of a page with nothing on it there is none behind.
      const { nextCursor } = answer;
      after = typeof nextCursor === 'string' && found.length > 0 ? nextCursor : undefined;
    } while (after !== undefined && items.length < limit);
    return { items, nextCursor: after };
  }

  /** The text of an answer as it comes; the timeout is for each part of it. Not repeated. */
  stream(path: string, query: Query, write: (text: string) => void): Promise<void> {
    const { timeoutMs } = this.#options;
    return this.#once(
      { method: 'GET', path, query },
      undefined,
      timeoutMs,
      async (answer, came) => {
        for await (const chunk of answer.setEncoding('utf8')) {
          came();
          write(String(chunk));
        }
      },
    );
  }

  async #once<T>(
    { method, path, query = {}, body, revision, overrideFreeze }: Call,
    key: string | undefined,
    timeoutMs: number,
    read: (answer: IncomingMessage, came: () => void) => Promise<T>,
  ): Promise<T> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const answer = await this.#exchange({
        method,
        path: `${path}${queryText(query)}`,
        headers: {
          ...(key !== undefined && { 'idempotency-key': key }),
          ...(revision !== undefined && { 'if-match': `"${revision}"` }),
          ...(overrideFreeze && { 'bulkhead-override-freeze': 'true' }),
        },
        body: body && JSON.stringify(body),
        signal: abort.signal,
      });
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) return await read(answer, () => timer.refresh());
      const refusal = refusalFromJson(status, objectFromText(await textOf(answer)));
      throw refusal ? new RefusedError(refusal, retryAfterMs(answer)) : this.#stranger(answer);
    } catch (error) {
      if (abort.signal.aborted) throw normalise(abort.signal.reason, this.server);
      throw error instanceof RefusedError ? error : normalise(error, this.server);
    } finally {
      clearTimeout(timer);
    }
  }

  #stranger(answer: IncomingMessage): never {
    const { statusCode: status, headers } = answer;
    const where = headers.location ? `, which leads to ${headers.location}` : '';
    throw new UnreachableError(
      `${this.server}: this is no answer of a control plane (HTTP ${status}${where})`,
      { status, retryAfterMs: retryAfterMs(answer) },
    );
  }
}

/**
 * How long to wait before the call is made again; undefined: it is not. A PATCH or DELETE whose
 * answer is lost may be done, and then is refused the second time: only one that was not begun is
 * repeated.
 */
function waitBeforeRepeat(error: unknown, method: Call['method'], attempt: number) {
  if (!(error instanceof RefusedError || error instanceof UnreachableError)) return undefined;
  if (attempt + 1 >= ATTEMPTS) return undefined;
  const { status, retryAfterMs: asked } = error;
  const notBegun = status === 429 || (error instanceof UnreachableError && error.refusedConnection);
  const lost = status === undefined && isCutOff(error.cause);
  // 502 and 504 are a proxy's.
  const away = lost || status === 502 || status === 503 || status === 504;
  const mayRepeat = method === 'GET' || method === 'POST';
  if (!notBegun && !(away && mayRepeat)) return undefined;
  return Math.max(asked ?? 0, backoffMs(attempt, BACKOFF));
}

function isCutOff(cause: unknown): boolean {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return false;
  return cause.code === 'ECONNRESET' || cause.code === 'EPIPE';
}

/** Retry-After in seconds; a date counts as nothing said. */
function retryAfterMs({ headers }: IncomingMessage): number | undefined {
  const text = headers['retry-after'];
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined;
}

function queryText(query: Query): string {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) given.set(key, value);
  return given.size === 0 ? '' : `?${given}`;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    length += chunk.length;
    if (length > ANSWER_MAX_BYTES)
      throw new Error(`the answer has more than ${ANSWER_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function objectFromText(text: string): Item | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
