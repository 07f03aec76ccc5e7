import { Type } from 'typebox';
import { createCluster, getCluster, listClusters } from '../store/clusters.js';
import { inTenant } from './authentication.js';
import { closed, Id, Name, PageQuery, pageFromQuery } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

/** As Kubernetes has them: a prefix of 253 and a name of 63, a value of 63. */
const LABEL_KEY = '^[A-Za-z0-9][A-Za-z0-9._/-]{0,316}$';
const LABEL_VALUE = '^[A-Za-z0-9._-]{0,63}$';

const NewCluster = closed({
  name: Name,
  labels: Type.Optional(
    Type.Record(Type.String({ pattern: LABEL_KEY }), Type.String({ pattern: LABEL_VALUE }), {
      maxProperties: 64,
      additionalProperties: false,
    }),
  ),
});

export function clusterRoutes(api: Api, { database }: HttpDependencies): void {
  api.get('/v1/clusters', { schema: { querystring: closed(PageQuery) } }, (request) =>
    inTenant(database, request, (tx) => listClusters(tx, pageFromQuery(request.query))),
  );

  api.post('/v1/clusters', { schema: { body: NewCluster } }, async (request, reply) => {
    const cluster = await inTenant(database, request, (tx) => createCluster(tx, request.body));
    return reply.code(201).send(cluster);
  });

  api.get('/v1/clusters/:clusterId', { schema: { params: closed({ clusterId: Id }) } }, (request) =>
    inTenant(database, request, (tx) => getCluster(tx, request.params.clusterId)),
  );
}
