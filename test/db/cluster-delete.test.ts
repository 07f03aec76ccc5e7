import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { createBatchDecoder } from '../../control-plane/domain/event-batches.js';
import { DECODE_CONSUMER, decodeRound } from '../../control-plane/jobs/decode.js';
import { archiveCluster } from '../../control-plane/store/clusters.js';
import { insertBatches } from '../../control-plane/store/event-batches.js';
import { registerConsumer } from '../../control-plane/store/event-cursors.js';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { revokeTokensOfCluster } from '../../control-plane/store/join-tokens.js';
import { revokeNodesOfCluster } from '../../control-plane/store/node-revocations.js';
import { getNode } from '../../control-plane/store/nodes.js';
import { errorFromGrpc } from '../../node-agent/uplink/errors.js';
import { joinNode, NODE, newJoinToken, startTestEdge } from '../support/edge.js';
import { eventually } from '../support/eventually.js';
import { createTestApi, type TestApi } from '../support/http-api.js';
import { batchOf, newCluster, redemptionOf } from '../support/store-world.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

const get = async (path: string) => http.call('GET', path);

/** A cluster of our tenant with a node in it. */
async function clusterWithNode(maxUses = 2) {
  const { tenantId } = http.ours;
  const cluster = await newCluster(http.database, tenantId, maxUses);
  const redemption = redemptionOf(cluster.joinTokenId, cluster.secret);
  const { nodeId } = await redeemJoinToken(http.database.app, redemption);
  return { ...cluster, nodeId };
}

describe('a cluster that is removed', () => {
  it('is gone, and its nodes and tokens are worth nothing', async () => {
    const { clusterId, joinTokenId, secret, nodeId } = await clusterWithNode();
    const path = `/v1/clusters/${clusterId}`;
    const { name } = (await get(path)).json();
    const answer = await http.call('DELETE', path);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ id: clusterId, archivedAt: expect.any(String) });

    expect((await get(path)).statusCode).toBe(404);
    expect((await get(`/v1/clusters?namePrefix=${name}`)).json().items).toEqual([]);
    for (const [method, url, body] of [
      ['PATCH', path, { name: 'other' }],
      ['DELETE', path, undefined],
      ['POST', `${path}/join-tokens`, {}],
      ['GET', `${path}/join-tokens`, undefined],
    ] as const) {
      const refused = await http.call(method, url, { body });
      expect([method, url, refused.statusCode]).toEqual([method, url, 404]);
    }
    const redemption = redemptionOf(joinTokenId, secret, { name: 'node-2' });
    await expect(redeemJoinToken(http.database.app, redemption)).rejects.toMatchObject({
      code: 'JOIN_TOKEN_REVOKED',
    });
    expect((await get(`/v1/nodes/${nodeId}`)).json()).toMatchObject({ state: 'revoked' });
    const [record] = (await get('/v1/audit-log?action=cluster.delete&limit=1')).json().items;
    expect(record).toMatchObject({
      targetId: clusterId,
      details: { name, revokedNodes: 1, revokedJoinTokens: 1 },
    });
    // Its name is free, and free again.
    const again = await http.call('POST', '/v1/clusters', { body: { name } });
    expect(again.statusCode).toBe(201);
    expect((await http.call('DELETE', `/v1/clusters/${again.json().id}`)).statusCode).toBe(200);
  });

  it('stays where somebody has changed it since', async () => {
    const { clusterId } = await clusterWithNode();
    const path = `/v1/clusters/${clusterId}`;
    const { etag } = (await get(path)).headers;
    await http.call('PATCH', path, { body: { labels: { a: 'b' } } });
    const refused = await http.call('DELETE', path, { headers: { 'if-match': String(etag) } });
    expect(refused.json()).toMatchObject({ code: 'PRECONDITION_FAILED' });
    expect((await get(path)).statusCode).toBe(200);
  });

  it('leaves what it told readable, and what still comes of it is decoded', async () => {
    const { tenantId, alertId, clusterId, nodeId } = http.theirs;
    const key = await http.newKey(tenantId, 'owner');
    const { app, worker } = http.database;
    await insertBatches(app, tenantId, [batchOf(nodeId, { sequence: 2n })]);
    expect((await http.call('DELETE', `/v1/clusters/${clusterId}`, { key })).statusCode).toBe(200);
    await worker.withPlatform((tx) => registerConsumer(tx, DECODE_CONSUMER));
    const log = pino({ level: 'silent' });
    const decode = createBatchDecoder();
    while (await decodeRound({ database: worker, decode, log })) {
      // Until there is no more.
    }
    const alert = await http.call('GET', `/v1/alerts/${alertId}`, { key });
    expect(alert.json()).toMatchObject({ clusterId });
    const events = await http.call('GET', `/v1/events?clusterId=${clusterId}`, { key });
    expect(events.json().items.length).toBeGreaterThan(0);
  });

  it('takes what joins at the same moment with it', async () => {
    const { tenantId } = http.ours;
    const { app } = http.database;
    const { clusterId, joinTokenId, secret } = await newCluster(http.database, tenantId, 50);
    const joining = Array.from({ length: 20 }, (_, index) =>
      redeemJoinToken(app, redemptionOf(joinTokenId, secret, { name: `n-${index}` })),
    );
    await joining[0];
    await app.withTenant({ tenantId }, async (tx) => {
      await archiveCluster(tx, clusterId);
      await revokeTokensOfCluster(tx, clusterId);
      await revokeNodesOfCluster(tx, clusterId);
    });
    const joined = (await Promise.allSettled(joining)).flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value.nodeId] : [],
    );
    for (const nodeId of joined) {
      const node = await app.withTenant({ tenantId }, (tx) => getNode(tx, nodeId));
      expect(node.state).toBe('revoked');
    }
  });

  it('ends the streams of its nodes', async () => {
    const { database } = http;
    const edge = await startTestEdge(database);
    const { tenantId, clusterId, text } = await newJoinToken(database);
    const node = await joinNode(edge.port, edge.keyring.caPin, text);
    const client = node.connect();
    const stream = client.Policies();
    const ended = new Promise<unknown>((resolve) => stream.on('error', resolve));
    try {
      stream.on('data', () => {});
      stream.write({ hello: { node: NODE, appliedRevision: '0' } });
      await eventually(async () => {
        const { nodeId } = node.identity;
        const { state } = await database.app.withTenant({ tenantId }, (tx) => getNode(tx, nodeId));
        expect(state).toBe('active');
      });
      const key = await http.newKey(tenantId, 'owner');
      const answer = await http.call('DELETE', `/v1/clusters/${clusterId}`, { key });
      expect(answer.statusCode).toBe(200);
      expect(errorFromGrpc(await ended).code).toBe('NODE_REVOKED');
    } finally {
      client.close();
      await edge.server.stop(AbortSignal.timeout(10_000));
    }
  });
});
