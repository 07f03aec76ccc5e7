import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createVault } from '../../control-plane/domain/vault.js';
import { recordAlert } from '../../control-plane/store/alerts.js';
import { enqueueDelivery } from '../../control-plane/store/outbox.js';
import { createWebhookEndpoint } from '../../control-plane/store/webhooks.js';
import type { AgentServiceClient } from '../../node-agent/uplink/service.js';
import { startTcpProxy } from '../fakes/tcp-proxy.js';
import {
  type ControlPlaneProcess,
  keyringOf,
  MASTER_KEY,
  newOwnerKey,
  startControlPlane,
} from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type JoinedNode, joinNode, NODE, newJoinToken } from '../support/edge.js';
import { eventually } from '../support/eventually.js';
import { createWorld, sightingOf } from '../support/store-world.js';

// Each starts a process, and some wait for it to end.
jest.setTimeout(120_000);

let database: TestDatabase;
let caPin = '';
let replica: ControlPlaneProcess | undefined;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  ({ caPin } = await keyringOf(database));
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await replica?.destroy();
  replica = undefined;
});

afterAll(async () => {
  await database?.close();
});

async function start(settings: Record<string, string> = {}, args: string[] = []) {
  replica = await startControlPlane(database.url, settings, args);
  return replica;
}

async function statusOf(url: string, key?: string): Promise<number> {
  const headers = { connection: 'close', ...(key && { authorization: `Bearer ${key}` }) };
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  return response.status;
}

/** Both streams of a node that has joined, and what they were told. */
async function openStreams(grpcPort: number, name: string) {
  const token = await newJoinToken(database);
  const node = await joinNode(grpcPort, caPin, token.text, name);
  const client: AgentServiceClient = node.connect();
  closing.push(() => client.close());
  const told: number[] = [];
  const policies = client.Policies();
  const events = client.Events();
  for (const stream of [policies, events]) {
    stream.on('error', () => {});
    stream.on('data', (message: { reconnect: { afterMs: number } | null }) => {
      if (!message.reconnect) return;
      told.push(message.reconnect.afterMs);
      stream.end();
    });
  }
  policies.write({ hello: { node: { ...NODE, name }, appliedRevision: '0' } });
  await isSeen(node);
  return told;
}

/** Its Hello was heard: nothing else tells a client that its stream is served. */
async function isSeen({ identity }: JoinedNode): Promise<void> {
  await eventually(async () => {
    const rows = await database.admin`
      select from nodes where id = ${identity.nodeId} and last_seen_at is not null`;
    expect(rows).toHaveLength(1);
  });
}

/** A request of which the last byte is missing. */
async function beginRequest(port: number, key: string) {
  const body = JSON.stringify({ name: 'staging' });
  const socket = connect(port, '127.0.0.1');
  closing.push(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(
    [
      'POST /v1/clusters HTTP/1.1',
      'host: localhost',
      `authorization: Bearer ${key}`,
      'content-type: application/json',
      `content-length: ${body.length}`,
      '',
      body.slice(0, -1),
    ].join('\r\n'),
  );
  return { socket, finish: () => socket.write(body.slice(-1)) };
}

async function answerOn(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(socket, 'close');
  return text;
}

async function expectClosed(port: number): Promise<void> {
  await eventually(async () => {
    const socket = connect(port, '127.0.0.1');
    const [error] = await Promise.race([once(socket, 'error'), once(socket, 'connect')]).catch(
      (cause: unknown) => [cause],
    );
    socket.destroy();
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });
}

describe('SIGTERM', () => {
  it('first says that it is not ready, then sends everybody away, and ends when all is done', async () => {
    const { apiUrl, operationsUrl, httpPort, grpcPort, ...running } = await start({
      BULKHEAD_DRAIN_DELAY_MS: '4000',
    });
    const { id: tenantId } = await database.newTenant();
    const key = await newOwnerKey(database, tenantId);
    const told = await openStreams(grpcPort, 'node-1');
    const request = await beginRequest(httpPort, key);
    // Nothing was asked on it yet: balancers keep such ones.
    const unused = connect(httpPort, '127.0.0.1').on('error', () => {});
    closing.push(() => unused.destroy());
    await once(unused, 'connect');
    expect(await statusOf(`${apiUrl}/readyz`)).toBe(200);

    const startedAt = performance.now();
    running.kill('SIGTERM');
    const body = await eventually(async () => {
      const response = await fetch(`${operationsUrl}/readyz`);
      expect(response.status).toBe(503);
      return response.json();
    });
    expect(body).toMatchObject({ code: 'UNAVAILABLE', detail: 'draining' });
    expect(await statusOf(`${apiUrl}/readyz`)).toBe(503);
    expect(await statusOf(`${operationsUrl}/livez`)).toBe(200);
    expect(await statusOf(`${apiUrl}/v1/tenant`, key)).toBe(200);
    expect(told).toEqual([]);

    await eventually(() => expect(told).toHaveLength(2));
    for (const afterMs of told) {
      expect(afterMs).toBeGreaterThanOrEqual(0);
      expect(afterMs).toBeLessThanOrEqual(10_000);
    }
    await expectClosed(httpPort);
    await expectClosed(grpcPort);
    expect(await statusOf(`${operationsUrl}/readyz`)).toBe(503);
    const answer = answerOn(request.socket);
    request.finish();
    expect(await answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(await running.ended).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(40_000);
  });

  it('lets a delivery under way end, and takes on no other', async () => {
    const world = await createWorld(database);
    const open: ServerResponse[] = [];
    const receiver = createServer((_request, response) => open.push(response)).listen(
      0,
      '127.0.0.1',
    );
    closing.push(() => receiver.close());
    await once(receiver, 'listening');
    const address = receiver.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const sealed = createVault(MASTER_KEY).seal('webhook', Buffer.from('whsec_c2VjcmV0'));
    const deliver = async () => {
      const { tenantId, clusterId, nodeId } = world;
      const { alertId, id } = await database.worker.withTenant({ tenantId }, async (tx) => {
        const sighting = sightingOf(clusterId, nodeId, { groupKey: world.groupKey });
        return { ...(await recordAlert(tx, sighting)), id: endpointId };
      });
      return database.worker.withTenant({ tenantId }, (tx) =>
        enqueueDelivery(tx, { endpointId: id, alertId, eventType: 'alert.created', payload: {} }),
      );
    };
    const { id: endpointId } = await database.app.withTenant(world, (tx) =>
      createWebhookEndpoint(tx, {
        name: 'slow',
        url: `http://127.0.0.1:${port}/`,
        secretEncrypted: sealed,
      }),
    );
    const delivery = await deliver();
    const running = await start({ BULKHEAD_WEBHOOK_PRIVATE: 'true' }, ['--role=worker']);
    await eventually(() => expect(open).toHaveLength(1));
    running.kill('SIGTERM');
    await eventually(() => expect(running.output).toContain('draining'));
    const late = await deliver();
    open[0]?.writeHead(204).end();
    expect(await running.ended).toBe(0);
    const rows = await database.admin`
      select id, state, attempts from outbox where id in (${delivery.id}, ${late.id}) order by id`;
    expect([...rows]).toEqual([
      { id: delivery.id, state: 'delivered', attempts: 1 },
      { id: late.id, state: 'pending', attempts: 0 },
    ]);
  });

  it('ends what hangs when its time is over', async () => {
    const running = await start({ BULKHEAD_DRAIN_LIMIT_MS: '500' });
    const { id: tenantId } = await database.newTenant();
    await beginRequest(running.httpPort, await newOwnerKey(database, tenantId));
    const token = await newJoinToken(database);
    const node = await joinNode(running.grpcPort, caPin, token.text);
    // A peer that is told nothing, and so does not go.
    const proxy = await startTcpProxy(running.grpcPort);
    closing.push(() => proxy.close());
    const client = node.connect(proxy.port);
    closing.push(() => client.close());
    const stream = client.Policies();
    stream.on('error', () => {});
    stream.write({ hello: { node: NODE, appliedRevision: '0' } });
    await isSeen(node);
    proxy.withholdAnswers();
    running.kill('SIGTERM');
    expect(await running.ended).toBe(0);
    const cut = /\{.*"not done in time, cut off"\}/.exec(running.output)?.[0] ?? '{}';
    expect(JSON.parse(cut)).toMatchObject({ hanging: ['edge', 'api'] });
  });

  it('ends at once where it comes twice', async () => {
    const running = await start({ BULKHEAD_DRAIN_DELAY_MS: '10000' });
    running.kill('SIGTERM');
    await eventually(async () => {
      expect(await statusOf(`${running.operationsUrl}/readyz`)).toBe(503);
    });
    const startedAt = performance.now();
    running.kill('SIGTERM');
    expect(await running.ended).toBe(128 + 15);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

describe.each(['edge', 'api', 'worker'])('a replica of the role %s alone', (role) => {
  it('says how it is on its operations address, and ends on SIGTERM', async () => {
    const running = await start({}, [`--role=${role}`]);
    for (const path of ['/livez', '/readyz']) {
      expect(await statusOf(`${running.operationsUrl}${path}`)).toBe(200);
    }
    expect(await statusOf(`${running.operationsUrl}/v1/tenant`)).toBe(404);
    expect(running.apiUrl !== '').toBe(role === 'api');
    expect(running.grpcPort !== 0).toBe(role === 'edge');
    running.kill('SIGINT');
    expect(await running.ended).toBe(0);
  });
});
