import { Type } from 'typebox';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { getCluster } from '../store/clusters.js';
import {
  createJoinToken,
  getJoinToken,
  listJoinTokens,
  revokeJoinToken,
} from '../store/join-tokens.js';
import { audit } from './audit.js';
import { creatorOf, inTenant } from './caller.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import {
  closed,
  Id,
  Instant,
  PageQuery,
  pageFromQuery,
  pageOf,
  pageToJson,
  TokenId,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const WEEK_MINUTES = 7 * 24 * 60;

const PROPERTIES = {
  id: TokenId,
  clusterId: Id,
  maxUses: Type.Integer(),
  uses: Type.Integer(),
  createdBy: Type.String(),
  createdAt: Instant,
  expiresAt: Instant,
  revokedAt: Type.Optional(Instant),
};
const JoinToken = Type.Object(PROPERTIES, { title: 'JoinToken' });
const IssuedJoinToken = Type.Object(
  {
    ...PROPERTIES,
    token: Type.String({ description: 'Stands in this answer and nowhere else.' }),
    caPin: Type.String({
      description:
        'What an agent holds the certificate authority against; while it is changed two, with a comma.',
    }),
  },
  { title: 'IssuedJoinToken' },
);
const NewJoinToken = closed({
  ttlMinutes: Type.Optional(
    Type.Integer({ minimum: 1, maximum: WEEK_MINUTES, description: 'Default 1440: a day.' }),
  ),
  maxUses: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'Default 1.' })),
});

export function joinTokenRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database, caPin } = dependencies;
  const tags = ['join tokens'];
  const params = closed({ clusterId: Id });
  const path = '/v1/clusters/:clusterId/join-tokens';

  api.get(
    path,
    {
      schema: {
        operationId: 'listJoinTokens',
        summary: 'Join tokens of a cluster, newest first, without secrets',
        tags,
        params,
        querystring: closed(PageQuery),
        response: { 200: pageOf('JoinTokenPage', JoinToken) },
      },
    },
    async (request) => {
      const page = await inTenant(database, request, async (tx) => {
        const { id: clusterId } = await getCluster(tx, request.params.clusterId);
        return listJoinTokens(tx, { ...pageFromQuery(request.query), clusterId });
      });
      return pageToJson(page, toJson);
    },
  );

  api.post(
    path,
    {
      schema: {
        operationId: 'createJoinToken',
        summary: 'Makes a join token; the token and the CA pin stand in this answer only',
        tags,
        params,
        headers: IdempotencyHeaders,
        body: NewJoinToken,
        response: { 201: IssuedJoinToken },
      },
    },
    (request, reply) =>
      makeOnce(dependencies, request, reply, async (tx) => {
        const token = createToken(TOKEN_KINDS.join);
        const { ttlMinutes, maxUses } = request.body;
        const made = await createJoinToken(tx, {
          id: token.id,
          clusterId: request.params.clusterId,
          secretSha256: hashSecret(token.secret),
          createdBy: creatorOf(request),
          maxUses,
          expiresAt: ttlMinutes ? new Date(Date.now() + ttlMinutes * 60_000) : undefined,
        });
        const after = toJson(made);
        const details = { clusterId: made.clusterId };
        await audit(tx, request, 'join-token.create', made.id, { after, details });
        return { ...after, token: token.text, caPin: caPin() };
      }),
  );

  api.delete(
    '/v1/join-tokens/:tokenId',
    {
      schema: {
        operationId: 'revokeJoinToken',
        summary: 'Revokes a join token',
        tags,
        params: closed({ tokenId: TokenId }),
        response: { 200: JoinToken },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { tokenId } = request.params;
        const before = toJson(await getJoinToken(tx, tokenId));
        const after = toJson(await revokeJoinToken(tx, tokenId));
        const details = { clusterId: after.clusterId };
        await audit(tx, request, 'join-token.revoke', tokenId, { before, after, details });
        return after;
      }),
  );
}
