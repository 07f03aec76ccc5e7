import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { createTestApi, type TestApi } from '../support/http-api.js';
import { newCluster, redemptionOf } from '../support/store-world.js';

const url = '/v1/platform/tenants';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

const make = async (body: object) => (await http.call('POST', url, { body })).json();
const change = (id: string, body: object, headers = {}) =>
  http.call('PATCH', `${url}/${id}`, { body, headers });
const whoAmI = (key: string) => http.call('GET', '/v1/tenant', { key });

describe('the platform', () => {
  it('makes a tenant with a key of its first owner', async () => {
    const { id, apiKey } = await make({ name: 'with a key' });
    expect((await whoAmI(apiKey)).json()).toMatchObject({
      id,
      name: 'with a key',
      caller: { kind: 'api-key', role: 'owner' },
    });
    expect((await http.call('POST', url, { body: { name: 'with a key' } })).json().code).toBe(
      'CONFLICT',
    );
  });

  it('makes a tenant with its first owner', async () => {
    const person = { email: 'Ana@example.org', displayName: 'Ana' };
    const made = await make({ name: 'with a person', owner: person });
    expect(made).not.toHaveProperty('apiKey');
    expect(made.owner).toMatchObject({ email: 'ana@example.org', role: 'owner' });
    const key = await http.newKey(made.id, 'owner');
    const { items } = (await http.call('GET', '/v1/members', { key })).json();
    expect(items).toEqual([made.owner]);
  });

  it('makes one, however often and however many at once it is asked', async () => {
    const headers = { 'idempotency-key': 'tenant' };
    const ask = (body: object) => http.call('POST', url, { body, headers });
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask({ name: 'once' })));
    answers.push(await ask({ name: 'once' }));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(
      (await ask({ name: 'once', owner: { email: 'a@b', displayName: 'A' } })).json().code,
    ).toBe('IDEMPOTENCY_KEY_REUSED');
    const { apiKey } = answers[0]?.json() ?? {};
    expect(http.log.join('')).not.toContain(apiKey.slice(24));
  });

  it('writes down what it does in the chain of the tenant', async () => {
    const { id, apiKey } = await make({ name: 'audited' });
    await change(id, { name: 'audited still' });
    const { items } = (await http.call('GET', '/v1/audit-log', { key: apiKey })).json();
    expect(items).toMatchObject([
      { action: 'tenant.update', actorKind: 'platform', actorName: 'platform', targetId: id },
      { action: 'tenant.create', actorKind: 'platform', targetKind: 'tenant', targetId: id },
    ]);
    const verified = await http.call('GET', '/v1/audit-log/verification', { key: apiKey });
    expect(verified.json()).toMatchObject({ intact: true, count: 2 });
  });

  it('finds tenants by name, and changes one in the state that it knows', async () => {
    const { id } = await make({ name: 'found %' });
    const { items } = (await http.call('GET', `${url}?namePrefix=found%20%25`)).json();
    expect(items).toMatchObject([{ id, name: 'found %', revision: 1 }]);
    const one = await http.call('GET', `${url}/${id}`);
    expect(one.headers.etag).toBe('"1"');
    expect((await change(id, { name: 'found' }, { 'if-match': '"1"' })).headers.etag).toBe('"2"');
    const stale = await change(id, { name: 'lost' }, { 'if-match': '"1"' });
    expect(stale.json().code).toBe('PRECONDITION_FAILED');
    const { id: another } = await make({ name: 'another name' });
    expect((await change(another, { name: 'found' })).json().code).toBe('CONFLICT');
  });
});

describe('a suspended tenant', () => {
  it('has its keys refused and nobody joins, until it goes on', async () => {
    const { id, apiKey } = await make({ name: 'suspended' });
    const { joinTokenId, secret } = await newCluster(http.database, id, 5);
    const join = () => redeemJoinToken(http.database.app, redemptionOf(joinTokenId, secret));
    const stranger = redemptionOf(joinTokenId, 'another secret');
    await join();
    const { suspendedAt } = (await change(id, { suspended: true })).json();
    expect(suspendedAt).toEqual(expect.any(String));
    expect((await change(id, { suspended: true })).json().suspendedAt).toBe(suspendedAt);
    expect((await whoAmI(apiKey)).json()).toMatchObject({ status: 403, code: 'TENANT_SUSPENDED' });
    await expect(join()).rejects.toMatchObject({ code: 'TENANT_SUSPENDED' });
    // Only who holds a secret of the tenant is told.
    await expect(redeemJoinToken(http.database.app, stranger)).rejects.toMatchObject({
      code: 'JOIN_TOKEN_UNKNOWN',
    });
    expect((await change(id, { suspended: false })).json()).not.toHaveProperty('suspendedAt');
    expect((await whoAmI(apiKey)).statusCode).toBe(200);
    await join();
  });
});
