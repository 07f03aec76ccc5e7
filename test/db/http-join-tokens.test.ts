import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ROLE_PERMISSIONS } from '../../control-plane/http/access.js';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { createTestApi, type TestApi } from '../support/http-api.js';
import { redemptionOf } from '../support/store-world.js';

let http: TestApi;
let clusterId = '';

beforeAll(async () => {
  http = await createTestApi();
  clusterId = await newCluster('of tokens');
});

afterAll(() => http?.close());

async function newCluster(name: string): Promise<string> {
  return (await http.call('POST', '/v1/clusters', { body: { name } })).json().id;
}

interface Made {
  readonly id: string;
  readonly token: string;
}

async function newToken(body: object = {}, cluster = clusterId): Promise<Made> {
  const answer = await http.call('POST', `/v1/clusters/${cluster}/join-tokens`, { body });
  expect([answer.statusCode, answer.body]).toEqual([201, answer.body]);
  return answer.json();
}

async function joinWith({ token }: Made, name: string): Promise<string> {
  const { id, secret } = parseToken(TOKEN_KINDS.join, token) ?? { id: '', secret: '' };
  return (await redeemJoinToken(http.database.app, redemptionOf(id, secret, { name }))).nodeId;
}

const get = async (path: string) => (await http.call('GET', path)).json();
const idsOf = async (path: string): Promise<string[]> =>
  (await get(path)).items.map(({ id }: { id: string }) => id);

describe('join tokens', () => {
  it('stamp their labels on the nodes that join with them, and nodes are found by these', async () => {
    const labels = { pool: 'gpu', 'example.com/zone': 'a' };
    const token = await newToken({ labels, maxUses: 2 });
    const first = await joinWith(token, 'labelled-1');
    const other = await joinWith(await newToken(), 'labelled-2');
    expect(await get(`/v1/nodes/${first}`)).toMatchObject({ labels });
    expect(await get(`/v1/nodes/${other}`)).toMatchObject({ labels: {} });
    expect(await idsOf('/v1/nodes?labels=pool%3Dgpu')).toEqual([first]);
    expect(await idsOf('/v1/nodes?labels=!pool&namePrefix=labelled-')).toEqual([other]);
    const wrong = await http.call('GET', '/v1/nodes?labels=%3D');
    expect(wrong.json()).toMatchObject({ code: 'INVALID_ARGUMENT' });
    // A node that joins again has those of the token that it joins with now.
    await http.call('DELETE', `/v1/nodes/${first}`);
    expect(await joinWith(await newToken({ labels: { pool: 'cpu' } }), 'labelled-1')).toBe(first);
    expect(await get(`/v1/nodes/${first}`)).toMatchObject({ labels: { pool: 'cpu' } });
  });

  it('are listed over all clusters, by cluster and by state, with their uses', async () => {
    const cluster = await newCluster('of states');
    const usable = await newToken({ maxUses: 2 }, cluster);
    const used = await newToken({}, cluster);
    const expired = await newToken({}, cluster);
    const revoked = await newToken({}, cluster);
    await joinWith(usable, 'n-1');
    await joinWith(used, 'n-2');
    await http.database.admin`
      update join_tokens set expires_at = now() - interval '1 hour' where id = ${expired.id}`;
    await http.call('DELETE', `/v1/join-tokens/${revoked.id}`);
    const here = `/v1/join-tokens?clusterId=${cluster}`;
    const all = (await get(here)).items;
    expect(all.map(({ state }: { state: string }) => state)).toEqual([
      'revoked',
      'expired',
      'used',
      'usable',
    ]);
    const byState = { usable, used, expired, revoked };
    for (const [state, { id }] of Object.entries(byState)) {
      expect(await idsOf(`${here}&state=${state}`)).toEqual([id]);
      expect(await idsOf(`/v1/clusters/${cluster}/join-tokens?state=${state}`)).toEqual([id]);
    }
    expect(all[3]).toMatchObject({ uses: 1, maxUses: 2, lastUsedAt: expect.any(String) });
    expect(all[0]).not.toHaveProperty('lastUsedAt');
    const { id } = await newToken();
    expect(await idsOf('/v1/join-tokens?limit=200')).toEqual(
      expect.arrayContaining([id, usable.id]),
    );
    const secret = parseToken(TOKEN_KINDS.join, usable.token)?.secret ?? usable.token;
    expect(JSON.stringify(all)).not.toContain(secret);
  });

  it('are revoked with the nodes that they let in, but not those that joined otherwise since', async () => {
    const token = await newToken({ maxUses: 3 });
    const [one, two, three] = [
      await joinWith(token, 'in-1'),
      await joinWith(token, 'in-2'),
      await joinWith(token, 'in-3'),
    ];
    await http.call('DELETE', `/v1/nodes/${two}`);
    expect(await joinWith(await newToken(), 'in-2')).toBe(two);
    await http.call('DELETE', `/v1/nodes/${three}`);
    const kept = await http.call('DELETE', `/v1/join-tokens/${token.id}?revokeNodes=false`);
    expect(kept.json()).not.toHaveProperty('revokedNodes');
    expect((await get(`/v1/nodes/${one}`)).state).toBe('joined');
    const answer = await http.call('DELETE', `/v1/join-tokens/${token.id}?revokeNodes=true`);
    expect(answer.json()).toMatchObject({ state: 'revoked', revokedNodes: 1 });
    const states = await Promise.all(
      [one, two, three].map(async (id) => (await get(`/v1/nodes/${id}`)).state),
    );
    expect(states).toEqual(['revoked', 'joined', 'revoked']);
    const [record] = (await get('/v1/audit-log?action=join-token.revoke&limit=1')).items;
    expect(record).toMatchObject({ targetId: token.id, details: { clusterId, revokedNodes: 1 } });
  });

  it('are revoked by those only who may revoke nodes', () => {
    for (const permissions of Object.values(ROLE_PERMISSIONS)) {
      if (!permissions.includes('join-tokens:write')) continue;
      expect(permissions).toContain('nodes:write');
    }
  });
});
