import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestApi, type TestApi } from '../support/http-api.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

const make = (key: string, body: unknown, more: { url?: string; key?: string } = {}) =>
  http.call('POST', more.url ?? '/v1/clusters', {
    body,
    headers: { 'idempotency-key': key },
    ...(more.key !== undefined && { key: more.key }),
  });

describe('a request with an Idempotency-Key', () => {
  it('makes one thing, however often and however many at once it is sent', async () => {
    const body = { name: 'once' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => make('k1', body)));
    const later = await make('k1', body);
    expect(new Set([...answers, later].map((answer) => answer.body)).size).toBe(1);
    expect([...answers, later].map(({ statusCode }) => statusCode)).toEqual(Array(9).fill(201));
    const replayed = answers.filter(({ headers }) => headers['idempotency-replayed'] === 'true');
    expect(replayed).toHaveLength(7);
    expect(later.headers.etag).toBe(answers[0]?.headers.etag);
  });

  it('is refused where the request is another', async () => {
    await make('k2', { name: 'mine' });
    const refused = await make('k2', { name: 'another' });
    expect(refused.json()).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
    const elsewhere = await make('k2', { name: 'mine' }, { url: '/v1/clusters?surplus=1' });
    expect(elsewhere.statusCode).toBe(400);
  });

  it('may be tried again where the first one made nothing', async () => {
    await make('k3', { name: 'there' });
    expect((await make('k4', { name: 'there' })).json().code).toBe('CONFLICT');
    expect((await make('k4', { name: 'not there' })).statusCode).toBe(201);
  });

  it('has its key for itself: another caller means another thing by it', async () => {
    const key = await http.newKey(http.ours.tenantId, 'admin');
    const theirs = await http.newKey(http.theirs.tenantId, 'admin');
    const first = await make('k5', { name: 'of the owner' });
    const second = await make('k5', { name: 'of the admin' }, { key });
    const foreign = await make('k5', { name: 'of another tenant' }, { key: theirs });
    expect([first, second, foreign].map(({ statusCode }) => statusCode)).toEqual([201, 201, 201]);
  });

  it('gets the same secret again, which is kept sealed', async () => {
    const url = '/v1/api-keys';
    const body = { name: 'sealed', role: 'viewer' };
    const [first, again] = [await make('k6', body, { url }), await make('k6', body, { url })];
    expect(again.json()).toEqual(first.json());
    const { apiKey } = first.json();
    const { admin } = http.database;
    const [row] = await admin`select answer_encrypted from idempotency_keys where key = 'k6'`;
    expect(Buffer.from(row?.answer_encrypted).toString('latin1')).not.toContain(apiKey.slice(30));
  });

  it('is forgotten after a day', async () => {
    await make('k7', { name: 'yesterday' });
    const { admin } = http.database;
    await admin`update idempotency_keys set created_at = now() - interval '25 hours'`;
    expect((await make('k7', { name: 'today' })).statusCode).toBe(201);
    const rows = await admin`select key from idempotency_keys
      where tenant_id = ${http.ours.tenantId} and created_at < now() - interval '1 day'`;
    expect(rows).toHaveLength(0);
  });

  it.each(['', 'a b', 'é', 'x'.repeat(256)])('is refused with the key %j', async (key) => {
    const refused = await make(key, { name: 'never' });
    expect(refused.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
  });
});
