import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import {
  type ApiKeyCredential,
  createApiKey,
  findApiKey,
  listApiKeys,
  ROLES,
  revokeApiKey,
  type ApiKey as StoredKey,
} from '../store/api-keys.js';
import { audit } from './audit.js';
import { callerOf, creatorOf, inTenant, readTenant } from './caller.js';
import { clustersFromText } from './cluster-limit.js';
import { checkGrant } from './grants.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import {
  closed,
  filterFromQuery,
  Instant,
  instantFromText,
  Name,
  NamePrefix,
  oneOf,
  PageQuery,
  pageOf,
  pageToJson,
  SelectorText,
  TokenId,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const DAY_MS = 86_400_000;

const Role = oneOf(ROLES);
const PROPERTIES = {
  id: TokenId,
  name: Type.String(),
  role: Role,
  clusters: Type.Optional(SelectorText),
  createdBy: Type.String(),
  createdAt: Instant,
  expiresAt: Type.Optional(Instant),
  revokedAt: Type.Optional(Instant),
  lastUsedAt: Type.Optional(Instant),
};
const ApiKey = Type.Object(PROPERTIES, { title: 'ApiKey' });
const IssuedApiKey = Type.Object(
  {
    ...PROPERTIES,
    apiKey: Type.String({ description: 'Stands in this answer and nowhere else.' }),
  },
  { title: 'IssuedApiKey' },
);
const ApiKeyQuery = closed({
  ...PageQuery,
  role: Type.Optional(Role),
  namePrefix: NamePrefix,
});
const NewApiKey = closed({
  name: Name,
  role: Role,
  clusters: Type.Optional(SelectorText),
  expiresAt: Type.Optional(Instant),
});

export function apiKeyRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database, apiKeyMaxDays = 0 } = dependencies;
  const tags = ['API keys'];

  api.get(
    '/v1/api-keys',
    {
      schema: {
        operationId: 'listApiKeys',
        summary: 'API keys, newest first, without secrets',
        tags,
        querystring: ApiKeyQuery,
        response: { 200: pageOf('ApiKeyPage', ApiKey) },
      },
    },
    async (request) => {
      const filter = filterFromQuery(request.query);
      const page = await readTenant(database, request, (tx) => listApiKeys(tx, filter));
      return pageToJson(page, apiKeyToJson);
    },
  );

  api.post(
    '/v1/api-keys',
    {
      schema: {
        operationId: 'createApiKey',
        summary: 'Makes an API key; the whole key stands in this answer only',
        tags,
        headers: IdempotencyHeaders,
        body: NewApiKey,
        response: { 201: IssuedApiKey },
      },
    },
    (request, reply) => {
      const { name, role, expiresAt } = request.body;
      const clusters = clustersFromText(request.body.clusters ?? '') || undefined;
      checkGrant(request, { role, clusters });
      const ends = expiryOf(expiresAt, apiKeyMaxDays);
      return makeOnce(dependencies, request, reply, async (tx) => {
        const token = createToken(TOKEN_KINDS.apiKey);
        const key = await createApiKey(tx, {
          id: token.id,
          name,
          role,
          clusters,
          secretSha256: hashSecret(token.secret),
          createdBy: creatorOf(request),
          expiresAt: ends,
        });
        const after = apiKeyToJson(key);
        const details = { name, role, ...(clusters && { clusters }) };
        await audit(tx, request, 'api-key.create', key.id, { after, details });
        return { ...after, apiKey: token.text };
      });
    },
  );

  api.delete(
    '/v1/api-keys/:keyId',
    {
      schema: {
        operationId: 'revokeApiKey',
        summary: 'Revokes an API key',
        tags,
        params: closed({ keyId: TokenId }),
        response: { 200: ApiKey },
      },
    },
    async (request) => {
      const found = await findApiKey(database, request.params.keyId);
      // Another tenant's key is as unknown as one that never was.
      if (found?.tenantId === callerOf(request).tenantId) checkGrant(request, found);
      return inTenant(database, request, async (tx) => {
        const { keyId } = request.params;
        const after = apiKeyToJson(await revokeApiKey(tx, keyId));
        const before = found && apiKeyToJson(withoutSecret(found));
        const details = { name: after.name, role: after.role };
        await audit(tx, request, 'api-key.revoke', keyId, { before, after, details });
        return after;
      });
    },
  );
}

/** @throws BulkheadError INVALID_ARGUMENT */
function expiryOf(text: string | undefined, maxDays: number): Date | undefined {
  const latest = maxDays > 0 ? new Date(Date.now() + maxDays * DAY_MS) : undefined;
  if (text === undefined) return latest;
  const ends = instantFromText('expiresAt', text);
  if (ends.getTime() <= Date.now()) {
    throw new BulkheadError('INVALID_ARGUMENT', 'expiresAt: is past');
  }
  if (latest && ends > latest) {
    throw new BulkheadError('INVALID_ARGUMENT', `expiresAt: at most ${maxDays} days from now`);
  }
  return ends;
}

function withoutSecret(credential: ApiKeyCredential): StoredKey {
  const { secretSha256: _secretSha256, tenantSuspendedAt: _suspendedAt, ...key } = credential;
  return key;
}

function apiKeyToJson({ tenantId: _tenantId, ...key }: StoredKey) {
  return toJson(key);
}
