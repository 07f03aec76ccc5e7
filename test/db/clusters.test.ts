import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type LabelRequirement,
  SELECTOR_OPERATORS,
  selectorMatches,
} from '../../control-plane/domain/label-selector.js';
import { createCluster, listClusters } from '../../control-plane/store/clusters.js';
import { createTestApi, type TestApi } from '../support/http-api.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

const KEYS = ['env', 'team', 'example.com/zone', 'constructor'];
const VALUES = ['', 'prod', 'dev', 'a.b'];

const requirement: fc.Arbitrary<LabelRequirement> = fc
  .record({
    key: fc.constantFrom(...KEYS),
    operator: fc.constantFrom(...SELECTOR_OPERATORS),
    values: fc.uniqueArray(fc.constantFrom(...VALUES), { minLength: 1 }),
  })
  .map(({ values, ...rest }) =>
    rest.operator === 'In' || rest.operator === 'NotIn' ? { ...rest, values } : rest,
  );

describe('clusters by label', () => {
  it('are the ones that the selector matches', async () => {
    const { id: tenantId } = await http.database.newTenant();
    const worlds = fc.array(
      fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), {
        noNullPrototype: true,
      }),
      { minLength: 1, maxLength: 12 },
    );
    const labelSets = fc.sample(worlds, { numRuns: 6, seed: 20_250_117 }).flat();
    await http.database.app.withTenant({ tenantId }, async (tx) => {
      for (const [at, labels] of labelSets.entries()) {
        await createCluster(tx, { name: `cluster ${at}`, labels });
      }
    });
    const selectors = fc.record({
      matchLabels: fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), {
        maxKeys: 2,
        noNullPrototype: true,
      }),
      matchExpressions: fc.array(requirement, { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(selectors, async (labels) => {
        const page = await http.database.app.withTenant({ tenantId }, (tx) =>
          listClusters(tx, { labels, limit: 200 }),
        );
        // As a filter, and as the limit of a caller.
        const seen = await http.database.app.withTenant({ tenantId, clusters: labels }, (tx) =>
          listClusters(tx, { limit: 200 }),
        );
        expect(seen.items).toEqual(page.items);
        const expected = labelSets.flatMap((set, at) =>
          selectorMatches(labels, set) ? [`cluster ${at}`] : [],
        );
        expect(page.items.map(({ name }) => name).sort()).toEqual(expected.sort());
      }),
      { numRuns: 150 },
    );
  });

  it('or by name, in any order, page by page', async () => {
    const { id: tenantId } = await http.database.newTenant();
    const key = await http.newKey(tenantId, 'admin');
    const names = ['b%1', 'b%2', 'b_3', 'a4', 'B5'];
    for (const name of names) {
      const body = { name, labels: { env: name.startsWith('b') ? 'prod' : 'dev' } };
      expect((await http.call('POST', '/v1/clusters', { key, body })).statusCode).toBe(201);
    }
    const list = async (query: string): Promise<string[]> => {
      const found: string[] = [];
      let after = '';
      for (let pages = 0; pages < 9; pages += 1) {
        const url = `/v1/clusters?limit=2&${query}${after && `&after=${after}`}`;
        const { items, nextCursor } = (await http.call('GET', url, { key })).json();
        found.push(...items.map((item: { name: string }) => item.name));
        if (!nextCursor) return found;
        after = nextCursor;
      }
      throw new Error('the pages do not end');
    };
    expect(await list('sort=createdAt')).toEqual(names);
    expect(await list('sort=-createdAt')).toEqual([...names].reverse());
    expect(await list('sort=-name')).toEqual([...(await list(''))].reverse());
    // No wildcards.
    expect(await list('namePrefix=b%25')).toEqual(['b%1', 'b%2']);
    expect(await list('namePrefix=b_')).toEqual(['b_3']);
    expect(await list('labels=env%3Dprod,!team&sort=createdAt')).toEqual(names.slice(0, 3));
    const refused = await http.call('GET', '/v1/clusters?labels=env%3D%3D%3D1', { key });
    expect(refused.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
  });
});

describe('an edit of a cluster', () => {
  it('is refused where somebody else was faster', async () => {
    const { clusterId } = http.ours;
    const url = `/v1/clusters/${clusterId}`;
    const etag = String((await http.call('GET', url)).headers.etag);
    const edit = (ifMatch: string, body: unknown) =>
      http.call('PATCH', url, { body, headers: { 'if-match': ifMatch } });
    const both = await Promise.all(
      ['first', 'second'].map((value) => edit(etag, { labels: { value } })),
    );
    expect(both.map(({ statusCode }) => statusCode).sort()).toEqual([200, 412]);
    const winner = both.find(({ statusCode }) => statusCode === 200);
    const now = await http.call('GET', url);
    expect(now.json()).toEqual(winner?.json());
    expect(now.headers.etag).toBe(winner?.headers.etag);
    expect(now.headers.etag).not.toBe(etag);
    // A weak tag promises too little; without a tag, or with *, the last one wins.
    expect((await edit(`W/${now.headers.etag}`, {})).statusCode).toBe(412);
    expect((await edit(`"x", ${now.headers.etag}`, { name: 'renamed' })).statusCode).toBe(200);
    expect((await edit('*', { labels: {} })).json()).toMatchObject({ name: 'renamed', labels: {} });
    expect((await http.call('PATCH', url, { body: { name: 'again' } })).statusCode).toBe(200);
  });

  it('does not take the name of another', async () => {
    const other = await http.call('POST', '/v1/clusters', { body: { name: 'taken' } });
    const url = `/v1/clusters/${http.ours.clusterId}`;
    const refused = await http.call('PATCH', url, { body: { name: 'taken' } });
    expect([other.statusCode, refused.json().code]).toEqual([201, 'CONFLICT']);
  });
});
