import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Role } from '../../control-plane/store/api-keys.js';
import { createMember } from '../../control-plane/store/members.js';
import { createTestApi, type Injected, PUBLIC_URL, type TestApi } from '../support/http-api.js';
import { startOidcProvider, type TestProvider } from '../support/oidc.js';

jest.setTimeout(60_000);

const LOGIN_COOKIE = '__Host-bulkhead_login';

let http: TestApi;
let provider: TestProvider;
let tenant: string;
let count = 0;

beforeAll(async () => {
  http = await createTestApi();
  provider = await startOidcProvider(PUBLIC_URL);
  const rows = await http.database.admin<{ name: string }[]>`
    select name from tenants where id = ${http.ours.tenantId}`;
  tenant = rows[0]?.name ?? '';
});

afterAll(async () => {
  await provider?.close();
  await http?.close();
});

beforeEach(async () => {
  await http.database.admin`delete from identity_providers`;
  count += 1;
});

const name = (what: string) => `${what}${count}`;
const email = (what: string) => `${name(what)}@example.org`;

async function newProvider(more: object = {}): Promise<string> {
  const body = {
    name: 'corporate',
    issuer: provider.issuer,
    clientId: provider.clientId,
    clientSecret: provider.clientSecret,
    scopes: ['openid', 'email', 'profile', 'groups'],
    ...more,
  };
  const answer = await http.call('POST', '/v1/identity-providers', { body });
  expect([answer.statusCode, answer.body]).toEqual([201, expect.anything()]);
  return answer.json().id;
}

async function newMember(what: string, role: Role = 'viewer'): Promise<string> {
  const user = { email: email(what), displayName: what, role };
  const member = await http.database.app.withTenant(http.ours, (tx) => createMember(tx, user));
  return member.id;
}

function account(what: string, more: object = {}): string {
  provider.accounts.set(name(what), { email: email(what), email_verified: true, ...more });
  return name(what);
}

interface Left {
  readonly url: string;
  readonly cookie: string;
}

/** The way out. */
async function leave(query = ''): Promise<Left> {
  const answer = await http.api.inject(`/auth/login?tenant=${tenant}${query}`);
  expect([answer.statusCode, answer.body]).toEqual([303, '']);
  const [cookie = ''] = String(answer.headers['set-cookie']).split(';');
  return { url: String(answer.headers.location), cookie };
}

/** The way back. */
const comeBack = (address: URL, cookie: string, api = http.api): Promise<Injected> =>
  api.inject({ url: `${address.pathname}${address.search}`, headers: { cookie } });

async function logIn(login: string, query = ''): Promise<Injected> {
  const { url, cookie } = await leave(query);
  return comeBack(await provider.newBrowser().logIn(url, login), cookie);
}

async function sessionOf(entered: Injected) {
  expect([entered.statusCode, entered.body]).toEqual([303, '']);
  const [cookie] = String(entered.headers['set-cookie']).split(';');
  return (await http.api.inject({ url: '/auth/session', headers: { cookie } })).json();
}

/** What the log has of the refusal, too: why, for who operates this. */
function expectRefused(answer: Injected, detail: string, cause?: RegExp): void {
  expect(answer.json()).toMatchObject({
    status: 403,
    code: 'LOGIN_REFUSED',
    detail: expect.stringContaining(detail),
  });
  expect(String(answer.headers['set-cookie'] ?? '')).not.toContain('bulkhead_session');
  const id = String(answer.headers['x-request-id']);
  const line = http.log.find((text) => text.includes(id) && text.includes('LOGIN_REFUSED'));
  if (cause) expect(JSON.parse(line ?? '{}').err.message).toMatch(cause);
}

describe('a login with an identity provider', () => {
  it('lets a member in, by an address that it has verified', async () => {
    const providerId = await newProvider();
    const memberId = await newMember('known', 'operator');
    const left = await leave('&returnTo=/v1/alerts?status=open');
    const url = new URL(left.url);
    expect(url.origin).toBe(provider.issuer);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      client_id: provider.clientId,
      redirect_uri: `${PUBLIC_URL}/auth/callback/${providerId}`,
      response_type: 'code',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      scope: 'openid email profile groups',
    });
    const back = await provider.newBrowser().logIn(left.url, account('known'));
    expect(back.searchParams.get('iss')).toBe(provider.issuer);
    const entered = await comeBack(back, left.cookie);
    expect(entered.headers.location).toBe('/v1/alerts?status=open');
    expect(await sessionOf(entered)).toMatchObject({
      member: { id: memberId, role: 'operator' },
      session: { begunBy: 'oidc', identityProviderId: providerId },
    });
    const { items } = (await http.call('GET', '/v1/audit-log?limit=1')).json();
    expect(items).toMatchObject([
      {
        action: 'session.create',
        actorKind: 'member',
        actorId: memberId,
        details: { begunBy: 'oidc', identityProvider: 'corporate', role: 'operator' },
      },
    ]);
  });

  it('knows them by their subject from then on, not by an address that changes hands', async () => {
    await newProvider();
    const memberId = await newMember('first');
    const other = await newMember('other', 'admin');
    expect((await sessionOf(await logIn(account('first')))).member.id).toBe(memberId);
    // Somebody takes the address of another member at the provider: they stay who they were.
    provider.accounts.set(name('first'), { email: email('other'), email_verified: true });
    expect((await sessionOf(await logIn(name('first')))).member.id).toBe(memberId);
    // Somebody else is given the address that a member has logged in with.
    provider.accounts.set(name('new'), { email: email('first'), email_verified: true });
    expectRefused(await logIn(name('new')), 'a member who logs in as somebody else');
    // And whose address it is logs in as themselves.
    expect((await sessionOf(await logIn(account('other')))).member.id).toBe(other);
  });

  it('takes no address that is not verified, and none that is none', async () => {
    await newProvider({ createMembers: true, defaultRole: 'viewer' });
    await newMember('victim', 'admin');
    for (const verified of [false, undefined]) {
      const login = account('victim', { email_verified: verified });
      expectRefused(await logIn(login), 'does not say that your address of mail is yours');
    }
    expectRefused(await logIn(account('nameless', { email: undefined })), 'no address of mail');
    expectRefused(await logIn(account('odd', { email: 'a@b\u0000' })), 'no address of mail');
  });

  it('refuses whom nobody knows, or makes them members', async () => {
    await newProvider();
    expectRefused(await logIn(account('stranger')), 'you are no member');
    await http.database.admin`delete from identity_providers`;
    await newProvider({ createMembers: true, defaultRole: 'viewer' });
    const entered = await sessionOf(await logIn(account('stranger', { name: 'A\u0007 Stranger' })));
    expect(entered.member).toMatchObject({
      email: email('stranger'),
      displayName: 'A Stranger',
      role: 'viewer',
    });
    const query = `action=member.create&targetId=${entered.member.id}`;
    const { items } = (await http.call('GET', `/v1/audit-log?${query}`)).json();
    expect(items).toMatchObject([{ actorKind: 'system', actorName: 'corporate' }]);
  });

  it('is one of a disabled member no more', async () => {
    await newProvider({ groupRoles: [{ group: 'all', role: 'admin' }] });
    const memberId = await newMember('gone');
    await sessionOf(await logIn(account('gone', { groups: ['all'] })));
    await http.database.admin`update members set disabled_at = now(), role = 'viewer'
      where id = ${memberId}`;
    expectRefused(await logIn(name('gone')), 'the member is disabled');
    const [row] = await http.database.admin`select role from members where id = ${memberId}`;
    expect(row).toEqual({ role: 'viewer' });
  });
});

describe('the role', () => {
  const GROUPS = [
    { group: 'security', role: 'policy-author' },
    { group: 'everyone', role: 'viewer' },
  ];

  it('comes from the first group that fits, at each login', async () => {
    await newProvider({ createMembers: true, groupRoles: GROUPS });
    const roleWith = async (groups: readonly string[]) => {
      const login = account('changing', { groups });
      return (await sessionOf(await logIn(login))).member.role;
    };
    expect(await roleWith(['everyone', 'security'])).toBe('policy-author');
    expect(await roleWith(['everyone'])).toBe('viewer');
    const { items } = (await http.call('GET', '/v1/audit-log?action=member.update&limit=1')).json();
    expect(items).toMatchObject([{ details: { role: 'viewer', identityProvider: 'corporate' } }]);
    expect(await roleWith(['security'])).toBe('policy-author');
    expectRefused(
      await logIn(account('changing', { groups: ['Security'] })),
      'none of your groups',
    );
    expectRefused(await logIn(account('changing', { groups: undefined })), 'none of your groups');
    expectRefused(await logIn(account('nobody', { groups: [] })), 'none of your groups');
  });

  it('is the default one where no group fits', async () => {
    await newProvider({ createMembers: true, groupRoles: GROUPS, defaultRole: 'operator' });
    const entered = await sessionOf(await logIn(account('any', { groups: ['x'] })));
    expect(entered.member.role).toBe('operator');
  });

  it('holds in the clusters that the group names', async () => {
    const groupRoles = [
      { group: 'dev', role: 'operator', clusters: 'env = dev' },
      { group: 'all', role: 'operator' },
    ];
    await newProvider({ createMembers: true, groupRoles });
    const memberWith = async (groups: readonly string[]) =>
      (await sessionOf(await logIn(account('limited', { groups })))).member;
    expect(await memberWith(['dev'])).toMatchObject({ role: 'operator', clusters: 'env=dev' });
    expect(await memberWith(['all'])).not.toHaveProperty('clusters');
    expect(await memberWith(['all', 'dev'])).toMatchObject({ clusters: 'env=dev' });
  });

  it('is left to the last owner, who would be none', async () => {
    const groupRoles = [{ group: 'top', role: 'owner' }];
    await newProvider({ servesOwners: true, groupRoles, defaultRole: 'viewer' });
    await http.database.admin`update members set role = 'viewer' where role = 'owner'`;
    await newMember('last', 'owner');
    const answer = await logIn(account('last', { groups: [] }));
    expect(answer.json()).toMatchObject({ code: 'LAST_OWNER' });
    await newMember('next', 'owner');
    expect((await sessionOf(await logIn(name('last')))).member.role).toBe('viewer');
  });

  it('is left as it is where no groups are mapped', async () => {
    await newProvider({ createMembers: true, defaultRole: 'viewer' });
    await newMember('promoted', 'admin');
    expect((await sessionOf(await logIn(account('promoted')))).member.role).toBe('admin');
  });

  it('is that of an owner only with a provider that serves owners', async () => {
    await newProvider();
    await newMember('owner', 'owner');
    expectRefused(await logIn(account('owner')), 'owners do not log in with this');
    await http.database.admin`delete from identity_providers`;
    await newProvider({ servesOwners: true, groupRoles: [{ group: 'top', role: 'owner' }] });
    const entered = await sessionOf(await logIn(account('owner', { groups: ['top'] })));
    expect(entered.member.role).toBe('owner');
  });
});

describe('an answer that does not belong to the login is refused', () => {
  let left: Left;
  let back: URL;

  beforeEach(async () => {
    await newProvider();
    await newMember('someone');
    left = await leave();
    back = await provider.newBrowser().logIn(left.url, account('someone'));
  });

  const UNKNOWN = 'was begun in another browser, or never was begun';
  const changed = (change: (query: URLSearchParams) => void) => {
    const url = new URL(back);
    change(url.searchParams);
    return url;
  };

  it('with another state, or none', async () => {
    const { searchParams } = new URL((await leave()).url);
    const others = [
      changed((query) => query.set('state', searchParams.get('state') ?? '')),
      changed((query) => query.set('state', `${query.get('state')}x`)),
      changed((query) => query.delete('state')),
    ];
    for (const other of others) expectRefused(await comeBack(other, left.cookie), UNKNOWN);
    expect((await comeBack(back, left.cookie)).statusCode).toBe(303);
  });

  it('at the address of another provider, which could have sent the browser on', async () => {
    const own = back.pathname.split('/').at(-1) ?? '';
    const other = changed((query) => query.set('providerId', own));
    other.pathname = `/auth/callback/${await newProvider({ name: 'other' })}`;
    expectRefused(await comeBack(other, left.cookie), UNKNOWN);
    // And it is not used up by that.
    expect((await comeBack(back, left.cookie)).statusCode).toBe(303);
  });

  it('a second time', async () => {
    expect((await comeBack(back, left.cookie)).statusCode).toBe(303);
    expectRefused(await comeBack(back, left.cookie), UNKNOWN);
  });

  it('in another browser, in which somebody would be logged in as another', async () => {
    const other = await leave();
    expect(other.cookie).not.toBe(left.cookie);
    expectRefused(await comeBack(back, other.cookie), UNKNOWN);
    expectRefused(await comeBack(back, ''), UNKNOWN);
    // And it is not used up by that.
    expect((await comeBack(back, left.cookie)).statusCode).toBe(303);
  });

  it('after ten minutes', async () => {
    await http.database
      .admin`update login_attempts set expires_at = expires_at - interval '10 min'`;
    expectRefused(await comeBack(back, left.cookie), 'longer than ten minutes');
    expectRefused(await comeBack(back, left.cookie), UNKNOWN);
  });

  it('with another code, or from another issuer', async () => {
    const issuer = changed((query) => query.set('iss', 'https://evil.example'));
    expectRefused(await comeBack(issuer, left.cookie), 'does not hold', /"iss"/);
    const again = await leave();
    const address = await provider.newBrowser().logIn(again.url, name('someone'));
    address.searchParams.set('code', back.searchParams.get('code') ?? '');
    expectRefused(await comeBack(address, again.cookie), 'does not hold', /invalid_grant/);
  });

  it('with a nonce that is not the one of this login', async () => {
    // An ID token of the same person that was made for another login.
    const other = new URL((await leave()).url);
    const swapped = new URL((await leave()).url);
    const { cookie } = left;
    swapped.searchParams.set('state', new URL(left.url).searchParams.get('state') ?? '');
    swapped.searchParams.set('nonce', other.searchParams.get('nonce') ?? '');
    const challenge = new URL(left.url).searchParams.get('code_challenge') ?? '';
    swapped.searchParams.set('code_challenge', challenge);
    const address = await provider.newBrowser().logIn(swapped.href, name('someone'));
    expectRefused(await comeBack(address, cookie), 'does not hold', /nonce/);
  });

  it('without the verifier that was kept, since another login began', async () => {
    const swapped = new URL(left.url);
    const other = new URL((await leave()).url);
    const challenge = other.searchParams.get('code_challenge') ?? '';
    swapped.searchParams.set('code_challenge', challenge);
    const address = await provider.newBrowser().logIn(swapped.href, name('someone'));
    expectRefused(await comeBack(address, left.cookie), 'does not hold', /invalid_grant/);
  });

  it('where the provider says no', async () => {
    const again = await leave();
    const address = await provider.newBrowser().cancel(again.url);
    expect(address.searchParams.get('error')).toBe('access_denied');
    const before = http.log.length;
    const answer = await comeBack(address, again.cookie);
    expectRefused(answer, 'did not let you in');
    const line = http.log.slice(before).find((text) => text.includes('LOGIN_REFUSED'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      route: '/auth/callback/:providerId',
      reason: 'the identity provider did not let you in',
      login: 'provider-denied',
      err: { message: expect.stringContaining('access_denied') },
    });
    expectRefused(await comeBack(address, again.cookie), UNKNOWN);
  });

  it('and nothing of it is in the log', async () => {
    await comeBack(back, left.cookie);
    const log = http.log.join('');
    for (const secret of [
      back.searchParams.get('code'),
      back.searchParams.get('state'),
      left.cookie.split('=')[1],
      provider.clientSecret,
    ]) {
      expect(secret).toBeTruthy();
      expect(log).not.toContain(secret);
    }
  });
});

describe('a tenant that is suspended', () => {
  it('has nobody log in, and says no more of itself', async () => {
    await newProvider();
    await newMember('suspended');
    const { url, cookie } = await leave();
    const back = await provider.newBrowser().logIn(url, account('suspended'));
    const suspend = (suspended: boolean) =>
      http.call('PATCH', `/v1/platform/tenants/${http.ours.tenantId}`, { body: { suspended } });
    await suspend(true);
    const begun = await http.api.inject(`/auth/login?tenant=${tenant}`);
    const ended = await comeBack(back, cookie);
    await suspend(false);
    expectRefused(begun, 'no such identity provider');
    expect(ended.json()).toMatchObject({ code: 'TENANT_SUSPENDED' });
  });
});

describe('the way out', () => {
  it('is told alike for a tenant that is not there, has no provider, or not that one', async () => {
    await newProvider();
    const queries = ['tenant=nobody', `tenant=${tenant}&provider=x`];
    const answers = [];
    for (const query of queries) answers.push(await http.api.inject(`/auth/login?${query}`));
    await http.database.admin`delete from identity_providers`;
    answers.push(await http.api.inject(`/auth/login?tenant=${tenant}`));
    const told = answers.map((answer) => {
      const { requestId: _requestId, ...body } = answer.json();
      return [answer.statusCode, body, answer.headers['set-cookie']];
    });
    expect(told[0]).toMatchObject([403, { code: 'LOGIN_REFUSED' }, undefined]);
    expect(new Set(told.map((each) => JSON.stringify(each))).size).toBe(1);
  });

  it('asks which, where there are several, or none is named', async () => {
    await newProvider();
    await newProvider({ name: '<b>other</b>' });
    const page = await http.api.inject(`/auth/login?tenant=${tenant}&returnTo=/docs/`);
    expect(page.statusCode).toBe(200);
    expect(page.body).not.toContain('<b>other');
    const links = [...page.body.matchAll(/href="([^"]+)"/g)].map(([, link]) =>
      (link ?? '').replaceAll('&#38;', '&'),
    );
    for (const link of links) expect((await http.api.inject(link)).statusCode).toBe(303);
    expect(links).toHaveLength(2);
    const form = await http.api.inject('/auth/login');
    expect(form.body).toContain('<form action="/auth/login">');
    const policy = String(form.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    // It leads on to a provider, wherever that is.
    expect(policy).toContain('form-action *');
  });

  it.each([
    ['an origin', 'https://evil.example/'],
    ['an origin without its scheme', '//evil.example/'],
    ['a backslash', '/\\evil.example/'],
    ['a tab', '/\t/evil.example/'],
    ['two backslashes', '\\\\evil.example'],
    ['a script', 'javascript:alert(1)'],
    ['a relative path', 'x'],
    ['nothing', ''],
    ['a long path', `/${'a'.repeat(3000)}`],
  ])('leads back to no other origin: not by %s', async (_what, returnTo) => {
    await newProvider();
    const query = new URLSearchParams({ tenant, returnTo });
    const answer = await http.api.inject(`/auth/login?${query}`);
    expect(answer.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT' });
  });

  it('keeps the browser that it knows, so that two windows both end well', async () => {
    await newProvider();
    await newMember('twice');
    const first = await leave();
    const answer = await http.api.inject({
      url: `/auth/login?tenant=${tenant}`,
      headers: { cookie: first.cookie },
    });
    const { cookie } = first;
    expect(String(answer.headers['set-cookie'])).toContain(cookie);
    expect(cookie).toMatch(new RegExp(`^${LOGIN_COOKIE}=[\\w-]{43}$`));
    const browser = provider.newBrowser();
    const second = await browser.logIn(String(answer.headers.location), account('twice'));
    expect((await comeBack(second, cookie)).statusCode).toBe(303);
    const back = await provider.newBrowser().logIn(first.url, name('twice'));
    expect((await comeBack(back, cookie)).statusCode).toBe(303);
  });

  it('says in words where the provider is not there, and asks no address of ours', async () => {
    await newProvider({ issuer: 'http://127.0.0.1:1' });
    const headers = { accept: 'text/html' };
    const answer = await http.api.inject({ url: `/auth/login?tenant=${tenant}`, headers });
    expect(answer.statusCode).toBe(403);
    expect(answer.headers['content-type']).toMatch(/^text\/html/);
    expect(answer.body).toContain('cannot be reached');
    expect(answer.body).not.toContain('ECONNREFUSED');
  });
});

describe('two replicas', () => {
  it('share a login: one begins it, the other ends it', async () => {
    await newProvider();
    const memberId = await newMember('replicated');
    const { url, cookie } = await leave();
    const back = await provider.newBrowser().logIn(url, account('replicated'));
    const other = await http.newReplica();
    try {
      const entered = await comeBack(back, cookie, other);
      expect((await sessionOf(entered)).member.id).toBe(memberId);
      expectRefused(await comeBack(back, cookie), 'was completed already');
    } finally {
      await other.close();
    }
  });
});
