import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { createTestApi, NEVER_WAS, type TestApi } from '../support/http-api.js';
import { newCluster, redemptionOf } from '../support/store-world.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

async function namesOf(path: string): Promise<string[]> {
  const answer = await http.call('GET', path);
  expect([path, answer.statusCode]).toEqual([path, 200]);
  return answer.json().items.map(({ name, id }: { name?: string; id: string }) => name ?? id);
}

describe('nodes', () => {
  it('are found by cluster, state and name', async () => {
    const { clusterId, joinTokenId, secret } = await newCluster(
      http.database,
      http.ours.tenantId,
      3,
    );
    const ids = new Map<string, string>();
    for (const name of ['a-1', 'a-2', 'b%']) {
      const { nodeId } = await redeemJoinToken(
        http.database.app,
        redemptionOf(joinTokenId, secret, { name }),
      );
      ids.set(name, nodeId);
    }
    await http.call('DELETE', `/v1/nodes/${ids.get('a-2')}`);
    const here = `/v1/nodes?clusterId=${clusterId}`;
    expect(await namesOf(here)).toEqual(['a-1', 'a-2', 'b%']);
    expect(await namesOf(`${here}&namePrefix=a-`)).toEqual(['a-1', 'a-2']);
    expect(await namesOf(`${here}&namePrefix=%25`)).toEqual([]);
    expect(await namesOf(`${here}&state=revoked`)).toEqual(['a-2']);
    expect(await namesOf(`${here}&state=active`)).toEqual([]);
    expect(await namesOf(`/v1/nodes?state=joined&namePrefix=a-`)).toEqual(['a-1']);
    const first = (await http.call('GET', `${here}&limit=2`)).json();
    expect(await namesOf(`${here}&limit=2&after=${first.nextCursor}`)).toEqual(['b%']);
  });
});

describe('policies', () => {
  it('are found by name, in any order', async () => {
    const source =
      'process: {selectors: [{name: a, operation: [exec]}], responses: [{match: [a], actions: [log]}]}';
    for (const name of ['z-2', 'z-1', 'z-3']) {
      expect((await http.call('POST', '/v1/policies', { body: { name, source } })).statusCode).toBe(
        201,
      );
    }
    expect(await namesOf('/v1/policies?namePrefix=z-')).toEqual(['z-1', 'z-2', 'z-3']);
    expect(await namesOf('/v1/policies?namePrefix=z-&sort=-name')).toEqual(['z-3', 'z-2', 'z-1']);
    expect(await namesOf('/v1/policies?namePrefix=z-&sort=createdAt')).toEqual([
      'z-2',
      'z-1',
      'z-3',
    ]);
  });
});

describe('alerts', () => {
  it('are found by what they are about', async () => {
    const { alertId, clusterId, nodeId } = http.ours;
    const { policyId, severity } = (await http.call('GET', `/v1/alerts/${alertId}`)).json();
    for (const [name, value] of Object.entries({ clusterId, nodeId, policyId, severity })) {
      expect(await namesOf(`/v1/alerts?${name}=${value}`)).toEqual([alertId]);
      const other = name === 'severity' ? 'info' : NEVER_WAS;
      expect(await namesOf(`/v1/alerts?${name}=${other}`)).toEqual([]);
    }
    expect(await namesOf('/v1/alerts?status=closed')).toEqual([]);
  });
});
