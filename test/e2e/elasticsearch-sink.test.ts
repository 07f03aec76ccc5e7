import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import {
  createElasticsearchSink,
  type ElasticsearchSink,
  type SinkDocument,
} from '../../control-plane/sinks/elasticsearch.js';
import {
  type Elasticsearch,
  elasticsearchMissing,
  startElasticsearch,
} from '../support/elasticsearch.js';
import { eventually } from '../support/eventually.js';

const missing = elasticsearchMissing();
const suite = missing ? describe.skip : describe;
const DAY_MS = 24 * 3_600_000;

suite(`the Elasticsearch sink${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: Elasticsearch;
  let sink: ElasticsearchSink;
  let abort: AbortController;
  /** Another one for each test, so that they do not meet. */
  let tenantId: string;

  beforeAll(async () => {
    server = await startElasticsearch();
  }, 150_000);
  afterAll(() => server?.stop());

  beforeEach(async () => {
    tenantId = randomUUID();
    abort = new AbortController();
    sink = createSink();
    await sink.installTemplates(abort.signal);
  });
  afterEach(async () => {
    abort.abort();
    await sink.close();
  });

  const createSink = () =>
    createElasticsearchSink({
      url: server.url,
      requestTimeoutMs: 2000,
      backoff: { initialMs: 20, maxMs: 200 },
      retention: { eventRetentionMs: 3 * DAY_MS },
      log: pino({ level: 'silent' }),
    });

  const events = (count: number, from = 0): SinkDocument[] =>
    Array.from({ length: count }, (_, index) => ({
      id: `event-${from + index}`,
      timestampMs: Date.UTC(2026, 0, 1) + index,
      tenantId,
      document: {
        event: { id: `event-${from + index}`, kind: 'event', action: 'exec' },
        process: { pid: from + index, executable: '/usr/bin/true', args: ['true', '-x'] },
      },
    }));

  const outcomes = (results: readonly { outcome: string }[]) => results.map((r) => r.outcome);
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(server.url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return response.json();
  };
  const stored = async (dataset: string, query: unknown = { match_all: {} }) => {
    const stream = `logs-bulkhead.${dataset}-${tenantId.replaceAll('-', '')}`;
    await call('POST', `/${stream}/_refresh`);
    const found = await call('POST', `/${stream}/_search`, { size: 5000, query });
    return (found as { hits: { hits: { _id: string; _index: string; _source: object }[] } }).hits
      .hits;
  };

  // The first of all: a template that a data stream uses cannot be removed.
  it('installs the templates again when somebody removed them, and loses nothing', async () => {
    await call('DELETE', '/_index_template/bulkhead-events');
    const results = await sink.writeEvents(events(2), abort.signal);
    expect(outcomes(results)).toEqual(['created', 'created']);
    expect(sink.counters().retried).toBe(2);
  });

  it('writes events into the data stream of their tenant, searchable by their ECS fields', async () => {
    const results = await sink.writeEvents(events(3), abort.signal);

    expect(results).toEqual([
      { id: 'event-0', outcome: 'created' },
      { id: 'event-1', outcome: 'created' },
      { id: 'event-2', outcome: 'created' },
    ]);
    const found = await stored('events', {
      bool: { filter: [{ term: { 'process.pid': 1 } }, { term: { 'process.args': '-x' } }] },
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      _id: 'event-1',
      _index: expect.stringMatching(/^\.ds-logs-bulkhead\.events-/),
      _source: {
        '@timestamp': '2026-01-01T00:00:00.001Z',
        data_stream: { type: 'logs', dataset: 'bulkhead.events' },
      },
    });
  });

  it('counts a repeated id as done and writes nothing twice', async () => {
    await sink.writeEvents(events(2), abort.signal);
    const results = await sink.writeEvents(events(4), abort.signal);

    expect(outcomes(results)).toEqual(['exists', 'exists', 'created', 'created']);
    expect(await stored('events')).toHaveLength(4);
    expect(sink.counters()).toEqual({ created: 4, exists: 2, dead: 0, retried: 0 });
  });

  it('hands back what does not fit the mapping, with the reason, and writes the rest', async () => {
    const documents = events(3);
    documents[1] = { ...events(1, 1)[0], document: { process: { pid: 'none' } } } as SinkDocument;
    documents.push({ ...events(1, 9)[0], document: { event: 5n } } as SinkDocument);

    const results = await sink.writeEvents(documents, abort.signal);

    expect(outcomes(results)).toEqual(['created', 'dead', 'created', 'dead']);
    expect(results[1]?.reason).toMatch(/document_parsing_exception.*process\.pid.*none/);
    expect(results[3]?.reason).toMatch(/not serialisable/);
    expect((await stored('events')).map((hit) => hit._id).sort()).toEqual(['event-0', 'event-2']);
    expect(sink.counters().dead).toBe(2);
  });

  it('keeps unknown fields and oversized values without indexing them', async () => {
    const [document] = events(1);
    if (!document) throw new Error('no document');
    const long = 'x'.repeat(40_000);
    const odd = {
      process: { executable: `/${long}` },
      bulkhead: { cpu_sequence: '18446744073709551615' },
      invented: { by: { an: 'attacker' } },
    };
    const results = await sink.writeEvents([{ ...document, document: odd }], abort.signal);

    expect(outcomes(results)).toEqual(['created']);
    expect((await stored('events'))[0]?._source).toMatchObject(odd);
    expect(await stored('events', { exists: { field: 'invented.by.an' } })).toEqual([]);
  });

  it('halves what the server finds too large, until only the document itself is', async () => {
    const documents = events(13).map((document, index) => ({
      ...document,
      document: { note: randomBytes(index === 6 ? 600_000 : 50_000).toString('hex') },
    }));
    const results = await sink.writeEvents(documents, abort.signal);

    const dead = results.filter((result) => result.outcome === 'dead');
    expect(dead).toEqual([{ id: 'event-6', outcome: 'dead', reason: expect.any(String) }]);
    expect(await stored('events')).toHaveLength(12);
  });

  it('writes one document for every change of an alert', async () => {
    const change = (changeId: string, count: number) => ({
      alertId: 'a1',
      changeId,
      timestampMs: 0,
      tenantId,
      document: { bulkhead: { alert: { id: 'a1', change: Number(changeId), event_count: count } } },
    });
    await sink.writeAlerts([change('7', 1)], abort.signal);
    const results = await sink.writeAlerts([change('7', 1), change('9', 2)], abort.signal);

    expect(results).toEqual([
      { id: 'a1-7', outcome: 'exists' },
      { id: 'a1-9', outcome: 'created' },
    ]);
    const found = await stored('alerts', { range: { 'bulkhead.alert.change': { gt: 7 } } });
    expect(found.map((hit) => hit._id)).toEqual(['a1-9']);
  });

  it('has the retention in the templates and leaves those of a newer version alone', async () => {
    const template = async () => {
      const answer = await call('GET', '/_index_template/bulkhead-events');
      return (answer as { index_templates: { index_template: Record<string, unknown> }[] })
        .index_templates[0]?.index_template;
    };
    const installed = await template();
    expect(installed).toMatchObject({
      index_patterns: ['logs-bulkhead.events-*'],
      template: { lifecycle: { enabled: true, data_retention: '259200s' } },
    });

    const newer = { ...installed, version: 999, priority: 300 };
    await call('PUT', '/_index_template/bulkhead-events', newer);
    await sink.installTemplates(abort.signal);
    expect(await template()).toMatchObject({ version: 999, priority: 300 });
    await call('PUT', '/_index_template/bulkhead-events', installed);
  });

  it('waits while no data stream can be made', async () => {
    await call('PUT', '/_cluster/settings', { persistent: { 'cluster.max_shards_per_node': 1 } });
    const writing = sink.writeEvents(events(2), abort.signal);
    await eventually(() => expect(sink.counters().retried).toBeGreaterThan(2));
    await call('PUT', '/_cluster/settings', {
      persistent: { 'cluster.max_shards_per_node': null },
    });
    expect(outcomes(await writing)).toEqual(['created', 'created']);
  });

  it('waits while a full disk makes indices read-only', async () => {
    await sink.writeEvents(events(1), abort.signal);
    const index = (await stored('events'))[0]?._index;
    await call('PUT', `/${index}/_settings`, { 'index.blocks.read_only_allow_delete': true });
    const writing = sink.writeEvents(events(3), abort.signal);
    await eventually(() => expect(sink.counters().retried).toBeGreaterThan(2));
    await call('PUT', `/${index}/_settings`, { 'index.blocks.read_only_allow_delete': null });
    expect(outcomes(await writing)).toEqual(['exists', 'created', 'created']);
  });

  it('lives through a server that hangs and one that dies in the middle: late, and whole', async () => {
    const total = 4000;
    const batch = 200;
    const seen: string[] = [];
    const write = async (from: number) => {
      const results = await sink.writeEvents(events(batch, from), abort.signal);
      seen.push(...outcomes(results));
    };
    await write(0);

    await server.pause();
    const hanging = write(batch);
    await expect(sink.ping(AbortSignal.timeout(500))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    server.resume();
    await hanging;

    const rest = (async () => {
      for (let from = 2 * batch; from < total; from += batch) await write(from);
    })();
    await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(3 * batch));
    await server.kill();
    const beforeRestart = seen.length;
    await server.start();
    await rest;
    await sink.ping(abort.signal);

    expect(beforeRestart).toBeLessThan(total);
    expect(seen).toHaveLength(total);
    expect(new Set(seen)).not.toContain('dead');
    const ids = (await stored('events')).map((hit) => hit._id);
    expect(ids).toHaveLength(total);
    expect(new Set(ids).size).toBe(total);
  }, 150_000);

  it('gives up only when it is told to, and may then be asked again', async () => {
    await server.pause();
    const reason = new Error('shutting down');
    const stopping = new AbortController();
    const writing = sink.writeEvents(events(2), stopping.signal);
    stopping.abort(reason);
    await expect(writing).rejects.toBe(reason);
    server.resume();

    const results = await sink.writeEvents(events(2), abort.signal);
    expect(outcomes(results)).not.toContain('dead');
    expect(await stored('events')).toHaveLength(2);
  });
});
