import { Type } from 'typebox';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { getCluster } from '../store/clusters.js';
import { createJoinToken, listJoinTokens, revokeJoinToken } from '../store/join-tokens.js';
import { creatorOf, inTenant } from './authentication.js';
import { closed, Id, PageQuery, pageFromQuery, TokenId } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const WEEK_MINUTES = 7 * 24 * 60;

const NewJoinToken = closed({
  /** Default 1440: a day. */
  ttlMinutes: Type.Optional(Type.Integer({ minimum: 1, maximum: WEEK_MINUTES })),
  /** Default 1. */
  maxUses: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
});

export function joinTokenRoutes(api: Api, { database, caPin }: HttpDependencies): void {
  const params = closed({ clusterId: Id });
  const path = '/v1/clusters/:clusterId/join-tokens';

  api.get(path, { schema: { params, querystring: closed(PageQuery) } }, (request) =>
    inTenant(database, request, async (tx) => {
      const { id: clusterId } = await getCluster(tx, request.params.clusterId);
      return listJoinTokens(tx, { ...pageFromQuery(request.query), clusterId });
    }),
  );

  /** The whole token stands in this answer and nowhere else. */
  api.post(path, { schema: { params, body: NewJoinToken } }, async (request, reply) => {
    const token = createToken(TOKEN_KINDS.join);
    const { ttlMinutes, maxUses } = request.body;
    const made = await inTenant(database, request, (tx) =>
      createJoinToken(tx, {
        id: token.id,
        clusterId: request.params.clusterId,
        secretSha256: hashSecret(token.secret),
        createdBy: creatorOf(request),
        maxUses,
        expiresAt: ttlMinutes ? new Date(Date.now() + ttlMinutes * 60_000) : undefined,
      }),
    );
    return reply.code(201).send({ ...made, token: token.text, caPin });
  });

  api.delete(
    '/v1/join-tokens/:tokenId',
    { schema: { params: closed({ tokenId: TokenId }) } },
    (request) => inTenant(database, request, (tx) => revokeJoinToken(tx, request.params.tokenId)),
  );
}
