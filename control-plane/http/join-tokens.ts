import { Type } from 'typebox';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { getCluster } from '../store/clusters.js';
import { revokeNodesOfToken } from '../store/join-redemptions.js';
import {
  createJoinToken,
  getJoinToken,
  JOIN_TOKEN_STATES,
  listJoinTokens,
  revokeJoinToken,
} from '../store/join-tokens.js';
import { audit } from './audit.js';
import { creatorOf, inTenant, readTenant } from './caller.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import {
  closed,
  filterFromQuery,
  Id,
  Instant,
  Labels,
  oneOf,
  PageQuery,
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
  state: oneOf(JOIN_TOKEN_STATES),
  maxUses: Type.Integer(),
  uses: Type.Integer(),
  lastUsedAt: Type.Optional(Instant),
  labels: Labels,
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
  labels: Type.Optional(
    Type.Unsafe<Record<string, string>>({
      ...Labels,
      description: 'Of the nodes that join with it.',
    }),
  ),
});
const RevokedJoinToken = Type.Object(
  {
    ...PROPERTIES,
    revokedNodes: Type.Optional(
      Type.Integer({ description: 'How many nodes were revoked with it.' }),
    ),
  },
  { title: 'RevokedJoinToken' },
);
const State = Type.Optional(oneOf(JOIN_TOKEN_STATES));

export function joinTokenRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database, caPin } = dependencies;
  const tags = ['join tokens'];
  const params = closed({ clusterId: Id });
  const path = '/v1/clusters/:clusterId/join-tokens';

  api.get(
    '/v1/join-tokens',
    {
      schema: {
        operationId: 'listAllJoinTokens',
        summary: 'Join tokens of all clusters, newest first, without secrets',
        tags,
        querystring: closed({ ...PageQuery, clusterId: Type.Optional(Id), state: State }),
        response: { 200: pageOf('JoinTokenPage', JoinToken) },
      },
    },
    async (request) => {
      const filter = filterFromQuery(request.query);
      const page = await readTenant(database, request, (tx) => listJoinTokens(tx, filter));
      return pageToJson(page, toJson);
    },
  );

  api.get(
    path,
    {
      schema: {
        operationId: 'listJoinTokens',
        summary: 'Join tokens of a cluster, newest first, without secrets',
        tags,
        params,
        querystring: closed({ ...PageQuery, state: State }),
        response: { 200: pageOf('JoinTokenPage', JoinToken) },
      },
    },
    async (request) => {
      const page = await inTenant(database, request, async (tx) => {
        const { id: clusterId } = await getCluster(tx, request.params.clusterId);
        return listJoinTokens(tx, { ...filterFromQuery(request.query), clusterId });
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
        const { ttlMinutes, maxUses, labels } = request.body;
        const made = await createJoinToken(tx, {
          id: token.id,
          clusterId: request.params.clusterId,
          secretSha256: hashSecret(token.secret),
          createdBy: creatorOf(request),
          maxUses,
          labels,
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
        summary: 'Revokes a join token, and with `revokeNodes` the nodes that joined with it',
        tags,
        params: closed({ tokenId: TokenId }),
        querystring: closed({ revokeNodes: Type.Optional(oneOf(['true', 'false'])) }),
        response: { 200: RevokedJoinToken },
      },
    },
    (request) => {
      const withNodes = request.query.revokeNodes === 'true';
      return inTenant(database, request, async (tx) => {
        const { tokenId } = request.params;
        const before = toJson(await getJoinToken(tx, tokenId));
        const after = toJson(await revokeJoinToken(tx, tokenId));
        const nodes = withNodes ? { revokedNodes: await revokeNodesOfToken(tx, tokenId) } : {};
        const details = { clusterId: after.clusterId, ...nodes };
        await audit(tx, request, 'join-token.revoke', tokenId, { before, after, details });
        return { ...after, ...nodes };
      });
    },
  );
}
