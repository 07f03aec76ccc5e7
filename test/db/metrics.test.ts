import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { EventsResponse__Output } from '../../proto/ts/gen/bulkhead/v1/EventsResponse.js';
import type { PoliciesResponse__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import {
  type ControlPlaneProcess,
  keyringOf,
  newOwnerKey,
  startControlPlane,
} from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { joinNode, NODE, newJoinToken } from '../support/edge.js';
import { eventually } from '../support/eventually.js';
import { documentedMetrics } from '../support/metrics-table.js';

jest.setTimeout(120_000);

const POLICY =
  'process: {selectors: [{name: a, operation: [exec]}], responses: [{match: [a], actions: [log]}]}';

let database: TestDatabase;
let replica: ControlPlaneProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  replica = await startControlPlane(database.url);
}, 120_000);

afterAll(async () => {
  await replica?.destroy();
  await database?.close();
});

async function scrape(): Promise<string> {
  const response = await fetch(`${replica.operationsUrl}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  return response.text();
}

/** Waits for a sample: some are counted a moment after the answer is here. */
async function expectSample(name: string, labels: string, value: number): Promise<void> {
  const sample = labels ? `${name}{${labels}}` : name;
  await eventually(async () => {
    const lines = (await scrape()).split('\n').filter((line) => line.startsWith(name));
    expect(lines).toContain(`${sample} ${value}`);
  });
}

async function call(key: string, method: string, path: string, body?: unknown) {
  const response = await fetch(`${replica.apiUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer: { readonly id: string } = JSON.parse(await response.text());
  return answer;
}

describe('metrics', () => {
  it('are those of the README, as a running process says them', async () => {
    const said = [...(await scrape()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(
      ([, name, type]) => `${name} ${type}`,
    );
    const documented = documentedMetrics().map(({ name, type }) => `${name} ${type}`);
    expect(said.sort()).toEqual(documented.sort());
  });

  it('are on the operations address and nowhere else', async () => {
    const response = await fetch(`${replica.apiUrl}/metrics`);
    expect(response.status).toBe(404);
  });

  it('count what a node and an administrator do, and name neither', async () => {
    const token = await newJoinToken(database);
    const key = await newOwnerKey(database, token.tenantId);
    const { caPin } = await keyringOf(database);
    const node = await joinNode(replica.grpcPort, caPin, token.text);
    await expect(joinNode(replica.grpcPort, caPin, token.text)).rejects.toThrow();
    await expectSample('bulkhead_join_attempts_total', 'code="OK"', 1);
    await expectSample('bulkhead_join_attempts_total', 'code="JOIN_TOKEN_USED"', 1);
    await expectSample('bulkhead_grpc_calls_total', 'method="Join",code="OK"', 1);

    const client = node.connect();
    try {
      const policies = client.Policies();
      policies.on('error', () => {});
      policies.on('data', ({ update }: PoliciesResponse__Output) => {
        if (!update) return;
        const { nonce, revision } = update;
        if (revision === '1') policies.write({ ack: { nonce, revision, hooks: [] } });
        else policies.write({ nack: { nonce, revision, code: 'BUNDLE_NOT_LOADED', message: '' } });
      });
      policies.write({ hello: { node: NODE, appliedRevision: '0' } });
      await expectSample('bulkhead_connected_nodes', '', 1);
      await expectSample('bulkhead_grpc_open_streams', 'method="Policies"', 1);
      const made = await call(key, 'POST', '/v1/policies', { name: 'p', source: POLICY });
      const body = { name: 'a', policyId: made.id, clusters: '' };
      const { id } = await call(key, 'POST', '/v1/assignments', body);
      await expectSample('bulkhead_bundle_acks_total', '', 1);
      await call(key, 'PATCH', `/v1/assignments/${id}`, { mode: 'enforce' });
      await expectSample('bulkhead_bundle_nacks_total', 'code="BUNDLE_NOT_LOADED"', 1);
      await expectSample('bulkhead_bundle_compositions_total', '', 2);
      await expectSample('bulkhead_bundle_pushes_total', '', 2);

      const events = client.Events();
      events.on('error', () => {});
      const answered = new Promise<void>((resolve) => {
        events.on('data', ({ reject }: EventsResponse__Output) => reject && resolve());
      });
      const batch = {
        bootId: randomUUID(),
        kind: 'BATCH_KIND_TELEMETRY',
        eventCount: 7,
        createdUnixMs: String(Date.now()),
      } as const;
      events.write({ batch: { ...batch, sequence: '1', payload: Buffer.alloc(99, 255) } });
      events.write({ batch: { ...batch, sequence: '2', payload: Buffer.alloc(0) } });
      await answered;
      policies.cancel();
      events.cancel();
    } finally {
      client.close();
    }
    const kind = 'kind="telemetry"';
    await expectSample('bulkhead_batches_received_total', kind, 1);
    await expectSample('bulkhead_events_received_total', kind, 7);
    await expectSample('bulkhead_event_bytes_received_total', kind, 99);
    await expectSample('bulkhead_batches_refused_total', 'code="BATCH_MALFORMED"', 1);
    await expectSample('bulkhead_connected_nodes', '', 0);
    await expectSample('bulkhead_grpc_open_streams', 'method="Events"', 0);

    await call(key, 'GET', `/v1/nodes/${node.identity.nodeId}`);
    await call(key, 'GET', `/v1/nodes/${randomUUID()}`);
    await call(key, 'DELETE', '/v1/no/such/thing');
    const route = 'method="GET",route="/v1/nodes/:nodeId"';
    await expectSample('bulkhead_http_requests_total', `${route},status="2xx"`, 1);
    await expectSample('bulkhead_http_requests_total', `${route},status="4xx"`, 1);
    await expectSample(
      'bulkhead_http_requests_total',
      'method="DELETE",route="none",status="4xx"',
      1,
    );
    await expectSample('bulkhead_http_request_duration_seconds_count', route, 2);

    const text = await scrape();
    for (const hidden of [token.tenantId, token.clusterId, node.identity.nodeId, NODE.name]) {
      expect(text).not.toContain(hidden);
    }
  });

  it('say how the worker keeps up', async () => {
    await expectSample('bulkhead_consumer_lag_seconds', 'consumer="decode"', 0);
    await expectSample('bulkhead_outbox_due', '', 0);
    const text = await scrape();
    expect(text).toMatch(/^bulkhead_job_rounds_total\{loop="backlog",outcome="done"\} [1-9]/m);
    expect(text).toMatch(/^bulkhead_database_waiting\{role="bulkhead_worker",pool="main"\} 0$/m);
  });
});
