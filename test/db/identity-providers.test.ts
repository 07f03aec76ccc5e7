import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newSession, SESSION_COOKIE } from '../support/browser.js';
import { BODIES, createTestApi, PUBLIC_URL, type TestApi } from '../support/http-api.js';

const PATH = '/v1/identity-providers';
const BODY = BODIES[`POST ${PATH}`] as Readonly<Record<string, unknown>>;

let http: TestApi;
let admin: string;

beforeAll(async () => {
  http = await createTestApi();
  admin = await http.newKey(http.ours.tenantId, 'admin');
});

afterAll(() => http?.close());

beforeEach(async () => {
  await http.database.admin`delete from identity_providers`;
});

const create = (more: object = {}, key?: string) =>
  http.call('POST', PATH, { body: { ...BODY, ...more }, ...(key !== undefined && { key }) });
const change = (id: string, body: object, key?: string) =>
  http.call('PATCH', `${PATH}/${id}`, { body, ...(key !== undefined && { key }) });

describe('an identity provider', () => {
  it('is made with what it needs, and its secret is shown to nobody again', async () => {
    const made = await create();
    expect(made.statusCode).toBe(201);
    expect(made.json()).toEqual({
      id: expect.any(String),
      name: 'another',
      issuer: 'https://login.example.com',
      clientId: 'bulkhead',
      scopes: ['openid', 'email', 'profile'],
      claims: { email: 'email', emailVerified: 'email_verified', name: 'name', groups: 'groups' },
      groupRoles: [],
      createMembers: false,
      servesOwners: false,
      redirectUri: `${PUBLIC_URL}/auth/callback/${made.json().id}`,
      createdAt: expect.any(String),
      revision: 1,
    });
    const { id } = made.json();
    const changed = await change(id, { clientSecret: 'hunter3', claims: { groups: 'roles' } });
    const shown = [
      made,
      changed,
      await http.call('GET', PATH),
      await http.call('GET', `${PATH}/${id}`),
    ];
    for (const answer of shown) expect(answer.body).not.toMatch(/hunter|ecret/);
    const { admin: sql } = http.database;
    const rows = await sql`select p::text as row from identity_providers p
      union all select a::text from audit_log a`;
    expect(JSON.stringify(rows)).not.toContain('hunter');
    expect(changed.json()).toMatchObject({
      revision: 2,
      claims: { groups: 'roles', email: 'email' },
    });
  });

  it('is not undone by an edit of what was read before', async () => {
    const { id } = (await create()).json();
    const url = `${PATH}/${id}`;
    const { etag } = (await http.call('GET', url)).headers;
    const headers = { 'if-match': String(etag) };
    const body = { createMembers: true };
    expect((await http.call('PATCH', url, { headers, body })).statusCode).toBe(200);
    const again = await http.call('PATCH', url, { headers, body });
    expect(again.json()).toMatchObject({ code: 'PRECONDITION_FAILED' });
    const removed = await http.call('DELETE', url, { headers });
    expect(removed.json()).toMatchObject({ code: 'PRECONDITION_FAILED' });
  });

  it.each<[string, object]>([
    ['plain HTTP', { issuer: 'http://login.example.com' }],
    ['a password in it', { issuer: 'https://a:b@login.example.com' }],
    ['a query', { issuer: 'https://login.example.com/?x' }],
    [
      'the address of a document that may name another',
      { issuer: 'https://x.example/.well-known/y' },
    ],
    ['no address', { issuer: 'login.example.com' }],
    ['scopes without openid', { scopes: ['email'] }],
    ['a scope with a blank', { scopes: ['openid', 'a b'] }],
    ['a role that is none', { defaultRole: 'king' }],
    ['owners that it does not serve', { groupRoles: [{ group: 'g', role: 'owner' }] }],
    ['owners by default that it does not serve', { defaultRole: 'owner' }],
    ['a claim without a name', { claims: { email: '' } }],
    ['a claim that is none', { claims: { phone: 'x' } }],
  ])('is none with %s', async (_what, more) => {
    const made = await create(more);
    expect(made.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
    const { id } = (await create()).json();
    const secret = 'issuer' in more ? { clientSecret: 'hunter2' } : {};
    const changed = await change(id, { ...more, ...secret });
    expect(changed.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
  });

  it('sends its secret to no other issuer', async () => {
    const { id } = (await create()).json();
    const issuer = 'https://evil.example';
    expect((await change(id, { issuer })).json()).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((await change(id, { issuer, clientSecret: 'x' })).statusCode).toBe(200);
  });

  it('has a default role, or none again', async () => {
    const { id } = (await create({ defaultRole: 'viewer' })).json();
    expect((await change(id, { createMembers: true })).json().defaultRole).toBe('viewer');
    expect((await change(id, { defaultRole: null })).json()).not.toHaveProperty('defaultRole');
  });

  it('that serves owners is of owners alone: who writes it says who is one', async () => {
    const owners = { servesOwners: true, groupRoles: [{ group: 'top', role: 'owner' }] };
    expect((await create(owners, admin)).json()).toMatchObject({ code: 'PERMISSION_DENIED' });
    const { id } = (await create({}, admin)).json();
    expect((await change(id, owners, admin)).json()).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect((await change(id, { servesOwners: true }, admin)).statusCode).toBe(403);
    expect((await change(id, { defaultRole: 'admin' }, admin)).statusCode).toBe(200);
    expect((await change(id, owners)).statusCode).toBe(200);
    for (const body of [{ name: 'x' }, { servesOwners: false, groupRoles: [] }]) {
      expect((await change(id, body, admin)).json()).toMatchObject({ code: 'PERMISSION_DENIED' });
    }
    expect((await http.call('DELETE', `${PATH}/${id}`, { key: admin })).statusCode).toBe(403);
    expect((await http.call('DELETE', `${PATH}/${id}`)).statusCode).toBe(204);
  });

  it('takes the sessions that it began with it', async () => {
    const { id } = (await create()).json();
    const { database, ours } = http;
    const own = await newSession(database, ours.tenantId, ours.memberId, 'oidc', id);
    const other = await newSession(database, ours.tenantId, ours.memberId);
    const ask = async (cookie: string) => {
      const headers = { cookie: `${SESSION_COOKIE}=${cookie}` };
      return (await http.call('GET', '/v1/tenant', { key: '', headers })).statusCode;
    };
    expect([await ask(own), await ask(other)]).toEqual([200, 200]);
    await http.call('DELETE', `${PATH}/${id}`);
    expect([await ask(own), await ask(other)]).toEqual([401, 200]);
  });
});
