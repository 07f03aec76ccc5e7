import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BODIES, createTestApi, NEVER_WAS, type TestApi } from '../support/http-api.js';

const { source: SOURCE } = BODIES['POST /v1/policies'] as { source: string };
const BROKEN = SOURCE.replace('operation', 'opertion');

let http: TestApi;
let policyId = '';
let path = '';
let names = 0;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

beforeEach(async () => {
  names += 1;
  const body = { name: `policy ${names}`, source: SOURCE };
  policyId = (await http.call('POST', '/v1/policies', { body })).json().id;
  path = `/v1/policies/${policyId}/draft`;
});

const put = (source: string, headers = {}) => http.call('PUT', path, { body: { source }, headers });
const tagOf = async () => String((await http.call('GET', path)).headers.etag);
const newest = async () => (await http.call('GET', '/v1/audit-log?limit=1')).json().items[0];

describe('a draft', () => {
  it('may have errors, which it tells with their places', async () => {
    expect((await http.call('GET', path)).json()).toMatchObject({ status: 404 });
    const made = await put(BROKEN);
    expect([made.statusCode, made.headers.etag]).toEqual([200, '"1"']);
    const place = { line: 1, column: BROKEN.indexOf('opertion') + 1 };
    expect(made.json()).toMatchObject({
      policyId,
      source: BROKEN,
      revision: 1,
      valid: false,
      problems: expect.arrayContaining([
        expect.objectContaining({ code: 'POLICY_UNKNOWN_KEY', severity: 'error', ...place }),
      ]),
    });
    expect((await http.call('GET', path)).json()).toEqual(made.json());
    const text = await http.call('PUT', path, {
      body: `# as it is\n${SOURCE}`,
      contentType: 'application/yaml',
    });
    expect(text.json()).toMatchObject({ revision: 2, valid: true, problems: [] });
    // Nothing of it is a version.
    const policy = (await http.call('GET', `/v1/policies/${policyId}`)).json();
    expect(policy.latestVersion).toBe(1);
  });

  it('becomes the next version, once, and is gone', async () => {
    await put(`# second\n${SOURCE}`);
    const headers = { 'idempotency-key': 'publish' };
    const published = await http.call('POST', `${path}/publish`, { headers });
    expect([published.statusCode, published.json().version]).toEqual([201, 2]);
    expect(await newest()).toMatchObject({
      action: 'policy.add-version',
      targetId: policyId,
      details: { version: 2, draft: 1 },
    });
    const again = await http.call('POST', `${path}/publish`, { headers });
    expect(again.json()).toEqual(published.json());
    const version = (await http.call('GET', `/v1/policies/${policyId}/versions/2`)).json();
    expect(version.source).toBe(`# second\n${SOURCE}`);
    expect((await http.call('GET', path)).statusCode).toBe(404);
    expect((await http.call('POST', `${path}/publish`)).statusCode).toBe(404);
  });

  it('with errors is no version, and stays', async () => {
    await put(BROKEN);
    const refused = (await http.call('POST', `${path}/publish`)).json();
    expect(refused).toMatchObject({ status: 422, code: 'POLICY_INVALID' });
    expect(refused.problems).toContainEqual(
      expect.objectContaining({ code: 'POLICY_UNKNOWN_KEY' }),
    );
    expect((await http.call('GET', path)).json()).toMatchObject({ source: BROKEN, revision: 1 });
  });

  it('is not overwritten, published or thrown away by who has not seen it', async () => {
    // What is not there fits no tag.
    expect((await put(SOURCE, { 'if-match': '*' })).statusCode).toBe(412);
    await put(SOURCE);
    const headers = { 'if-match': await tagOf() };
    const both = await Promise.all(
      ['# a', '# b'].map((line) => put(`${line}\n${SOURCE}`, headers)),
    );
    expect(both.map(({ statusCode }) => statusCode).sort()).toEqual([200, 412]);
    expect((await http.call('POST', `${path}/publish`, { headers })).statusCode).toBe(412);
    expect((await http.call('DELETE', path, { headers })).statusCode).toBe(412);
    const fresh = { 'if-match': await tagOf() };
    expect((await http.call('DELETE', path, { headers: fresh })).statusCode).toBe(204);
    // A tag of a former draft fits no later one.
    const later = await put(SOURCE);
    expect(later.json().revision).toBe(3);
    expect((await put(SOURCE, fresh)).statusCode).toBe(412);
  });

  it.each([
    ['too long', 'x'.repeat(262_145), 400],
    ['with a byte that no text has', 'a\u0000b', 400],
    ['nothing', '', 400],
  ])('is refused where it is %s', async (_what, source, status) => {
    expect((await put(source)).statusCode).toBe(status);
  });
});

describe('a policy that is archived', () => {
  const archive = () => http.call('DELETE', `/v1/policies/${policyId}`);

  it('is one that no assignment uses', async () => {
    const body = { name: `uses ${policyId}`, policyId, clusters: 'env=nowhere' };
    const { id } = (await http.call('POST', '/v1/assignments', { body })).json();
    expect((await archive()).json()).toMatchObject({
      status: 409,
      code: 'CONFLICT',
      detail: 'the policy has assignments: 1',
    });
    await http.call('DELETE', `/v1/assignments/${id}`);
    expect((await archive()).json()).toMatchObject({
      id: policyId,
      archivedAt: expect.any(String),
    });
  });

  it('keeps its versions and nothing else', async () => {
    await put(SOURCE);
    expect((await archive()).statusCode).toBe(200);
    const name = `policy ${names}`;
    const listed = await http.call('GET', `/v1/policies?namePrefix=${encodeURIComponent(name)}`);
    expect(listed.json().items).toEqual([]);
    const read = await http.call('GET', `/v1/policies/${policyId}`);
    expect(read.json()).toMatchObject({ name, archivedAt: expect.any(String) });
    const version = await http.call('GET', `/v1/policies/${policyId}/versions/1`);
    expect(version.json().source).toBe(SOURCE);
    expect((await http.call('GET', path)).statusCode).toBe(404);
    const assignment = { name: 'x', policyId, clusters: '' };
    for (const [method, url, body] of [
      ['PUT', path, { source: SOURCE }],
      ['DELETE', path, undefined],
      ['POST', `${path}/publish`, undefined],
      ['POST', `/v1/policies/${policyId}/versions`, { source: SOURCE }],
      ['POST', '/v1/assignments', assignment],
      ['DELETE', `/v1/policies/${policyId}`, undefined],
    ] as const) {
      const refused = (await http.call(method, url, { body })).json();
      expect([url, refused.detail]).toEqual([url, 'the policy is archived']);
      expect(refused.code).toBe('CONFLICT');
    }
    const another = await http.call('POST', '/v1/policies', { body: { name, source: SOURCE } });
    expect(another.statusCode).toBe(201);
    expect((await http.call('DELETE', `/v1/policies/${NEVER_WAS}`)).statusCode).toBe(404);
  });

  it('has no assignment that was made at the same moment', async () => {
    const body = { name: `races ${policyId}`, policyId, clusters: '' };
    const [gone, made] = await Promise.all([
      archive(),
      http.call('POST', '/v1/assignments', { body }),
    ]);
    expect([gone?.statusCode, made?.statusCode].sort()).toEqual(
      gone?.statusCode === 200 ? [200, 409] : [201, 409],
    );
    if (made?.statusCode === 201) await http.call('DELETE', `/v1/assignments/${made.json().id}`);
  });
});
