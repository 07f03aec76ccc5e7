import { Client } from '@elastic/elasticsearch';
import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import {
  bulkLines,
  chunksOf,
  type ItemOutcome,
  outcomeOf,
  type PendingDocument,
  prepare,
  type SinkDocument,
} from './elasticsearch-bulk.js';
import { isRefusedWhole, type Patience, untilTaken } from './elasticsearch-retry.js';
import {
  componentTemplates,
  DATASETS,
  type DatasetName,
  indexTemplate,
  type Retention,
  TEMPLATE_VERSION,
} from './elasticsearch-templates.js';

export type { SinkDocument };

export interface ElasticsearchOptions {
  /** http(s)://[user:password@]host:port */
  readonly url: string;
  /** Instead of user and password: the encoded form of an API key. */
  readonly apiKey?: string | undefined;
  /** PEM of the authority that the server's certificate is checked against; else the system's. */
  readonly caCertificate?: string | undefined;
  /** Used when a data stream is made; 30 days and 365 days where not given. */
  readonly retention?: Partial<Retention>;
  readonly requestTimeoutMs?: number;
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number };
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** An alert as it stands after one change. */
export interface SinkAlertChange extends Omit<SinkDocument, 'id'> {
  readonly alertId: string;
  /** Rises with every change of the alert. */
  readonly changeId: string;
}

/** `exists`: a former try had written it. `dead`: never taken; the caller keeps it with the reason. */
export interface WriteResult {
  readonly id: string;
  readonly outcome: 'created' | 'exists' | 'dead';
  readonly reason?: string;
}

export interface SinkCounters {
  readonly created: number;
  readonly exists: number;
  readonly dead: number;
  /** Documents that were sent once more. */
  readonly retried: number;
}

export interface ElasticsearchSink {
  /** Components and index templates; waits through an outage. @throws BulkheadError INTERNAL where they are refused */
  installTemplates(signal: AbortSignal): Promise<void>;
  /**
   * Resolves when every document is written or dead, in the order given; an outage delays it for as long as
   * it lasts. Rejects with the signal's reason when that aborts; sending the same again is safe.
   */
  writeEvents(documents: readonly SinkDocument[], signal: AbortSignal): Promise<WriteResult[]>;
  writeAlerts(changes: readonly SinkAlertChange[], signal: AbortSignal): Promise<WriteResult[]>;
  /** @throws BulkheadError UNAVAILABLE where the cluster does not answer or lacks the templates */
  ping(signal: AbortSignal): Promise<void>;
  counters(): SinkCounters;
  close(): Promise<void>;
}

const DAY_MS = 24 * 3_600_000;
const DEFAULT_RETENTION: Retention = {
  eventRetentionMs: 30 * DAY_MS,
  alertRetentionMs: 365 * DAY_MS,
};
const DEFAULT_BACKOFF = { initialMs: 200, maxMs: 30_000 };
const REQUEST_TIMEOUT_MS = 30_000;

/** Makes no request: `installTemplates` is the first. */
export function createElasticsearchSink(options: ElasticsearchOptions): ElasticsearchSink {
  return new Sink(options);
}

class Sink implements ElasticsearchSink {
  readonly #client: Client;
  readonly #log: ElasticsearchOptions['log'];
  readonly #patience: Patience;
  readonly #retention: Retention;
  readonly #counters = { created: 0, exists: 0, dead: 0, retried: 0 };

  constructor(options: ElasticsearchOptions) {
    this.#client = new Client({
      node: options.url,
      ...(options.apiKey && { auth: { apiKey: options.apiKey } }),
      ...(options.caCertificate && { tls: { ca: options.caCertificate } }),
      requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      compression: true,
      // Retries are ours: they end with the signal, not with a count.
      maxRetries: 0,
    });
    this.#log = options.log;
    this.#patience = { log: options.log, ...DEFAULT_BACKOFF, ...options.backoff };
    this.#retention = { ...DEFAULT_RETENTION, ...options.retention };
  }

  async installTemplates(signal: AbortSignal): Promise<void> {
    await untilTaken(this.#patience, signal, async () => {
      if (await this.#hasNewerTemplates(signal)) return undefined;
      for (const request of componentTemplates()) {
        await this.#client.cluster.putComponentTemplate(request, { signal });
      }
      for (const name of Object.keys(DATASETS) as DatasetName[]) {
        await this.#client.indices.putIndexTemplate(indexTemplate(name, this.#retention), {
          signal,
        });
      }
      return undefined;
    });
  }

  writeEvents(documents: readonly SinkDocument[], signal: AbortSignal): Promise<WriteResult[]> {
    return this.#write('events', documents, signal);
  }

  writeAlerts(changes: readonly SinkAlertChange[], signal: AbortSignal): Promise<WriteResult[]> {
    const documents = changes.map((change) => ({
      ...change,
      id: `${change.alertId}-${change.changeId}`,
    }));
    return this.#write('alerts', documents, signal);
  }

  async ping(signal: AbortSignal): Promise<void> {
    try {
      const { template } = DATASETS.events;
      await this.#client.indices.getIndexTemplate({ name: template }, { signal });
    } catch (cause) {
      throw new BulkheadError('UNAVAILABLE', 'elasticsearch does not answer', { cause });
    }
  }

  counters(): SinkCounters {
    return { ...this.#counters };
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #hasNewerTemplates(signal: AbortSignal): Promise<boolean> {
    const { template } = DATASETS.events;
    const found = await this.#client.indices.getIndexTemplate(
      { name: template },
      { signal, ignore: [404] },
    );
    const version = found.index_templates?.[0]?.index_template.version ?? 0;
    if (version > TEMPLATE_VERSION) {
      this.#log.info({ version }, 'elasticsearch has templates of a newer version, they are kept');
    }
    return version > TEMPLATE_VERSION;
  }

  async #write(
    name: DatasetName,
    documents: readonly SinkDocument[],
    signal: AbortSignal,
  ): Promise<WriteResult[]> {
    const results: WriteResult[] = documents.map(({ id }) => ({ id, outcome: 'dead' }));
    const pending: PendingDocument[] = [];
    const settle = (index: number, result: Omit<WriteResult, 'id'>) => {
      results[index] = { id: documents[index]?.id ?? '', ...result };
      this.#counters[result.outcome] += 1;
    };
    documents.forEach((document, index) => {
      const prepared = prepare(name, document, index);
      if ('body' in prepared) pending.push(prepared);
      else settle(index, { outcome: 'dead', reason: prepared.reason });
    });
    for (const chunk of chunksOf(pending)) await this.#writeChunk(chunk, settle, signal);
    return results;
  }

  async #writeChunk(
    chunk: readonly PendingDocument[],
    settle: (index: number, result: Omit<WriteResult, 'id'>) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let open = chunk;
    await untilTaken(this.#patience, signal, async () => {
      const outcomes = await this.#send(open, signal);
      const retried: PendingDocument[] = [];
      let why: Extract<ItemOutcome, { kind: 'retry' }> | undefined;
      open.forEach((document, position) => {
        const outcome = outcomes[position] ?? outcomeOf(undefined);
        if (outcome.kind === 'retry') {
          why = outcome;
          retried.push(document);
        } else if (outcome.kind === 'dead') {
          settle(document.index, { outcome: 'dead', reason: outcome.reason });
        } else {
          settle(document.index, { outcome: outcome.kind });
        }
      });
      open = retried;
      this.#counters.retried += retried.length;
      if (why?.templatesMissing) await this.installTemplates(signal);
      return why?.reason;
    });
  }

  /** One outcome a document. A request that is refused whole is halved until the culprit stands alone. */
  async #send(documents: readonly PendingDocument[], signal: AbortSignal): Promise<ItemOutcome[]> {
    try {
      const { items } = await this.#client.bulk<string>(
        {
          operations: bulkLines(documents),
          require_data_stream: true,
          filter_path: ['errors', 'items.*.status', 'items.*.error'],
        },
        { signal },
      );
      return documents.map((_, position) => outcomeOf(items[position]?.create));
    } catch (error) {
      if (!isRefusedWhole(error)) throw error;
      if (documents.length === 1) return [{ kind: 'dead', reason: error.message }];
      const middle = Math.ceil(documents.length / 2);
      return [
        ...(await this.#send(documents.slice(0, middle), signal)),
        ...(await this.#send(documents.slice(middle), signal)),
      ];
    }
  }
}
