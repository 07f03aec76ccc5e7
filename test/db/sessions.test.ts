import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Role } from '../../control-plane/store/api-keys.js';
import { createMember } from '../../control-plane/store/members.js';
import { SESSIONS_OF_MEMBER_MAX } from '../../control-plane/store/sessions.js';
import { createToken, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { headersOfPage, newSession, SESSION_COOKIE } from '../support/browser.js';
import { createTestApi, PUBLIC_URL, type TestApi } from '../support/http-api.js';

let http: TestApi;
let member: string;
let cookie: string;
let count = 0;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

beforeEach(async () => {
  member = await newMember('operator');
  cookie = await newSession(http.database, http.ours.tenantId, member);
});

function newMember(role: Role, tenantId = http.ours.tenantId): Promise<string> {
  count += 1;
  const user = { email: `m${count}@example.org`, displayName: 'M', role };
  return http.database.app.withTenant(
    { tenantId },
    async (tx) => (await createMember(tx, user)).id,
  );
}

const ask = (headers: Record<string, string>, method = 'GET', url = '/v1/tenant', body?: unknown) =>
  http.call(method, url, { key: '', headers, body });
const withCookie = (value: string) => ({ cookie: `${SESSION_COOKIE}=${value}` });
const idOf = (text: string) => parseToken(TOKEN_KINDS.session, text)?.id ?? '';

async function expectRefused(headers: Record<string, string>): Promise<void> {
  expect((await ask(headers)).json()).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
}

describe('a session', () => {
  it('is a member who calls', async () => {
    expect((await ask(withCookie(cookie))).json()).toMatchObject({
      id: http.ours.tenantId,
      caller: { kind: 'member', id: member, name: `m${count}@example.org`, role: 'operator' },
    });
    const own = (await ask(withCookie(cookie), 'GET', '/auth/session')).json();
    expect(own).toMatchObject({
      session: { id: idOf(cookie), memberId: member, begunBy: 'login-link' },
      tenant: { id: http.ours.tenantId },
      member: { id: member, role: 'operator' },
      csrfToken: headersOfPage(PUBLIC_URL, cookie)['x-bulkhead-csrf'],
    });
    expect(JSON.stringify(own)).not.toContain(parseToken(TOKEN_KINDS.session, cookie)?.secret);
  });

  it('is nobody with another secret, another kind of token, or under another name', async () => {
    const other = createToken(TOKEN_KINDS.session);
    await expectRefused(withCookie(other.text));
    await expectRefused(withCookie(cookie.replace(/_[^_]{8}$/, '_00000000')));
    await expectRefused(withCookie(await http.newKey(http.ours.tenantId, 'owner')));
    await expectRefused({ cookie: `bulkhead_session=${cookie}` });
    await expectRefused({ authorization: `Bearer ${cookie}` });
    // The id of the one with the secret of the other.
    const { admin } = http.database;
    await admin`update sessions set secret_sha256 = sha256('x') where id = ${idOf(cookie)}`;
    await expectRefused(withCookie(cookie));
  });

  it.each([
    ['unused for eight hours', `last_used_at = now() - interval '8 hours'`],
    ['a day old', `expires_at = now()`],
  ])('ends when it is %s', async (_what, change) => {
    const { admin } = http.database;
    expect((await ask(withCookie(cookie))).statusCode).toBe(200);
    await admin.unsafe(`update sessions set ${change} where id = '${idOf(cookie)}'`);
    await expectRefused(withCookie(cookie));
  });

  it('begins with 24 hours, which its use does not make more', async () => {
    const { admin } = http.database;
    const id = idOf(cookie);
    await admin`update sessions set last_used_at = now() - interval '7 hours' where id = ${id}`;
    await ask(withCookie(cookie));
    const [row] = await admin`select now() - last_used_at < interval '1 minute' as touched,
      expires_at - created_at as life from sessions where id = ${id}`;
    expect(row).toMatchObject({ touched: true, life: '1 day' });
  });

  it('ends with a member who is disabled, at once', async () => {
    expect((await ask(withCookie(cookie))).statusCode).toBe(200);
    await http.database.admin`update members set disabled_at = now() where id = ${member}`;
    await expectRefused(withCookie(cookie));
  });

  it('is worth nothing either where the member is enabled again, nor is a link', async () => {
    const made = await http.call('POST', `/v1/members/${member}/login-links`);
    expect(made.statusCode).toBe(201);
    for (const disabled of [true, false]) {
      const answer = await http.call('PATCH', `/v1/members/${member}`, { body: { disabled } });
      expect(answer.statusCode).toBe(200);
    }
    await expectRefused(withCookie(cookie));
    const links = await http.database.admin`select from login_links where member_id = ${member}`;
    expect(links).toHaveLength(0);
  });

  it('is refused while its tenant is suspended, at once', async () => {
    const suspend = (suspended: boolean) =>
      http.call('PATCH', `/v1/platform/tenants/${http.ours.tenantId}`, { body: { suspended } });
    expect((await suspend(true)).statusCode).toBe(200);
    const refused = await ask(withCookie(cookie));
    expect((await suspend(false)).statusCode).toBe(200);
    expect(refused.json()).toMatchObject({ status: 403, code: 'TENANT_SUSPENDED' });
    expect((await ask(withCookie(cookie))).statusCode).toBe(200);
  });

  it('is held to the clusters of its member, who sees their own session and no other', async () => {
    await http.database.admin`update members set clusters = 'env=none', role = 'admin'
      where id = ${member}`;
    const headers = withCookie(cookie);
    expect((await ask(headers, 'GET', '/v1/clusters')).json().items).toEqual([]);
    expect((await ask(headers, 'GET', '/v1/members')).statusCode).toBe(403);
    const own = (await ask(headers, 'GET', '/auth/session')).json();
    expect(own.member).toMatchObject({ id: member, clusters: 'env=none' });
    const { items } = (await ask(headers, 'GET', '/v1/sessions')).json();
    expect(items.map(({ id }: { id: string }) => id)).toEqual([idOf(cookie)]);
    const url = `/v1/sessions/${http.ours.sessionId}`;
    const answer = await ask(headersOfPage(PUBLIC_URL, cookie), 'DELETE', url);
    expect(answer.statusCode).toBe(404);
    const out = await ask(headersOfPage(PUBLIC_URL, cookie), 'POST', '/auth/logout');
    expect(out.statusCode).toBe(204);
  });

  it('ends with a member who is removed', async () => {
    await http.call('DELETE', `/v1/members/${member}`);
    await expectRefused(withCookie(cookie));
  });

  it('has the role that the member has now', async () => {
    await http.database.admin`update members set role = 'viewer' where id = ${member}`;
    const headers = headersOfPage(PUBLIC_URL, cookie);
    const answer = await ask(headers, 'POST', '/v1/clusters', { name: 'c' });
    expect(answer.json()).toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  it('is kept as a hash', async () => {
    const secret = parseToken(TOKEN_KINDS.session, cookie)?.secret ?? 'none';
    const rows = await http.database.admin`select s::text as row from sessions s`;
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('is one of so many: the oldest gives way, and what is past its time is removed', async () => {
    const { admin } = http.database;
    const expired = await newSession(http.database, http.ours.tenantId, await newMember('viewer'));
    await admin`update sessions set expires_at = now() where id = ${idOf(expired)}`;
    for (let time = 0; time < SESSIONS_OF_MEMBER_MAX; time += 1) {
      await newSession(http.database, http.ours.tenantId, member);
    }
    await expectRefused(withCookie(cookie));
    const [row] =
      await admin`select count(*)::int as own from sessions where member_id = ${member}`;
    expect(row).toEqual({ own: SESSIONS_OF_MEMBER_MAX });
    expect(await admin`select from sessions where id = ${idOf(expired)}`).toHaveLength(0);
    expect(await admin`select from session_tenants where id = ${idOf(expired)}`).toHaveLength(0);
  });
});

describe('a change by cookie', () => {
  const make = (headers: Record<string, string | undefined>) => {
    count += 1;
    const present = Object.entries(headers).filter(([, value]) => value !== undefined);
    return ask(Object.fromEntries(present) as Record<string, string>, 'POST', '/v1/clusters', {
      name: `c${count}`,
    });
  };

  it('is made by a page of this origin', async () => {
    expect((await make(headersOfPage(PUBLIC_URL, cookie))).statusCode).toBe(201);
    const { origin: _origin, ...rest } = headersOfPage(PUBLIC_URL, cookie);
    expect((await make({ ...rest, 'sec-fetch-site': 'same-origin' })).statusCode).toBe(201);
  });

  it.each<[string, Record<string, string | undefined>]>([
    ['without the token', { 'x-bulkhead-csrf': undefined }],
    ['with another token', { 'x-bulkhead-csrf': 'x'.repeat(43) }],
    ['from another origin', { origin: 'https://evil.example' }],
    ['from a neighbour', { origin: `${PUBLIC_URL}.evil.example` }],
    ['from the origin without TLS', { origin: PUBLIC_URL.replace('https', 'http') }],
    ['from no origin', { origin: 'null' }],
    ['that says nothing of its origin', { origin: undefined }],
    ['from the same site', { origin: undefined, 'sec-fetch-site': 'same-site' }],
    ['from an origin that belies it', { origin: 'null', 'sec-fetch-site': 'same-origin' }],
  ])('%s is refused', async (_what, more) => {
    const answer = await make({ ...headersOfPage(PUBLIC_URL, cookie), ...more });
    expect(answer.json()).toMatchObject({ status: 403, code: 'CSRF_REFUSED' });
  });

  it('of one session is not made with the token of another', async () => {
    const other = await newSession(http.database, http.ours.tenantId, member);
    const token = headersOfPage(PUBLIC_URL, other)['x-bulkhead-csrf'];
    const headers = { ...headersOfPage(PUBLIC_URL, cookie), 'x-bulkhead-csrf': token };
    expect((await make(headers)).json()).toMatchObject({ code: 'CSRF_REFUSED' });
  });

  it('that comes with a key too is the change of the key, which no page can make a browser send', async () => {
    const key = await http.newKey(http.ours.tenantId, 'viewer');
    const both = { ...withCookie(cookie), authorization: `Bearer ${key}` };
    expect((await ask(both)).json()).toMatchObject({ caller: { kind: 'api-key' } });
    // And where the key is none, the cookie does not help.
    await expectRefused({ ...withCookie(cookie), authorization: 'Bearer x' });
    const owner = await http.newKey(http.ours.tenantId, 'owner');
    const made = await make({ ...withCookie(cookie), authorization: `Bearer ${owner}` });
    expect(made.statusCode).toBe(201);
  });

  it('is told of no other origin: there are no CORS headers', async () => {
    const headers = { ...withCookie(cookie), origin: 'https://evil.example' };
    const answers = [await ask(headers), await ask(headers, 'OPTIONS', '/v1/clusters')];
    for (const answer of answers) {
      const names = Object.keys(answer.headers);
      expect(names.filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });
});

describe('the sessions of a tenant', () => {
  const list = async (headers: Record<string, string>, query = '') =>
    (await ask(headers, 'GET', `/v1/sessions${query}`))
      .json()
      .items.map((s: { id: string }) => s.id);

  it('are seen by who sees its members; others see their own', async () => {
    const other = await newSession(http.database, http.ours.tenantId, await newMember('admin'));
    const theirs = await newSession(
      http.database,
      http.theirs.tenantId,
      await newMember('owner', http.theirs.tenantId),
    );
    expect(await list(withCookie(cookie))).toEqual([idOf(cookie)]);
    expect(await list(withCookie(cookie), `?memberId=${http.ours.memberId}`)).toEqual([]);
    const all = await list(withCookie(other));
    expect(all).toEqual(expect.arrayContaining([idOf(cookie), idOf(other)]));
    expect(all).not.toContain(idOf(theirs));
    expect(await list(withCookie(other), `?memberId=${member}`)).toEqual([idOf(cookie)]);
    const viewer = await http.newKey(http.ours.tenantId, 'viewer');
    expect(await list({ authorization: `Bearer ${viewer}` })).toEqual([]);
  });

  it('are ended by themselves, or by who writes members, and of an owner by an owner', async () => {
    const newCookie = async (role: Role) =>
      newSession(http.database, http.ours.tenantId, await newMember(role));
    const end = async (who: string, whose: string) => {
      const url = `/v1/sessions/${idOf(whose)}`;
      return (await ask(headersOfPage(PUBLIC_URL, who), 'DELETE', url)).statusCode;
    };
    const [admin, owner] = [await newCookie('admin'), await newCookie('owner')];
    const foreign = await newSession(
      http.database,
      http.theirs.tenantId,
      await newMember('viewer', http.theirs.tenantId),
    );
    expect(await end(cookie, admin)).toBe(404);
    expect(await end(admin, owner)).toBe(403);
    expect(await end(owner, foreign)).toBe(404);
    expect(await end(admin, cookie)).toBe(204);
    await expectRefused(withCookie(cookie));
    expect(await end(owner, admin)).toBe(204);
    expect(await end(owner, owner)).toBe(204);
    await expectRefused(withCookie(owner));
    const records = (await http.call('GET', '/v1/audit-log?action=session.revoke&limit=3')).json();
    expect(records.items).toMatchObject([
      { actorKind: 'member', targetId: idOf(owner) },
      { actorKind: 'member', targetId: idOf(admin) },
      { actorKind: 'member', targetId: idOf(cookie), details: { memberId: member } },
    ]);
  });

  it('end where they log out', async () => {
    const headers = headersOfPage(PUBLIC_URL, cookie);
    expect((await ask(withCookie(cookie), 'POST', '/auth/logout')).statusCode).toBe(403);
    const answer = await ask(headers, 'POST', '/auth/logout');
    expect(answer.statusCode).toBe(204);
    expect(answer.headers['set-cookie']).toMatch(
      /^__Host-bulkhead_session=; Max-Age=0; Path=\/; .*HttpOnly; Secure; SameSite=Lax$/,
    );
    await expectRefused(withCookie(cookie));
    const key = await http.newKey(http.ours.tenantId, 'owner');
    const byKey = await ask({ authorization: `Bearer ${key}` }, 'POST', '/auth/logout');
    expect(byKey.json()).toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});
