import type { FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { isLoopback } from '../domain/origins.js';
import {
  createIdentityProvider,
  deleteIdentityProvider,
  type GroupRole,
  getIdentityProvider,
  listIdentityProviders,
  type IdentityProvider as StoredProvider,
  updateIdentityProvider,
} from '../store/identity-providers.js';
import { audit } from './audit.js';
import { inTenant, readTenant } from './caller.js';
import { clustersFromText } from './cluster-limit.js';
import { checkGrant } from './grants.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { NewProvider, Provider, ProviderChange } from './identity-provider-shapes.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import { callbackUrl } from './oidc-login.js';
import {
  closed,
  Gone,
  Id,
  PageQuery,
  pageFromQuery,
  pageOf,
  pageToJson,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const CLAIMS = {
  email: 'email',
  emailVerified: 'email_verified',
  name: 'name',
  groups: 'groups',
} as const;
const SCOPES = ['openid', 'email', 'profile'];
const SEALED = 'identity-provider';

export function identityProviderRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database, vault, publicUrl } = dependencies;
  const tags = ['identity providers'];
  const params = closed({ providerId: Id });
  const path = '/v1/identity-providers';
  const seal = (secret: string) => vault.seal(SEALED, Buffer.from(secret));
  const providerToJson = (provider: StoredProvider) => ({
    ...toJson(provider),
    redirectUri: callbackUrl(publicUrl, provider.id),
  });

  api.get(
    path,
    {
      schema: {
        operationId: 'listIdentityProviders',
        summary: 'Identity providers, by name, without secrets',
        tags,
        querystring: closed(PageQuery),
        response: { 200: pageOf('IdentityProviderPage', Provider) },
      },
    },
    async (request) => {
      const page = pageFromQuery(request.query);
      return pageToJson(
        await readTenant(database, request, (tx) => listIdentityProviders(tx, page)),
        providerToJson,
      );
    },
  );

  api.post(
    path,
    {
      schema: {
        operationId: 'createIdentityProvider',
        summary: 'Makes an identity provider that people log in with',
        tags,
        headers: IdempotencyHeaders,
        body: NewProvider,
        response: { 201: Provider },
      },
    },
    async (request, reply) => {
      const { clientSecret, claims, groupRoles = [], ...body } = request.body;
      const wanted = {
        scopes: SCOPES,
        groupRoles: groupRolesFrom(groupRoles),
        createMembers: false,
        servesOwners: false,
        ...body,
        claims: { ...CLAIMS, ...claims },
      };
      check(wanted);
      checkMayWrite(request, wanted);
      const provider = await makeOnce(dependencies, request, reply, async (tx) => {
        const row = { ...wanted, clientSecretEncrypted: seal(clientSecret) };
        const made = providerToJson(await createIdentityProvider(tx, row));
        const details = detailsOf(made);
        await audit(tx, request, 'identity-provider.create', made.id, { after: made, details });
        return made;
      });
      setEtag(reply, provider);
      return provider;
    },
  );

  api.get(
    `${path}/:providerId`,
    {
      schema: {
        operationId: 'getIdentityProvider',
        summary: 'One identity provider, without its secret',
        tags,
        params,
        response: { 200: Provider },
      },
    },
    async (request, reply) => {
      const { providerId } = request.params;
      const provider = await readTenant(database, request, (tx) =>
        getIdentityProvider(tx, providerId),
      );
      setEtag(reply, provider);
      return providerToJson(provider);
    },
  );

  api.patch(
    `${path}/:providerId`,
    {
      schema: {
        operationId: 'updateIdentityProvider',
        summary: 'Changes an identity provider; another issuer asks for its secret too',
        tags,
        params,
        headers: IfMatchHeaders,
        body: ProviderChange,
        response: { 200: Provider },
      },
    },
    async (request, reply) => {
      const { providerId } = request.params;
      const { clientSecret, claims, groupRoles, ...body } = request.body;
      const change = {
        ...body,
        ...(groupRoles && { groupRoles: groupRolesFrom(groupRoles) }),
        ...(claims && { claims: { ...CLAIMS, ...claims } }),
        ...(clientSecret !== undefined && { clientSecretEncrypted: seal(clientSecret) }),
      };
      const provider = await inTenant(database, request, async (tx) => {
        let before: unknown;
        const after = await updateIdentityProvider(tx, providerId, change, (current) => {
          checkIfMatch(request, current);
          checkMayWrite(request, current);
          const { defaultRole = current.defaultRole, ...rest } = change;
          const wanted = { ...current, ...rest, defaultRole: defaultRole ?? undefined };
          check(wanted);
          checkMayWrite(request, wanted);
          // Else who may edit could have the secret sent to an address of their own.
          if (wanted.issuer !== current.issuer && clientSecret === undefined) {
            throw new BulkheadError('INVALID_ARGUMENT', 'issuer: another one has another secret');
          }
          before = providerToJson(current);
        });
        const details = { ...detailsOf(after), secretChanged: clientSecret !== undefined };
        await audit(tx, request, 'identity-provider.update', providerId, {
          before,
          after: providerToJson(after),
          details,
        });
        return after;
      });
      setEtag(reply, provider);
      return providerToJson(provider);
    },
  );

  api.delete(
    `${path}/:providerId`,
    {
      schema: {
        operationId: 'deleteIdentityProvider',
        summary: 'Removes an identity provider, and ends the sessions that began with it',
        tags,
        params,
        headers: IfMatchHeaders,
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      const { providerId } = request.params;
      await inTenant(database, request, async (tx) => {
        const removed = await deleteIdentityProvider(tx, providerId, (current) => {
          checkIfMatch(request, current);
          checkMayWrite(request, current);
        });
        await audit(tx, request, 'identity-provider.delete', providerId, {
          before: providerToJson(removed),
          details: detailsOf(removed),
        });
      });
      return reply.code(204).send(undefined);
    },
  );
}

type Wanted = Pick<StoredProvider, 'issuer' | 'scopes' | 'groupRoles' | 'servesOwners'> & {
  readonly defaultRole?: StoredProvider['defaultRole'] | undefined;
};

/** @throws BulkheadError INVALID_ARGUMENT */
function check(wanted: Wanted): void {
  if (!isIssuer(wanted.issuer)) {
    throw new BulkheadError('INVALID_ARGUMENT', 'issuer: an https address without a query');
  }
  if (!wanted.scopes.includes('openid')) {
    throw new BulkheadError('INVALID_ARGUMENT', 'scopes: openid is not among them');
  }
  if (!wanted.servesOwners && grantsOf(wanted).some(({ role }) => role === 'owner')) {
    throw new BulkheadError('INVALID_ARGUMENT', 'servesOwners: is false, but a role is owner');
  }
}

/**
 * Who may write a provider says who anybody is. So what gives a role is written by who may give it,
 * and what lets owners in by owners.
 * @throws BulkheadError PERMISSION_DENIED
 */
function checkMayWrite(request: FastifyRequest, wanted: Wanted): void {
  if (wanted.servesOwners) checkGrant(request, { role: 'owner' });
  for (const grant of grantsOf(wanted)) checkGrant(request, grant);
}

function grantsOf({ groupRoles, defaultRole: role }: Wanted): readonly Omit<GroupRole, 'group'>[] {
  return role ? [...groupRoles, { role }] : groupRoles;
}

/** With their selectors as they are stored. @throws BulkheadError INVALID_ARGUMENT */
function groupRolesFrom(groupRoles: readonly GroupRole[]): readonly GroupRole[] {
  return groupRoles.map(({ clusters = '', ...rest }) => {
    const text = clustersFromText(clusters);
    return { ...rest, ...(text && { clusters: text }) };
  });
}

/** The discovery takes an address below `/.well-known/` for the document itself, whoever it then names. */
function isIssuer(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.username || url.password || url.search || url.hash) return false;
  if (url.pathname.includes('/.well-known/')) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

function detailsOf({
  name,
  issuer,
  servesOwners,
}: Pick<StoredProvider, 'name' | 'issuer' | 'servesOwners'>) {
  return { name, issuer, servesOwners };
}
