import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCommand } from '../../control-plane/commands.js';
import { readConfig } from '../../control-plane/config.js';
import type { Role } from '../../control-plane/store/api-keys.js';
import { getMember } from '../../control-plane/store/members.js';
import { createToken, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { MASTER_KEY } from '../support/control-plane.js';
import { createTestApi, PUBLIC_URL, type TestApi } from '../support/http-api.js';

let http: TestApi;
let tenant: string;

beforeAll(async () => {
  http = await createTestApi();
  const rows = await http.database.admin<{ name: string }[]>`
    select name from tenants where id = ${http.ours.tenantId}`;
  tenant = rows[0]?.name ?? '';
});

afterAll(() => http?.close());

/** The command that an administrator of the machine runs. */
async function command(email: string, ...more: string[]): Promise<string> {
  const args = ['create-login-link', `--tenant=${tenant}`, `--email=${email}`, ...more];
  const config = readConfig(args, {
    DATABASE_URL: http.database.url,
    BULKHEAD_MASTER_KEY: MASTER_KEY.toString('base64'),
    BULKHEAD_PUBLIC_URL: PUBLIC_URL,
  });
  return (await runCommand(args, config, AbortSignal.abort())) ?? '';
}

async function newLink(email: string, ...more: string[]) {
  const output = await command(email, '--json', ...more);
  const { link, memberId }: { link: string; memberId: string } = JSON.parse(output);
  return { url: new URL(link), token: new URL(link).hash.slice(1), memberId };
}

const post = (token: string, headers: Record<string, string> = { origin: PUBLIC_URL }) =>
  http.api.inject({
    method: 'POST',
    url: '/auth/link',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: new URLSearchParams({ token }).toString(),
  });

const REFUSED = { status: 403, code: 'LOGIN_REFUSED', detail: expect.stringContaining('was used') };

describe('a one-time login link', () => {
  it('makes the first owner, lets them in once, and is nothing to who only opens it', async () => {
    const { url, token, memberId } = await newLink('First@example.org');
    expect([url.origin, url.pathname]).toEqual([PUBLIC_URL, '/auth/link']);
    const { admin } = http.database;
    expect(await admin`select email, role from members where id = ${memberId}`).toEqual([
      { email: 'first@example.org', role: 'owner' },
    ]);
    for (let time = 0; time < 3; time += 1) {
      const page = await http.api.inject(url.pathname);
      expect(page.statusCode).toBe(200);
      expect(page.headers['set-cookie']).toBeUndefined();
    }
    const entered = await post(token);
    expect([entered.statusCode, entered.headers.location]).toEqual([303, '/']);
    expect(entered.headers['set-cookie']).toMatch(
      /^__Host-bulkhead_session=bkh_se_\S+; Max-Age=86400; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    const [cookie] = String(entered.headers['set-cookie']).split(';');
    const own = await http.api.inject({ url: '/auth/session', headers: { cookie } });
    expect(own.json()).toMatchObject({
      member: { id: memberId, role: 'owner' },
      session: { begunBy: 'login-link' },
    });
    expect((await post(token)).json()).toMatchObject(REFUSED);
  });

  it('is written down, when it is made and when it is used', async () => {
    const { token, memberId } = await newLink('audited@example.org');
    const linkId = parseToken(TOKEN_KINDS.loginLink, token)?.id ?? '';
    await post(token, { origin: PUBLIC_URL, 'user-agent': 'a browser' });
    const { items } = (await http.call('GET', '/v1/audit-log?limit=2')).json();
    expect(items).toMatchObject([
      {
        action: 'session.create',
        actorKind: 'member',
        actorId: memberId,
        actorName: 'audited@example.org',
        userAgent: 'a browser',
        details: { begunBy: 'login-link', linkId, linkCreatedBy: 'command line' },
      },
      { action: 'login-link.create', actorKind: 'platform', targetId: linkId },
    ]);
    expect(JSON.stringify(items)).not.toContain(parseToken(TOKEN_KINDS.loginLink, token)?.secret);
  });

  it('of two at once lets one in', async () => {
    const { token } = await newLink('twice@example.org');
    const answers = await Promise.all([post(token), post(token), post(token)]);
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([303, 403, 403]);
  });

  it('is worth nothing after fifteen minutes, and after the next one', async () => {
    const late = await newLink('late@example.org');
    const { admin } = http.database;
    await admin`update login_links set expires_at = expires_at - interval '15 minutes'
      where member_id = ${late.memberId}`;
    expect((await post(late.token)).json()).toMatchObject(REFUSED);
    const replaced = await newLink('next@example.org');
    const next = await newLink('next@example.org');
    expect(next.memberId).toBe(replaced.memberId);
    expect((await post(replaced.token)).json()).toMatchObject(REFUSED);
    expect((await post(next.token)).statusCode).toBe(303);
  });

  it('is none with another secret, and none that never was', async () => {
    const { token } = await newLink('secret@example.org');
    const id = parseToken(TOKEN_KINDS.loginLink, token)?.id ?? '';
    await http.database.admin`update login_links set secret_sha256 = sha256('x') where id = ${id}`;
    for (const text of [token, createToken(TOKEN_KINDS.loginLink).text, 'x', `${token}x`]) {
      expect((await post(text)).json()).toMatchObject(REFUSED);
    }
  });

  it('lets no member in who is disabled meanwhile', async () => {
    const { token, memberId } = await newLink('disabled@example.org');
    await http.database.admin`update members set disabled_at = now() where id = ${memberId}`;
    expect((await post(token)).json()).toMatchObject({
      code: 'LOGIN_REFUSED',
      detail: 'the member is disabled',
    });
    await expect(command('disabled@example.org')).rejects.toThrow('is disabled');
  });

  it.each([
    ['another origin', { origin: 'https://evil.example' }],
    ['no origin', {}],
  ])(
    'is not used by a page of %s, which would log somebody in as another',
    async (_what, headers) => {
      const { token } = await newLink('origin@example.org');
      expect((await post(token, headers)).json()).toMatchObject({ code: 'CSRF_REFUSED' });
      expect((await post(token)).statusCode).toBe(303);
    },
  );

  it('has a page without anything from elsewhere, and words for who is refused', async () => {
    const page = await http.api.inject('/auth/link');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).toContain("form-action 'self'");
    // With no-referrer a browser would say that the form comes from nowhere.
    expect(page.headers['referrer-policy']).toBe('same-origin');
    const [, style = ''] = /<style>([^<]*)<\/style>/.exec(page.body) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(policy).toContain(`style-src 'sha256-${hash}'`);
    expect(page.body).not.toMatch(/<script(?! src="\/auth\/link\.js">)/);
    expect((await http.api.inject('/auth/link.js')).headers['content-type']).toMatch(
      /^text\/javascript/,
    );
    const refused = await post('<b>', { origin: PUBLIC_URL, accept: 'text/html,*/*' });
    expect(refused.statusCode).toBe(403);
    expect(refused.headers['content-type']).toMatch(/^text\/html/);
    expect(refused.body).toContain('the link was used already');
    expect(refused.body).toContain(refused.headers['x-request-id']);
    expect(refused.body).not.toContain('<b>');
  });

  it('has a script that fills the form in, and takes the code out of the address', async () => {
    const { body } = await http.api.inject('/auth/link.js');
    const field = { value: '' };
    const seen: unknown[] = [];
    runInNewContext(body, {
      document: { querySelector: (selector: string) => seen.push(selector) && field },
      location: { hash: '#bkh_ll_x', pathname: '/auth/link' },
      history: { replaceState: (...args: unknown[]) => seen.push(args) },
    });
    expect(field.value).toBe('bkh_ll_x');
    expect(seen).toEqual(['input[name=token]', [null, '', '/auth/link']]);
  });

  it('is a form, and no other route takes one', async () => {
    const headers = { origin: PUBLIC_URL, 'content-type': 'application/x-www-form-urlencoded' };
    const payload = 'name=x';
    const url = '/v1/clusters';
    const key = await http.newKey(http.ours.tenantId, 'owner');
    const answer = await http.api.inject({
      method: 'POST',
      url,
      headers: { ...headers, authorization: `Bearer ${key}` },
      payload,
    });
    expect(answer.json()).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('a link for a member', () => {
  const linkFor = (memberId: string, key?: string) =>
    http.call('POST', `/v1/members/${memberId}/login-links`, key === undefined ? {} : { key });
  const newMember = async (role: Role) => {
    const body = { email: `${role}-${Date.now()}@example.org`, displayName: role, role };
    return (await http.call('POST', '/v1/members', { body })).json().id as string;
  };

  it('is made by who may make members, and lets them in once', async () => {
    const memberId = await newMember('operator');
    const made = await linkFor(memberId, await http.newKey(http.ours.tenantId, 'admin'));
    expect(made.statusCode).toBe(201);
    const { link, ...rest } = made.json();
    expect(rest).toMatchObject({ memberId, createdBy: expect.stringMatching(/^api-key:/) });
    const token = new URL(link).hash.slice(1);
    expect((await post(token)).statusCode).toBe(303);
    expect((await post(token)).json()).toMatchObject(REFUSED);
    const { items } = (await http.call('GET', '/v1/audit-log?limit=2')).json();
    expect(items).toMatchObject([
      { action: 'session.create', actorId: memberId, details: { linkId: rest.id } },
      { action: 'login-link.create', targetId: rest.id, details: { memberId } },
    ]);
  });

  it('is not made for more than one holds, nor for who is disabled', async () => {
    const admin = await http.newKey(http.ours.tenantId, 'admin');
    const owner = await newMember('owner');
    expect((await linkFor(owner, admin)).json()).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect((await linkFor(owner)).statusCode).toBe(201);
    const memberId = await newMember('viewer');
    await http.call('PATCH', `/v1/members/${memberId}`, { body: { disabled: true } });
    expect((await linkFor(memberId)).json()).toMatchObject({ code: 'CONFLICT' });
  });

  it('is nothing while the tenant is suspended', async () => {
    const { link } = (await linkFor(await newMember('viewer'))).json();
    const suspend = (suspended: boolean) =>
      http.call('PATCH', `/v1/platform/tenants/${http.ours.tenantId}`, { body: { suspended } });
    await suspend(true);
    const refused = await post(new URL(link).hash.slice(1));
    await suspend(false);
    expect(refused.json()).toMatchObject({ code: 'TENANT_SUSPENDED' });
    // It was not used by that.
    expect((await post(new URL(link).hash.slice(1))).statusCode).toBe(303);
  });
});

describe('create-login-link', () => {
  it('keeps the role that a member has', async () => {
    const { memberId } = await newLink('viewer@example.org', '--as=viewer');
    await newLink('viewer@example.org');
    const tenantId = http.ours.tenantId;
    const member = await http.database.app.withTenant({ tenantId }, (tx) =>
      getMember(tx, memberId),
    );
    expect(member.role).toBe('viewer');
    await expect(command('viewer@example.org', '--as=owner')).rejects.toThrow('the role viewer');
  });

  it.each([
    ['--email=nobody', 'an address of mail'],
    ['--as=king', 'one of owner'],
    ['--tenant=nowhere', 'no tenant named nowhere'],
  ])('%s is refused in words', async (argument, words) => {
    await expect(command('x@example.org', argument)).rejects.toThrow(words);
  });

  it('says it to people too', async () => {
    const output = await command('text@example.org');
    expect(output).toMatch(
      /^login {4}https:\/\/bulkhead\.example\/auth\/link#bkh_ll_\S+\n +\(owner; for one login within 15 minutes\)$/,
    );
  });
});
