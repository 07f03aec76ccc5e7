import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { createToken, hashSecret, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { loginRefused } from '../domain/logins.js';
import { type OidcChecks, OidcFailure, type OidcProvider } from '../identity/oidc.js';
import {
  getClientSecret,
  getIdentityProvider,
  type IdentityProvider,
  listIdentityProviders,
} from '../store/identity-providers.js';
import {
  createLoginAttempt,
  findLoginAttemptTenant,
  LOGIN_ATTEMPT_MINUTES,
  type LoginAttempt,
  takeLoginAttempt,
} from '../store/login-attempts.js';
import { PAGE_LIMIT_MAX } from '../store/pages.js';
import { findTenantByName } from '../store/tenants.js';
import { html, sendPage } from './auth-pages.js';
import { beginSession, countRefusals, enter } from './begin-session.js';
import { cookiesOf } from './cookies.js';
import { memberFromIdentity } from './member-from-identity.js';
import { returnPath } from './return-to.js';
import { closed, Id, Name } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const SEALED_CHECKS = 'login-attempt';
const SEALED_SECRET = 'identity-provider';
const BROWSER_ID = /^[A-Za-z0-9_-]{43}$/;

/**
 * Another one for each provider (RFC 9700, 4.4.2.2): not every provider says in its answer who it is, and
 * one that sends a browser on to another would be given the code of that one.
 */
export const callbackUrl = (publicUrl: string, providerId: string) =>
  `${publicUrl}/auth/callback/${providerId}`;

/** The way out to an identity provider, and back. */
export function oidcLoginRoutes(api: Api, dependencies: HttpDependencies): void {
  const { metrics } = dependencies;

  api.get(
    '/auth/login',
    {
      schema: {
        hide: true,
        querystring: closed({
          tenant: Type.Optional(Name),
          provider: Type.Optional(Name),
          returnTo: Type.Optional(Type.String({ maxLength: 2048 })),
        }),
      },
    },
    (request, reply) =>
      countRefusals(metrics, 'oidc', async () => {
        const { tenant, provider, returnTo } = request.query;
        const path = returnPath(dependencies.publicUrl, returnTo);
        if (tenant === undefined) return sendTenantPage(reply, path);
        const found = await findProviders(dependencies, tenant);
        const named = found.providers.filter(({ name }) => (provider ?? name) === name);
        const [first, second] = named;
        // One that is not there, and a tenant that is not there, are told alike.
        if (!first) throw loginRefused('no-provider');
        if (second) return sendProvidersPage(reply, tenant, named, path);
        return leave(dependencies, request, reply, { ...found, provider: first, returnTo: path });
      }),
  );

  api.get(
    '/auth/callback/:providerId',
    {
      schema: {
        hide: true,
        params: closed({ providerId: Id }),
        // Providers add what they like; openid-client checks what counts.
        querystring: Type.Object({
          state: Type.Optional(Type.String()),
          code: Type.Optional(Type.String()),
          iss: Type.Optional(Type.String()),
          error: Type.Optional(Type.String()),
        }),
      },
    },
    (request, reply) =>
      countRefusals(metrics, 'oidc', () =>
        comeBack(dependencies, request, { ...request.query, ...request.params }, reply),
      ),
  );
}

async function findProviders({ database }: HttpDependencies, name: string) {
  const tenant = await database.withPlatform((tx) => findTenantByName(tx, name));
  if (!tenant || tenant.suspendedAt) return { tenantId: '', providers: [] };
  const { items } = await database.withTenant({ tenantId: tenant.id }, (tx) =>
    listIdentityProviders(tx, { limit: PAGE_LIMIT_MAX }),
  );
  return { tenantId: tenant.id, providers: items };
}

async function leave(
  { database, vault, oidc, publicUrl }: HttpDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  attempt: {
    readonly tenantId: string;
    readonly provider: IdentityProvider;
    readonly returnTo: string;
  },
): Promise<FastifyReply> {
  const { tenantId, provider, returnTo } = attempt;
  const sealed = await database.withTenant({ tenantId }, (tx) => getClientSecret(tx, provider.id));
  const state = createToken(TOKEN_KINDS.loginState);
  const { url, ...checks } = await oidc
    .begin(oidcProvider(provider, vault.open(SEALED_SECRET, sealed)), {
      redirectUri: callbackUrl(publicUrl, provider.id),
      state: state.text,
    })
    .catch(refuse);
  const { login, options } = cookiesOf(publicUrl);
  // One that the browser has already is kept, so that two logins in two windows both end well.
  const known = request.cookies[login];
  const browser =
    known !== undefined && BROWSER_ID.test(known) ? known : randomBytes(32).toString('base64url');
  await database.withTenant({ tenantId }, (tx) =>
    createLoginAttempt(tx, {
      id: state.id,
      secretSha256: hashSecret(state.secret),
      browserSha256: hashSecret(browser),
      providerId: provider.id,
      checksEncrypted: vault.seal(SEALED_CHECKS, Buffer.from(JSON.stringify(checks))),
      returnTo,
    }),
  );
  reply.setCookie(login, browser, { ...options, maxAge: LOGIN_ATTEMPT_MINUTES * 60 });
  return reply.redirect(url.href, 303);
}

async function comeBack(
  dependencies: HttpDependencies,
  request: FastifyRequest,
  { providerId, state: given = '' }: { readonly providerId: string; readonly state?: string },
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { database, vault, oidc, publicUrl } = dependencies;
  const { state, tenantId, attempt } = await take(dependencies, request, providerId, given);
  const { provider, sealed } = await database.withTenant({ tenantId }, async (tx) => ({
    provider: await getIdentityProvider(tx, providerId),
    sealed: await getClientSecret(tx, providerId),
  }));
  // What sealed it was `leave`.
  const checks = JSON.parse(
    vault.open(SEALED_CHECKS, attempt.checksEncrypted).toString('utf8'),
  ) as OidcChecks;
  const answer = new URL(callbackUrl(publicUrl, providerId));
  answer.search = new URL(request.url, publicUrl).search;
  const identity = await oidc
    .complete(
      oidcProvider(provider, vault.open(SEALED_SECRET, sealed)),
      answer,
      { ...checks, state },
      Object.values(provider.claims),
    )
    .catch(refuse);
  const begun = await database.withTenant({ tenantId }, async (tx) => {
    const member = await memberFromIdentity(tx, request, provider, identity);
    return beginSession(tx, request, member, { begunBy: 'oidc', provider });
  });
  return enter(reply, dependencies, begun, attempt.returnTo);
}

/** @throws BulkheadError LOGIN_REFUSED */
async function take(
  { database, publicUrl }: HttpDependencies,
  request: FastifyRequest,
  providerId: string,
  state: string,
): Promise<{ state: string; tenantId: string; attempt: LoginAttempt }> {
  const token = parseToken(TOKEN_KINDS.loginState, state);
  const tenantId =
    token && (await database.withPlatform((tx) => findLoginAttemptTenant(tx, token.id)));
  const browser = request.cookies[cookiesOf(publicUrl).login];
  if (!token || tenantId === undefined || browser === undefined) {
    throw loginRefused('attempt-unknown');
  }
  const attempt = await database.withTenant({ tenantId }, (tx) =>
    takeLoginAttempt(tx, {
      id: token.id,
      secretSha256: hashSecret(token.secret),
      browserSha256: hashSecret(browser),
      providerId,
    }),
  );
  if (!attempt) throw loginRefused('attempt-unknown');
  if (attempt.isExpired) throw loginRefused('attempt-expired');
  return { state: token.text, tenantId, attempt };
}

function oidcProvider(provider: IdentityProvider, secret: Buffer): OidcProvider {
  const { id, revision, issuer, clientId, scopes } = provider;
  const clientSecret = secret.toString('utf8');
  return { key: `${id} ${revision}`, issuer, clientId, clientSecret, scopes };
}

function refuse(error: unknown): never {
  throw error instanceof OidcFailure ? loginRefused(`provider-${error.reason}`, error) : error;
}

function sendTenantPage(reply: FastifyReply, returnTo: string): FastifyReply {
  return sendPage(
    reply,
    'Log in to Bulkhead',
    html`<form action="/auth/login">
<label>Tenant: <input name="tenant" required maxlength="253" autofocus></label>
<input type="hidden" name="returnTo" value="${returnTo}">
<button>Go on</button>
</form>`,
    'sentOn',
  );
}

function sendProvidersPage(
  reply: FastifyReply,
  tenant: string,
  providers: readonly IdentityProvider[],
  returnTo: string,
): FastifyReply {
  const links = providers.map(({ name }) => {
    const query = new URLSearchParams({ tenant, provider: name, returnTo });
    return html`<li><a href="/auth/login?${query.toString()}">${name}</a></li>`;
  });
  return sendPage(reply, 'Log in to Bulkhead', html`<p>With:</p><ul>${links}</ul>`);
}
