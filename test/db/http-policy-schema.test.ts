import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { policySchema } from '../../proto/ts/policy/schema.js';
import { createTestApi, type Injected, type TestApi } from '../support/http-api.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

/** Without a key. */
function getSchema(ifNoneMatch?: string): Promise<Injected> {
  return http.api.inject({
    method: 'GET',
    url: '/schemas/policy.json',
    headers: { ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }) },
  });
}

describe('the schema of policies', () => {
  it('is told without a key, and may be kept for an hour', async () => {
    const response = await getSchema();
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'application/schema+json',
      'cache-control': 'public, max-age=3600',
      'x-content-type-options': 'nosniff',
      etag: expect.stringMatching(/^"[\w-]{43}"$/),
    });
    expect(response.json()).toEqual(policySchema());
  });

  it.each<[string, (etag: string) => string]>([
    ['the tag', (etag) => etag],
    ['the weak tag that a proxy makes of it', (etag) => `W/${etag}`],
    ['one of several tags', (etag) => `"other", ${etag}`],
    ['any tag', () => '*'],
  ])('is not sent again to whoever has %s', async (_what, tagsOf) => {
    const { headers } = await getSchema();
    const response = await getSchema(tagsOf(String(headers.etag)));
    expect(response.statusCode).toBe(304);
    expect(response.body).toBe('');
    expect(response.headers.etag).toBe(headers.etag);
    expect(response.headers['cache-control']).toBe('public, max-age=3600');
  });

  it.each(['"other"', '', 'nonsense'])('is sent to whoever has %j', async (tags) => {
    const response = await getSchema(tags);
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual(policySchema());
  });
});
