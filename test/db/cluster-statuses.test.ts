import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertBundle } from '../../control-plane/store/bundles.js';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { quarantineNode } from '../../control-plane/store/node-revocations.js';
import { revokeNode } from '../../control-plane/store/nodes.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestApi, type TestApi } from '../support/http-api.js';
import { recordAck, recordHeartbeat, recordNack } from '../support/node-reports.js';
import { newCluster, redemptionOf, sha256 } from '../support/store-world.js';

let http: TestApi;
let clusterId = '';
let nodes: readonly string[] = [];

beforeAll(async () => {
  http = await createTestApi();
  const { database, ours } = http;
  const made = await newCluster(database, ours.tenantId, 4);
  ({ clusterId } = made);
  const joined: string[] = [];
  for (const [at, kubernetesVersion] of ['v1.31.2', 'v1.30.4-gke.1', undefined].entries()) {
    const facts = { name: `n${at}`, kubernetesVersion };
    const redemption = redemptionOf(made.joinTokenId, made.secret, facts);
    joined.push((await redeemJoinToken(database.app, redemption)).nodeId);
  }
  nodes = joined;
});

afterAll(() => http?.close());

const ofOurs = <T>(fn: (tx: TenantTx) => Promise<T>) => http.database.app.withTenant(http.ours, fn);
const status = async () => (await http.call('GET', `/v1/clusters/${clusterId}`)).json().status;
const node = (at: number) => nodes[at] ?? '';
const counts = { total: 3, silent: 0, behind: 0, refusing: 0, losing: 0, quarantined: 0 };

describe('how a cluster stands', () => {
  it('is told of one that has no node', async () => {
    const made = await http.call('POST', '/v1/clusters', { body: { name: 'without nodes' } });
    expect(made.json().status).toEqual({ health: 'empty', nodes: { ...counts, total: 0 } });
  });

  it('counts nodes that are behind, refuse or lose', async () => {
    expect(await status()).toEqual({
      health: 'healthy',
      nodes: counts,
      kubernetesVersion: 'v1.30.4-gke.1',
    });
    for (const content of ['one', 'two']) {
      const rendered = {
        contentSha256: sha256(content),
        envelopeGzip: Buffer.from('x'),
        signingKeyId: 'key',
      };
      await ofOurs((tx) => insertBundle(tx, clusterId, async () => rendered));
    }
    await ofOurs((tx) => recordAck(tx, node(0), { revision: 2, hooks: [] }));
    const refusal = { revision: 2, code: 'BUNDLE_NOT_LOADED', message: 'no' };
    await ofOurs((tx) => recordNack(tx, node(1), refusal));
    const losses = (count: string) => ({
      emitted: '9',
      acknowledged: '8',
      dropped: [{ reason: 'spool_full', count }],
    });
    const beats: readonly (readonly [number, number, string])[] = [
      [1, 1, '1'],
      [2, 2, '0'],
    ];
    for (const [at, appliedRevision, count] of beats) {
      const heartbeat = { appliedRevision, losses: losses(count) };
      await ofOurs((tx) => recordHeartbeat(tx, node(at), heartbeat));
    }
    expect(await status()).toMatchObject({
      health: 'degraded',
      nodes: { ...counts, behind: 1, refusing: 1, losing: 1 },
    });
  });

  it('tells silent nodes, and leaves out those that are revoked', async () => {
    const { admin } = http.database;
    await ofOurs((tx) => revokeNode(tx, node(1)));
    await admin`update nodes set last_seen_at = now() - interval '91 seconds' where id = ${node(0)}`;
    const some = { health: 'degraded', nodes: { ...counts, total: 2, silent: 1 } };
    expect(await status()).toMatchObject(some);
    await admin`update nodes set last_seen_at = now() - interval '91 seconds' where id = ${node(2)}`;
    const all = { health: 'down', nodes: { ...counts, total: 2, silent: 2 } };
    expect(await status()).toMatchObject(all);
  });

  it('tells nodes in quarantine', async () => {
    await http.database.admin`update nodes set last_seen_at = now() where id = ${node(2)}`;
    await ofOurs((tx) => quarantineNode(tx, node(2), 1));
    const some = { health: 'degraded', nodes: { ...counts, total: 2, silent: 1, quarantined: 1 } };
    expect(await status()).toMatchObject(some);
  });

  it('is the same in the list', async () => {
    const { items } = (await http.call('GET', '/v1/clusters?limit=200')).json();
    const listed = items.find(({ id }: { id: string }) => id === clusterId);
    expect(listed.status).toEqual(await status());
    expect(items.map((each: { status: { health: string } }) => each.status.health)).toContain(
      'empty',
    );
  });
});
