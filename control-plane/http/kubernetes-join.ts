import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import {
  deleteKubernetesJoin,
  getKubernetesJoin,
  putKubernetesJoin,
  type KubernetesJoin as StoredJoin,
} from '../store/kubernetes-joins.js';
import { audit } from './audit.js';
import { creatorOf, inTenant, readTenant } from './caller.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import { closed, Gone, Id, Instant, Labels, NO_CONTROLS, Revision, toJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const DEFAULT_AUDIENCE = 'bulkhead';

const Parameter = Type.Optional(Type.String({ maxLength: 2048, pattern: '^[\\x21-\\x7e]*$' }));
/** Closed, so that a private key is refused by its parameters and never stored. */
const Jwk = closed({
  kty: Type.String({ pattern: '^(RSA|EC)$' }),
  use: Parameter,
  alg: Parameter,
  kid: Parameter,
  n: Parameter,
  e: Parameter,
  crv: Parameter,
  x: Parameter,
  y: Parameter,
});
const Jwks = Type.Object(
  { keys: Type.Array(Jwk, { minItems: 1, maxItems: 16 }) },
  {
    additionalProperties: false,
    description: "The API server's public keys: `kubectl get --raw /openid/v1/jwks`.",
  },
);
const Text = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: NO_CONTROLS });
const SETTINGS = {
  issuer: Type.Unsafe<string>({
    ...Text(512),
    description:
      '`issuer` of `kubectl get --raw /.well-known/openid-configuration`, letter by letter.',
  }),
  jwks: Jwks,
  namespace: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }),
  serviceAccount: Type.String({ pattern: '^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$' }),
};

const KubernetesJoin = Type.Object(
  {
    clusterId: Id,
    ...SETTINGS,
    audience: Type.String(),
    labels: Labels,
    createdBy: Type.String(),
    createdAt: Instant,
    revision: Revision,
  },
  { title: 'KubernetesJoin' },
);
const NewKubernetesJoin = closed({
  ...SETTINGS,
  audience: Type.Optional(
    Type.Unsafe<string>({ ...Text(253), description: `Default ${DEFAULT_AUDIENCE}.` }),
  ),
  labels: Type.Optional(
    Type.Unsafe<Record<string, string>>({
      ...Labels,
      description: 'Of the nodes that join so.',
    }),
  ),
});

export function kubernetesJoinRoutes(api: Api, { database }: HttpDependencies): void {
  const path = '/v1/clusters/:clusterId/kubernetes-join';
  const tags = ['kubernetes join'];
  const params = closed({ clusterId: Id });

  api.get(
    path,
    {
      schema: {
        operationId: 'getKubernetesJoin',
        summary: "With which service account's tokens the agents of a cluster join",
        tags,
        params,
        response: { 200: KubernetesJoin },
      },
    },
    async (request, reply) => {
      const { clusterId } = request.params;
      const join = await readTenant(database, request, (tx) => getKubernetesJoin(tx, clusterId));
      setEtag(reply, join);
      return joinToJson(join);
    },
  );

  api.put(
    path,
    {
      schema: {
        operationId: 'putKubernetesJoin',
        summary: "Lets agents join a cluster with tokens of their pod's service account",
        tags,
        params,
        headers: IfMatchHeaders,
        body: NewKubernetesJoin,
        response: { 200: KubernetesJoin },
      },
    },
    async (request, reply) => {
      const { clusterId } = request.params;
      const { audience = DEFAULT_AUDIENCE, labels = {}, jwks, ...rest } = request.body;
      const { checkJwks } = await import('../domain/service-account-token.js');
      await checkJwks(jwks);
      const join = await inTenant(database, request, async (tx) => {
        let before: unknown;
        const row = {
          ...rest,
          clusterId,
          audience,
          labels,
          jwks,
          createdBy: creatorOf(request),
        };
        const after = await putKubernetesJoin(tx, row, (current) => {
          checkCurrent(request, current);
          before = current && joinToJson(current);
        });
        const details = detailsOf(after);
        await audit(tx, request, 'kubernetes-join.put', clusterId, {
          before,
          after: joinToJson(after),
          details,
        });
        return after;
      });
      setEtag(reply, join);
      return joinToJson(join);
    },
  );

  api.delete(
    path,
    {
      schema: {
        operationId: 'deleteKubernetesJoin',
        summary: 'Takes no service account tokens any more; nodes that joined with one stay',
        tags,
        params,
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      const { clusterId } = request.params;
      await inTenant(database, request, async (tx) => {
        const join = await getKubernetesJoin(tx, clusterId);
        await deleteKubernetesJoin(tx, clusterId);
        const before = joinToJson(join);
        const details = detailsOf(join);
        await audit(tx, request, 'kubernetes-join.delete', clusterId, { before, details });
      });
      return reply.code(204).send(undefined);
    },
  );
}

/** RFC 9110, 13.1.1: where there is nothing no tag fits. */
function checkCurrent(request: FastifyRequest, current: StoredJoin | undefined): void {
  if (current) checkIfMatch(request, current);
  else if (request.headers['if-match'] !== undefined)
    throw new BulkheadError('PRECONDITION_FAILED');
}

function detailsOf({ issuer, namespace, serviceAccount, jwks }: StoredJoin) {
  const keyIds = jwks.keys.map(({ kid }) => (kid ?? '').slice(0, 64));
  return { issuer, namespace, serviceAccount, keyIds };
}

function joinToJson({ jwks, ...join }: StoredJoin) {
  return { ...toJson(join), jwks: { keys: jwks.keys.map((key) => ({ ...key })) } };
}
