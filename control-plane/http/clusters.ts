import { Type } from 'typebox';
import { createCluster, getCluster, listClusters } from '../store/clusters.js';
import { inTenant } from './authentication.js';
import { closed, Id, Name, PageQuery, pageFromQuery } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const NewCluster = closed({
  name: Name,
  labels: Type.Optional(
    Type.Record(Type.String({ maxLength: 317 }), Type.String({ maxLength: 63 }), {
      maxProperties: 64,
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
