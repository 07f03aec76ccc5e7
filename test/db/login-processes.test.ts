import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import {
  createCertificateAuthority,
  issueServerCertificate,
  loadCertificateAuthority,
} from '../../control-plane/domain/certificates.js';
import { parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import {
  type ControlPlaneProcess,
  newOwnerKey,
  runControlPlane,
  startControlPlane,
} from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startOidcProvider, type TestProvider, type TlsFiles } from '../support/oidc.js';

jest.setTimeout(180_000);

const PUBLIC_URL = 'https://bulkhead.example';

let folder: string;
let database: TestDatabase;
let provider: TestProvider;
let replicas: readonly ControlPlaneProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-login-'));
  database = await createTestDatabase();
  const tls = await newTlsFiles();
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, tls.ca);
  provider = await startOidcProvider(PUBLIC_URL, tls);
  const settings = {
    BULKHEAD_PUBLIC_URL: PUBLIC_URL,
    BULKHEAD_OIDC_PRIVATE: 'true',
    BULKHEAD_LOG_LEVEL: 'trace',
    NODE_EXTRA_CA_CERTS: caFile,
  };
  const start = () => startControlPlane(database.url, settings, ['--role=api']);
  replicas = await Promise.all([start(), start()]);
}, 180_000);

afterAll(async () => {
  for (const replica of replicas) await replica.destroy();
  await provider?.close();
  await database?.close();
  rmSync(folder, { recursive: true });
});

async function newTlsFiles(): Promise<TlsFiles> {
  const ca = await createCertificateAuthority('test', new Date());
  const authority = await loadCertificateAuthority(ca.certificateDer, ca.privateKeyDer);
  const server = await issueServerCertificate(authority, ['127.0.0.1'], new Date());
  const key = createPrivateKey({ key: server.privateKeyDer, format: 'der', type: 'pkcs8' });
  return {
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    cert: new X509Certificate(server.der).toString(),
    ca: new X509Certificate(ca.certificateDer).toString(),
  };
}

const FIRST = 0;
const SECOND = 1;
const ask = (which: number, path: string, init: RequestInit = {}) =>
  fetch(`${replicas[which]?.apiUrl}${path}`, { redirect: 'manual', ...init });

it('two processes share a login and a session, over TLS to the provider, and log no secret of it', async () => {
  const { id: tenantId, name } = await database.newTenant();
  const key = await newOwnerKey(database, tenantId);
  const made = await ask(FIRST, '/v1/identity-providers', {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'corporate',
      issuer: provider.issuer,
      clientId: provider.clientId,
      clientSecret: provider.clientSecret,
      defaultRole: 'operator',
      createMembers: true,
    }),
  });
  expect(made.status).toBe(201);
  provider.accounts.set('somebody', { email: 'somebody@example.org', email_verified: true });

  const left = await ask(FIRST, `/auth/login?tenant=${name}&returnTo=/docs/`);
  expect(left.status).toBe(303);
  const loginCookie = left.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const start = left.headers.get('location') ?? '';
  const back = await provider.newBrowser().logIn(start, 'somebody');
  const entered = await ask(SECOND, `${back.pathname}${back.search}`, {
    headers: { cookie: loginCookie },
  });
  expect([entered.status, entered.headers.get('location')]).toEqual([303, '/docs/']);
  const cookie = entered.headers.getSetCookie()[0]?.split(';')[0] ?? '';

  const session = await ask(FIRST, '/auth/session', { headers: { cookie } });
  const own = (await session.json()) as { readonly csrfToken: string };
  expect(own).toMatchObject({ member: { email: 'somebody@example.org', role: 'operator' } });
  const headers = { cookie, origin: PUBLIC_URL, 'x-bulkhead-csrf': own.csrfToken };
  const out = await ask(FIRST, '/auth/logout', { method: 'POST', headers });
  expect(out.status).toBe(204);
  expect((await ask(SECOND, '/auth/session', { headers: { cookie } })).status).toBe(401);

  const [first, second] = replicas;
  const metrics = await (await fetch(`${second?.operationsUrl}/metrics`)).text();
  expect(metrics).toContain('bulkhead_logins_total{how="oidc",outcome="done"} 1');
  await eventually(() => expect(second?.output).toContain('"code":"UNAUTHENTICATED"'));
  const output = `${first?.output}${second?.output}`;
  const secrets = {
    code: back.searchParams.get('code') ?? '',
    state: parseToken(TOKEN_KINDS.loginState, back.searchParams.get('state') ?? '')?.secret ?? '',
    browser: loginCookie.split('=')[1] ?? '',
    session: parseToken(TOKEN_KINDS.session, cookie.split('=')[1] ?? '')?.secret ?? '',
    csrf: own.csrfToken,
    client: provider.clientSecret,
  };
  for (const [what, secret] of Object.entries(secrets)) {
    expect([what, secret.length > 20]).toEqual([what, true]);
    expect([what, output.includes(secret)]).toEqual([what, false]);
  }
});

it('a link from the command line lets somebody in, and no log has it', async () => {
  const { name } = await database.newTenant();
  const args = ['create-login-link', `--tenant=${name}`, '--email=first@example.org', '--json'];
  const settings = { BULKHEAD_PUBLIC_URL: PUBLIC_URL };
  const { code, output } = await runControlPlane(database.url, settings, args);
  expect(code).toBe(0);
  const { link }: { link: string } = JSON.parse(output);
  const token = new URL(link).hash.slice(1);
  const use = () =>
    ask(FIRST, '/auth/link', {
      method: 'POST',
      headers: { origin: PUBLIC_URL },
      body: new URLSearchParams({ token }),
    });
  expect((await use()).status).toBe(303);
  expect((await use()).status).toBe(403);
  await eventually(() => expect(replicas[FIRST]?.output).toContain('"login":"link-unknown"'));
  const secret = parseToken(TOKEN_KINDS.loginLink, token)?.secret ?? token;
  expect(replicas[FIRST]?.output).not.toContain(secret);
  const metrics = await (await fetch(`${replicas[FIRST]?.operationsUrl}/metrics`)).text();
  expect(metrics).toContain('bulkhead_logins_total{how="login-link",outcome="link-unknown"} 1');
});
