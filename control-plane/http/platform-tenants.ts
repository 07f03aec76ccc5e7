import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { createApiKey } from '../store/api-keys.js';
import { createMember } from '../store/members.js';
import {
  ensureTenant,
  getTenantById,
  listTenants,
  type Tenant,
  updateTenant,
} from '../store/tenants.js';
import type { TenantTx } from '../store/transaction.js';
import { audit } from './audit.js';
import { creatorOf } from './caller.js';
import { IdempotencyHeaders, makeOnceIn } from './idempotency.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import { Email, Member } from './members.js';
import {
  closed,
  filterFromQuery,
  Id,
  Instant,
  Name,
  NamePrefix,
  PageQuery,
  pageOf,
  pageToJson,
  Revision,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const PROPERTIES = {
  id: Id,
  name: Type.String(),
  createdAt: Instant,
  suspendedAt: Type.Optional(Instant),
  revision: Revision,
};
const PlatformTenant = Type.Object(PROPERTIES, { title: 'PlatformTenant' });
const CreatedTenant = Type.Object(
  {
    ...PROPERTIES,
    owner: Type.Optional(Member),
    apiKey: Type.Optional(
      Type.String({ description: 'Of an owner. Stands in this answer and nowhere else.' }),
    ),
  },
  { title: 'CreatedTenant' },
);
const TenantQuery = closed({ ...PageQuery, namePrefix: NamePrefix });
const NewTenant = closed({
  name: Name,
  owner: Type.Optional(
    Type.Object(
      { email: Email, displayName: Name },
      { additionalProperties: false, description: 'Who owns it; absent: an API key does.' },
    ),
  ),
});
const TenantChange = closed({
  name: Type.Optional(Name),
  suspended: Type.Optional(
    Type.Boolean({
      description: 'Keys and members are refused, and joins; nodes run on with their policies.',
    }),
  ),
});

export function platformTenantRoutes(api: Api, { database, vault }: HttpDependencies): void {
  const tags = ['platform'];
  const params = closed({ tenantId: Id });

  api.get(
    '/v1/platform/tenants',
    {
      schema: {
        operationId: 'listTenants',
        summary: 'Tenants, by name',
        tags,
        querystring: TenantQuery,
        response: { 200: pageOf('PlatformTenantPage', PlatformTenant) },
      },
    },
    async (request) => {
      const filter = filterFromQuery(request.query);
      return pageToJson(await database.withPlatform((tx) => listTenants(tx, filter)), toJson);
    },
  );

  api.post(
    '/v1/platform/tenants',
    {
      schema: {
        operationId: 'createTenant',
        summary: 'Makes a tenant, with its first owner',
        tags,
        headers: IdempotencyHeaders,
        body: NewTenant,
        response: { 201: CreatedTenant },
      },
    },
    async (request, reply) => {
      const { name, owner } = request.body;
      const answer = await database.withPlatform(async (platform) => {
        const { tenant, isNew } = await ensureTenant(platform, name);
        // The answer to a former request is kept with the tenant that it made.
        return platform.asTenant(tenant.id, (tx) =>
          makeOnceIn(tx, vault, request, reply, async () => {
            if (!isNew) throw new BulkheadError('CONFLICT');
            const made = toJson(tenant);
            const first = owner ? await ownerOf(tx, owner) : await ownersKey(tx, request);
            await audit(tx, request, 'tenant.create', tenant.id, {
              after: made,
              details: { name },
            });
            return { ...made, ...first };
          }),
        );
      });
      setEtag(reply, answer);
      return answer;
    },
  );

  api.get(
    '/v1/platform/tenants/:tenantId',
    {
      schema: {
        operationId: 'getAnyTenant',
        summary: 'One tenant',
        tags,
        params,
        response: { 200: PlatformTenant },
      },
    },
    async (request, reply) => {
      const { tenantId } = request.params;
      const tenant = await database.withPlatform((tx) => getTenantById(tx, tenantId));
      setEtag(reply, tenant);
      return toJson(tenant);
    },
  );

  api.patch(
    '/v1/platform/tenants/:tenantId',
    {
      schema: {
        operationId: 'updateTenant',
        summary: 'Changes the name of a tenant; suspends it, or lets it go on',
        tags,
        params,
        headers: IfMatchHeaders,
        body: TenantChange,
        response: { 200: PlatformTenant },
      },
    },
    async (request, reply) => {
      const { tenantId } = request.params;
      const tenant = await database.withPlatform(async (platform) => {
        let before: Tenant | undefined;
        const after = await updateTenant(platform, tenantId, request.body, (current) => {
          checkIfMatch(request, current);
          before = current;
        });
        await platform.asTenant(tenantId, (tx) =>
          audit(tx, request, 'tenant.update', tenantId, {
            before: toJson(before),
            after: toJson(after),
            details: { name: after.name, suspended: after.suspendedAt !== undefined },
          }),
        );
        return after;
      });
      setEtag(reply, tenant);
      return toJson(tenant);
    },
  );
}

async function ownerOf(
  tx: TenantTx,
  owner: { readonly email: string; readonly displayName: string },
) {
  return { owner: toJson(await createMember(tx, { ...owner, role: 'owner' })) };
}

async function ownersKey(tx: TenantTx, request: FastifyRequest) {
  const token = createToken(TOKEN_KINDS.apiKey);
  await createApiKey(tx, {
    id: token.id,
    name: 'first key',
    role: 'owner',
    secretSha256: hashSecret(token.secret),
    createdBy: creatorOf(request),
  });
  return { apiKey: token.text };
}
