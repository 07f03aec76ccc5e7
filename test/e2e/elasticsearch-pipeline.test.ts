import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type Elasticsearch,
  elasticsearchMissing,
  startElasticsearch,
} from '../support/elasticsearch.js';
import { eventually } from '../support/eventually.js';
import { missingForContainers } from '../support/needs.js';
import { startTestSystem, type TestSystem } from '../support/system.js';

const missing = missingForContainers() ?? elasticsearchMissing();
const suite = missing ? describe.skip : describe;

const POLICY = `
process:
  selectors:
    - name: drifted
      operation: [exec]
      executableOrigin: [writable]
    - name: everything
      operation: [exec]
  responses:
    - match: [drifted]
      actions: [alert]
    - match: [everything]
      actions: [log]
`;

interface Hit {
  readonly _id: string;
  readonly _source: {
    readonly process: { readonly args: readonly string[] };
    readonly bulkhead: { readonly alert?: { readonly event_count: number } };
  };
}

suite(`events and alerts in Elasticsearch${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: Elasticsearch;
  let test: TestSystem;
  let container: string;

  beforeAll(async () => {
    server = await startElasticsearch();
    test = await startTestSystem({ controlPlane: { ELASTICSEARCH_URL: server.url } });
    await test.startAgent();
    const pod = await test.runtime.pods.runPod({ name: 'searched' });
    container = await test.runtime.pods.runContainer(pod, { name: 'main' });
    await test.enforce('watch', POLICY);
  }, 180_000);

  afterAll(async () => {
    await test?.stop();
    await server?.stop();
  });

  const run = async (...command: string[]) => {
    const { exitCode, stderr } = await test.runtime.pods.exec(container, command);
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
  };

  async function search(dataset: string, query: object): Promise<Hit[]> {
    const response = await fetch(`${server.url}/logs-bulkhead.${dataset}-*/_search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ size: 1000, query, sort: [{ '@timestamp': 'asc' }] }),
    });
    expect(response.status).toBe(200);
    const found = (await response.json()) as { hits: { hits: Hit[] } };
    return found.hits.hits;
  }

  /** Each mark once. */
  async function expectMarks(marks: string[]): Promise<void> {
    await eventually(
      async () => {
        const hits = await search('events', { term: { 'event.action': 'exec' } });
        const found = hits
          .map(({ _source }) => _source.process.args.at(-1) ?? '')
          .filter((mark) => marks.includes(mark));
        expect(found.sort()).toEqual([...marks].sort());
      },
      { withinMs: 60_000, everyMs: 250 },
    );
  }

  it('are there as ECS documents, an alert with each of its changes', async () => {
    await run('busybox', 'true', 'first');
    await expectMarks(['first']);
    await run('cp', '/bin/busybox', '/tmp/busybox');
    await run('/tmp/busybox', 'true', 'drifted');
    await eventually(async () => {
      const term = { 'process.executable': '/tmp/busybox' };
      const [alert] = await search('alerts', { term });
      expect(alert?._source.bulkhead.alert?.event_count).toBe(1);
    });
    await run('/tmp/busybox', 'true', 'drifted again');
    await eventually(async () => {
      const hits = await search('alerts', { term: { 'process.executable': '/tmp/busybox' } });
      expect(hits.map(({ _source }) => _source.bulkhead.alert?.event_count)).toEqual([1, 2]);
    });
  });

  it('come late and whole after an outage, and hold nothing else up', async () => {
    await server.kill();
    const marks = Array.from({ length: 20 }, (_, index) => `outage-${index}`);
    for (const mark of marks) await run('busybox', 'true', mark);
    await eventually(async () => {
      const events = await test.system.api.get<{ items: unknown[] }>('/v1/events?limit=50');
      expect(JSON.stringify(events)).toContain('outage-19');
    });
    await server.start();
    await expectMarks([...marks, 'first']);
  });
});
