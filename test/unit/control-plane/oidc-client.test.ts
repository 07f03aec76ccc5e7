import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createOidcClient,
  type OidcClient,
  OidcFailure,
  type OidcProvider,
} from '../../../control-plane/identity/oidc.js';
import { type FakeIssuer, type Misbehaviour, startFakeIssuer } from '../../fakes/oidc-issuer.js';

const REDIRECT_URI = 'https://bulkhead.example/auth/callback';

let issuer: FakeIssuer;
let client: OidcClient;
let revision = 0;

beforeAll(async () => {
  issuer = await startFakeIssuer('bulkhead');
});

afterAll(() => issuer?.close());

beforeEach(() => {
  client = createOidcClient({ allowPrivateAddresses: true });
  issuer.misbehave({});
  issuer.requests.length = 0;
  revision += 1;
});

afterEach(() => client.close());

const provider = (more: Partial<OidcProvider> = {}): OidcProvider => ({
  key: `provider ${revision}`,
  issuer: issuer.issuer,
  clientId: 'bulkhead',
  clientSecret: 'hunter2:/?',
  scopes: ['openid'],
  ...more,
});
const begin = (of = provider()) => client.begin(of, { redirectUri: REDIRECT_URI, state: 'state' });
const complete = (wanted: readonly string[] = [], query = 'code=c&state=state') =>
  client.complete(
    provider(),
    new URL(`${REDIRECT_URI}?${query}`),
    { state: 'state', nonce: 'nonce', codeVerifier: 'v'.repeat(43) },
    wanted,
  );

async function failureOf(call: Promise<unknown>): Promise<OidcFailure> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OidcFailure)) throw new Error(`no failure: ${String(error)}`);
  return error;
}

describe('an answer', () => {
  it('that holds says who somebody is', async () => {
    const { subject, issuer: said, claims } = await complete();
    expect([said, subject]).toEqual([issuer.issuer, 'sub']);
    expect(claims).not.toHaveProperty('email');
    expect(issuer.requests.map(({ line }) => line)).not.toContain('GET /userinfo');
  });

  it('is completed from the user info, which does not overrule the signed claims', async () => {
    issuer.misbehave({ claims: { email: 'token@example.org' } });
    const { claims } = await complete(['email', 'groups']);
    expect(claims).toMatchObject({ email: 'token@example.org', groups: ['info'] });
  });

  const now = Math.floor(Date.now() / 1000);
  it.each<[string, Misbehaviour, RegExp]>([
    ['signed with another key', { foreignKey: true }, /signature/],
    ['for another client', { claims: { aud: 'other' } }, /"aud"/],
    [
      'for several clients, not issued to us',
      { claims: { aud: ['bulkhead', 'x'], azp: 'x' } },
      /azp/,
    ],
    ['of another issuer', { claims: { iss: 'https://evil.example' } }, /"iss"/],
    ['with another nonce', { claims: { nonce: 'other' } }, /nonce/],
    ['without a nonce', { claims: { nonce: undefined } }, /nonce/],
    ['that is past its time', { claims: { exp: now - 600 } }, /"exp"/],
    ['without a subject', { claims: { sub: undefined } }, /sub/],
    ['with an endless subject', { claims: { sub: 'a'.repeat(256) } }, /sub/],
    ['with a subject that is no text', { claims: { sub: 'a\u0000' } }, /sub/],
    [
      'whose user info is of somebody else',
      { raw: { '/userinfo': { body: '{"sub":"other","email":"x@example.org"}' } } },
      /subject|sub/,
    ],
    [
      'without an ID token',
      { raw: { '/token': { body: '{"access_token":"a","token_type":"Bearer"}' } } },
      /id_token/,
    ],
    [
      'whose ID token is not signed at all',
      {
        raw: {
          '/token': {
            body: JSON.stringify({
              access_token: 'a',
              token_type: 'Bearer',
              id_token: `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(
                JSON.stringify({
                  sub: 'sub',
                  aud: 'bulkhead',
                  nonce: 'nonce',
                  iat: now,
                  exp: now + 60,
                }),
              ).toString('base64url')}.`,
            }),
          },
        },
      },
      /alg/,
    ],
    ['that is no JSON', { raw: { '/token': { body: '<html>' } } }, /./],
    [
      'that is an error',
      { raw: { '/token': { status: 400, body: '{"error":"invalid_grant"}' } } },
      /invalid_grant/,
    ],
  ])('%s does not hold', async (_what, how, text) => {
    issuer.misbehave(how);
    const failure = await failureOf(complete(['email']));
    expect([failure.reason, failure.message]).toEqual(['invalid', expect.stringMatching(text)]);
  });

  it.each([
    ['an error of the provider', 'error=access_denied&state=state', 'denied', /access_denied/],
    ['an error with another state', 'error=access_denied&state=other', 'invalid', /"state"/],
    ['another state', 'code=c&state=other', 'invalid', /"state"/],
    [
      'the name of another issuer',
      'code=c&state=state&iss=https%3A%2F%2Fevil.example',
      'invalid',
      /"iss"/,
    ],
    ['two codes', 'code=c&code=d&state=state', 'invalid', /./],
  ])('with %s is refused', async (_what, query, reason, text) => {
    const failure = await failureOf(complete([], query));
    expect([failure.reason, failure.message]).toEqual([reason, expect.stringMatching(text)]);
  });

  it('leaves nothing of itself in the text of a failure', async () => {
    issuer.misbehave({ claims: { aud: 'other', email: 'private@example.org' } });
    const failure = await failureOf(complete());
    const text = JSON.stringify(failure, Object.getOwnPropertyNames(failure));
    expect(text).not.toMatch(/private@|eyJ|access-token|hunter2/);
    expect(failure.cause).toBeUndefined();
  });
});

describe('a provider', () => {
  it.each([
    [['client_secret_basic', 'client_secret_post'], true],
    [['client_secret_post'], false],
    [undefined, true],
  ])('that takes %j is told the secret so', async (methods, basic) => {
    issuer.misbehave({ metadata: { token_endpoint_auth_methods_supported: methods } });
    await complete();
    const asked = issuer.requests.find(({ line }) => line === 'POST /token');
    expect(asked?.authorization.startsWith('Basic ')).toBe(basic);
    expect(asked?.body.includes('client_secret')).toBe(!basic);
    expect(asked?.body).toContain(`code_verifier=${'v'.repeat(43)}`);
  });

  it('is asked once for its metadata, and again under another key', async () => {
    await begin();
    await complete();
    await begin();
    const asked = () =>
      issuer.requests.filter(({ line }) => line.includes('openid-configuration')).length;
    expect(asked()).toBe(1);
    await begin(provider({ key: 'edited' }));
    expect(asked()).toBe(2);
  });

  const HUGE = { body: `{"x":"${'x'.repeat(2 * 1024 * 1024)}"}` };
  const CONFIGURATION = '/.well-known/openid-configuration';
  it.each<[string, Misbehaviour]>([
    ['whose metadata name another issuer', { metadata: { issuer: 'https://accounts.example' } }],
    ['whose answer is too large', { raw: { [CONFIGURATION]: HUGE } }],
    [
      'that leads elsewhere',
      { raw: { [CONFIGURATION]: { status: 302, headers: { location: '/keys' } } } },
    ],
    [
      'whose login page is a script',
      { metadata: { authorization_endpoint: 'javascript:alert(1)' } },
    ],
    [
      'whose login page is without TLS',
      { metadata: { authorization_endpoint: 'http://example.com/' } },
    ],
    ['without a login page', { metadata: { authorization_endpoint: undefined } }],
    ['that answers with a failure', { raw: { [CONFIGURATION]: { status: 500 } } }],
  ])('%s is none', async (_what, how) => {
    issuer.misbehave(how);
    expect((await failureOf(begin())).reason).toBe('unreachable');
    expect(issuer.requests.map(({ line }) => line)).toEqual([`GET ${CONFIGURATION}`]);
  });

  it.each([
    ['keys', { jwks_uri: 'http://example.com/keys' }],
    ['tokens', { token_endpoint: 'http://example.com/token' }],
    ['keys where nobody answers', { jwks_uri: 'https://127.0.0.1:1/keys' }],
  ])('is not asked without TLS or beyond reach for its %s', async (_what, metadata) => {
    issuer.misbehave({ metadata });
    expect((await failureOf(complete())).reason).toBe('unreachable');
  });
});

describe('without private addresses', () => {
  beforeEach(async () => {
    await client.close();
    client = createOidcClient({ allowPrivateAddresses: false });
  });

  it.each([
    ['plain HTTP', () => issuer.issuer],
    ['plain HTTP elsewhere', () => 'http://example.com'],
    ['loopback', () => issuer.issuer.replace('http:', 'https:')],
    ['a private address', () => 'https://10.0.0.1'],
    ['the metadata of a cloud', () => 'https://169.254.169.254'],
    ['an odd spelling of loopback', () => 'https://0x7f.1'],
    [
      'a name that means loopback',
      () => issuer.issuer.replace('http://127.0.0.1', 'https://localhost'),
    ],
  ])('nobody is asked at %s', async (_what, address) => {
    const failure = await failureOf(begin(provider({ issuer: address() })));
    expect(failure.reason).toBe('unreachable');
    expect(failure.message).toMatch(/begins with https|is not a public one/);
    expect(issuer.requests).toEqual([]);
  });
});
