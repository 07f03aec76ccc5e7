import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import {
  type ApiKey,
  createApiKey,
  findApiKey,
  listApiKeys,
  ROLES,
  revokeApiKey,
} from '../store/api-keys.js';
import { mayGrant } from './access.js';
import { callerOf, creatorOf, inTenant } from './authentication.js';
import {
  closed,
  Instant,
  instantFromText,
  Name,
  PageQuery,
  pageFromQuery,
  pageToJson,
  TokenId,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const NewApiKey = closed({
  name: Name,
  role: Type.Union(ROLES.map((role) => Type.Literal(role))),
  expiresAt: Type.Optional(Instant),
});

export function apiKeyRoutes(api: Api, { database }: HttpDependencies): void {
  /** Newest first. */
  api.get('/v1/api-keys', { schema: { querystring: closed(PageQuery) } }, async (request) =>
    pageToJson(
      await inTenant(database, request, (tx) => listApiKeys(tx, pageFromQuery(request.query))),
      apiKeyToJson,
    ),
  );

  /** The whole key stands in this answer and nowhere else. */
  api.post('/v1/api-keys', { schema: { body: NewApiKey } }, async (request, reply) => {
    const { name, role, expiresAt } = request.body;
    if (!mayGrant(callerOf(request).role, role)) {
      throw new BulkheadError('PERMISSION_DENIED', `you may not hand out the role ${role}`);
    }
    const ends = expiresAt === undefined ? undefined : instantFromText('expiresAt', expiresAt);
    if (ends && ends.getTime() <= Date.now()) {
      throw new BulkheadError('INVALID_ARGUMENT', 'expiresAt: is past');
    }
    const token = createToken(TOKEN_KINDS.apiKey);
    const key = await inTenant(database, request, (tx) =>
      createApiKey(tx, {
        id: token.id,
        name,
        role,
        secretSha256: hashSecret(token.secret),
        createdBy: creatorOf(request),
        expiresAt: ends,
      }),
    );
    return reply.code(201).send({ ...apiKeyToJson(key), apiKey: token.text });
  });

  api.delete(
    '/v1/api-keys/:keyId',
    { schema: { params: closed({ keyId: TokenId }) } },
    async (request) => {
      const caller = callerOf(request);
      const found = await findApiKey(database, request.params.keyId);
      // Another tenant's key is as unknown as one that never was.
      if (found?.tenantId === caller.tenantId && !mayGrant(caller.role, found.role)) {
        throw new BulkheadError('PERMISSION_DENIED', `you may not revoke a key of ${found.role}`);
      }
      return apiKeyToJson(
        await inTenant(database, request, (tx) => revokeApiKey(tx, request.params.keyId)),
      );
    },
  );
}

function apiKeyToJson({ tenantId: _tenantId, ...key }: ApiKey) {
  return key;
}
