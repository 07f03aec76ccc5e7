import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createMember } from '../../control-plane/store/members.js';
import { createTestApi, type TestApi } from '../support/http-api.js';

let http: TestApi;
let admin: string;
let tenantId: string;
/** Of an owner of the tenant of the test. */
let key: string;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

beforeEach(async () => {
  tenantId = (await http.database.newTenant()).id;
  key = await http.newKey(tenantId, 'owner');
  admin = await http.newKey(tenantId, 'admin');
});

const url = '/v1/members';
const ana = { email: 'Ana@Example.org', displayName: 'Ana', role: 'owner' };
const make = async (body: object) => (await http.call('POST', url, { key, body })).json();
const change = (id: string, body: object, more: object = {}) =>
  http.call('PATCH', `${url}/${id}`, { key, body, ...more });
const remove = (id: string, more: object = {}) =>
  http.call('DELETE', `${url}/${id}`, { key, ...more });

describe('a member', () => {
  it('is made once per address, whatever its case', async () => {
    const made = await http.call('POST', url, { key, body: ana });
    expect(made.statusCode).toBe(201);
    expect(made.headers.etag).toBe('"1"');
    expect(made.json()).toMatchObject({ email: 'ana@example.org', role: 'owner', revision: 1 });
    expect(made.json()).not.toHaveProperty('clusters');
    const again = await http.call('POST', url, { key, body: { ...ana, email: 'ana@example.ORG' } });
    expect(again.json()).toMatchObject({ status: 409, code: 'CONFLICT' });
  });

  it.each(['', 'a', 'a@', '@b', 'a b@c', 'a@b@c', `${'a'.repeat(300)}@b`, 'a\n@b'])(
    'has an address: not %j',
    async (email) => {
      const refused = await http.call('POST', url, { key, body: { ...ana, email } });
      expect(refused.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    },
  );

  it('is changed, disabled and enabled, by who knows its state', async () => {
    const { id } = await make({ ...ana, role: 'viewer' });
    const first = await change(id, { role: 'operator', clusters: 'env=prod' });
    expect(first.json()).toMatchObject({ role: 'operator', clusters: 'env=prod', revision: 2 });
    const stale = await change(id, { role: 'viewer' }, { headers: { 'if-match': '"1"' } });
    expect(stale.json().code).toBe('PRECONDITION_FAILED');
    const lifted = await change(id, { clusters: '', disabled: true });
    expect(lifted.json()).not.toHaveProperty('clusters');
    const { disabledAt } = lifted.json();
    expect(disabledAt).toEqual(expect.any(String));
    expect((await change(id, { disabled: true })).json().disabledAt).toBe(disabledAt);
    expect((await change(id, { disabled: false })).json()).not.toHaveProperty('disabledAt');
    const { headers } = await http.call('GET', `${url}/${id}`, { key });
    expect(headers.etag).toBe('"5"');
  });

  it('is removed for good, and may come again as another', async () => {
    const { id } = await make({ ...ana, role: 'viewer' });
    const stale = await remove(id, { headers: { 'if-match': '"7"' } });
    expect(stale.json().code).toBe('PRECONDITION_FAILED');
    expect((await remove(id)).json()).toMatchObject({ id, email: 'ana@example.org' });
    expect((await remove(id)).statusCode).toBe(404);
    expect((await make(ana)).id).not.toBe(id);
  });

  it('is found by role and address', async () => {
    for (const [email, role] of [
      ['b@example.org', 'viewer'],
      ['a@example.org', 'viewer'],
      ['a%@example.org', 'admin'],
    ]) {
      await make({ email, role, displayName: 'x' });
    }
    const found = async (query: string) =>
      (await http.call('GET', `${url}?${query}`, { key })).json();
    const emails = ({ items }: { items: { email: string }[] }) => items.map(({ email }) => email);
    expect(emails(await found('role=viewer'))).toEqual(['a@example.org', 'b@example.org']);
    expect(emails(await found('emailPrefix=A%25'))).toEqual(['a%@example.org']);
    const page = await found('limit=2');
    const rest = await found(`limit=2&after=${page.nextCursor}`);
    expect([...emails(page), ...emails(rest)]).toHaveLength(3);
  });
});

describe('owners', () => {
  it('are made, changed and removed by owners only', async () => {
    const { id } = await make(ana);
    await make({ ...ana, email: 'second@example.org' });
    const as = { key: admin };
    const refused = [
      await http.call('POST', url, { ...as, body: { ...ana, email: 'x@example.org' } }),
      await change(id, { displayName: 'x' }, as),
      await remove(id, as),
    ];
    const viewer = await make({ email: 'v@example.org', displayName: 'V', role: 'viewer' });
    refused.push(await change(viewer.id, { role: 'owner' }, as));
    for (const answer of refused) expect(answer.json().code).toBe('PERMISSION_DENIED');
    expect((await change(viewer.id, { role: 'admin' }, as)).statusCode).toBe(200);
  });

  it.each<[string, (id: string) => Promise<{ statusCode: number; json(): { code: string } }>]>([
    ['is not made less', (id) => change(id, { role: 'admin' })],
    ['is not limited to clusters', (id) => change(id, { clusters: 'env=prod' })],
    ['is not disabled', (id) => change(id, { disabled: true })],
    ['is not removed', (id) => remove(id)],
  ])('the last one %s', async (_what, act) => {
    const { id } = await make(ana);
    // Neither of these could do what an owner does.
    const limited = await make({ ...ana, email: 'l@example.org', clusters: 'env=prod' });
    const disabled = await make({ ...ana, email: 'd@example.org' });
    await change(disabled.id, { disabled: true });
    const refused = await act(id);
    expect([refused.statusCode, refused.json().code]).toEqual([409, 'LAST_OWNER']);
    const { role, revision } = (await http.call('GET', `${url}/${id}`, { key })).json();
    expect([role, revision]).toEqual(['owner', 1]);
    expect((await remove(limited.id)).statusCode).toBe(200);
    await change(disabled.id, { disabled: false });
    expect((await act(id)).statusCode).toBe(200);
  });

  it('are never all gone, however many act at the same time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const ids = await http.database.app.withTenant({ tenantId }, async (tx) => {
        const people = ['a', 'b', 'c'].map((name) => `${name}${round}@example.org`);
        const made: string[] = [];
        for (const email of people) {
          made.push((await createMember(tx, { email, displayName: email, role: 'owner' })).id);
        }
        return made;
      });
      const acts = ids.map((id, at) =>
        [remove(id), change(id, { role: 'viewer' }), change(id, { disabled: true })].at(at),
      );
      await Promise.all(acts);
      const [owners] = await http.database.admin`
        select count(*)::int from members
        where tenant_id = ${tenantId} and role = 'owner' and disabled_at is null`;
      expect(owners?.count).toBe(1);
      await http.database.admin`delete from members where tenant_id = ${tenantId}`;
    }
  });
});
