import { Type } from 'typebox';
import { createCluster, getCluster, listClusters } from '../store/clusters.js';
import { inTenant } from './authentication.js';
import {
  closed,
  Id,
  Instant,
  Name,
  PageQuery,
  pageFromQuery,
  pageOf,
  pageToJson,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

/** As Kubernetes has them: a prefix of 253 and a name of 63, a value of 63. */
const LABEL_KEY = '^[A-Za-z0-9][A-Za-z0-9._/-]{0,316}$';
const LABEL_VALUE = '^[A-Za-z0-9._-]{0,63}$';
const Labels = Type.Record(
  Type.String({ pattern: LABEL_KEY }),
  Type.String({ pattern: LABEL_VALUE }),
  { maxProperties: 64, additionalProperties: false },
);

const Cluster = Type.Object(
  { id: Id, name: Type.String(), labels: Labels, createdAt: Instant },
  { title: 'Cluster' },
);
const NewCluster = closed({ name: Name, labels: Type.Optional(Labels) });

export function clusterRoutes(api: Api, { database }: HttpDependencies): void {
  const tags = ['clusters'];

  api.get(
    '/v1/clusters',
    {
      schema: {
        operationId: 'listClusters',
        summary: 'Clusters, by name',
        tags,
        querystring: closed(PageQuery),
        response: { 200: pageOf('ClusterPage', Cluster) },
      },
    },
    async (request) =>
      pageToJson(
        await inTenant(database, request, (tx) => listClusters(tx, pageFromQuery(request.query))),
        toJson,
      ),
  );

  api.post(
    '/v1/clusters',
    {
      schema: {
        operationId: 'createCluster',
        summary: 'Makes a cluster',
        tags,
        body: NewCluster,
        response: { 201: Cluster },
      },
    },
    async (request, reply) => {
      const cluster = await inTenant(database, request, (tx) => createCluster(tx, request.body));
      return reply.code(201).send(toJson(cluster));
    },
  );

  api.get(
    '/v1/clusters/:clusterId',
    {
      schema: {
        operationId: 'getCluster',
        summary: 'One cluster',
        tags,
        params: closed({ clusterId: Id }),
        response: { 200: Cluster },
      },
    },
    async (request) =>
      toJson(await inTenant(database, request, (tx) => getCluster(tx, request.params.clusterId))),
  );
}
