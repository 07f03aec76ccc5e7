import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startTraceCollector, type TraceCollector } from '../fakes/trace-collector.js';
import {
  type ControlPlaneProcess,
  keyringOf,
  MASTER_KEY,
  newOwnerKey,
  startControlPlane,
} from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { joinNode, newJoinToken } from '../support/edge.js';

jest.setTimeout(120_000);

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const UNSAMPLED = '11111111111111111111111111111111';

let database: TestDatabase;
let collector: TraceCollector;
let replica: ControlPlaneProcess;
let key = '';
let joinToken = '';

/** Spans are sent in batches, the last of them at the end. */
beforeAll(async () => {
  database = await createTestDatabase();
  collector = await startTraceCollector();
  replica = await startControlPlane(database.url, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=hunter2',
    OTEL_SERVICE_NAME: 'bulkhead-under-test',
  });
  const { text, tenantId } = await newJoinToken(database);
  joinToken = text;
  key = await newOwnerKey(database, tenantId);
  const ask = (path: string, traceparent: string, body?: object) =>
    fetch(`${replica.apiUrl}${path}`, {
      method: body ? 'POST' : 'GET',
      headers: {
        authorization: `Bearer ${key}`,
        traceparent,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  await ask('/v1/clusters', `00-${TRACE}-${PARENT}-01`, { name: 'traced' });
  await ask('/v1/clusters/no-such-id?secret=hunter2', `00-${TRACE}-${PARENT}-01`);
  await ask('/v1/policies', `00-${UNSAMPLED}-${PARENT}-00`);
  await ask('/v1/alerts', 'nonsense');
  const { caPin } = await keyringOf(database);
  await joinNode(replica.grpcPort, caPin, joinToken);
  replica.kill('SIGTERM');
  expect(await replica.ended).toBe(0);
}, 120_000);

afterAll(async () => {
  await replica?.destroy();
  await collector?.close();
  await database?.close();
});

const named = (name: string) => collector.spans.filter((span) => span.name === name);
const below = (spanId: string) =>
  collector.spans.filter(({ parentSpanId }) => parentSpanId === spanId);

describe('traces', () => {
  it("go on with the caller's, down to the transactions", () => {
    const [request, ...others] = named('POST /v1/clusters');
    expect(others).toEqual([]);
    expect(request).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
      kind: 2,
      status: 0,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/clusters',
        'http.response.status_code': 201,
      },
      resource: { 'service.name': 'bulkhead-under-test' },
    });
    // Who asks, and what is made: the second after the body was read.
    const transactions = below(request?.spanId ?? '');
    expect(transactions.length).toBeGreaterThanOrEqual(2);
    for (const transaction of transactions) {
      expect(transaction).toMatchObject({
        name: 'transaction',
        traceId: TRACE,
        kind: 3,
        attributes: { 'db.system.name': 'postgresql' },
      });
    }
  });

  it("are the caller's to leave out", () => {
    expect(collector.spans.filter(({ traceId }) => traceId === UNSAMPLED)).toEqual([]);
    expect(named('GET /v1/policies')).toEqual([]);
  });

  it('begin anew where a caller has none', () => {
    const [request] = named('GET /v1/alerts');
    expect(request).toMatchObject({ parentSpanId: '', attributes: { 'http.route': '/v1/alerts' } });
  });

  it('have the calls of agents', () => {
    const [join] = named('bulkhead.v1.AgentService/Join');
    expect(join).toMatchObject({ kind: 2, attributes: { 'rpc.system': 'grpc' } });
    expect(below(join?.spanId ?? '').length).toBeGreaterThanOrEqual(1);
  });

  it('hold no transaction that nobody asked for', () => {
    expect(named('transaction').filter(({ parentSpanId }) => parentSpanId === '')).toEqual([]);
  });

  it('hold no secret, and no path', () => {
    expect(collector.spans.length).toBeGreaterThan(5);
    const text = collector.bytes().toString('latin1');
    for (const secret of [key, joinToken, MASTER_KEY.toString('base64'), 'hunter2', 'no-such-id']) {
      expect(text).not.toContain(secret);
    }
    expect(replica.output).not.toContain('hunter2');
    expect(collector.headers[0]).toMatchObject({ 'x-tenant': 'hunter2', path: '/v1/traces' });
  });
});

describe('a collector that is away', () => {
  it('holds up neither requests nor the end', async () => {
    const other = await startControlPlane(database.url, {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    });
    try {
      const answer = await fetch(`${other.apiUrl}/v1/clusters`, {
        headers: { authorization: `Bearer ${key}` },
      });
      expect(answer.status).toBe(200);
      other.kill('SIGTERM');
      expect(await other.ended).toBe(0);
      expect(other.output).toMatch(/"msg":"traces"/);
    } finally {
      await other.destroy();
    }
  });
});
