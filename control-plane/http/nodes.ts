import { Type } from 'typebox';
import { getNode, listNodes, revokeNode } from '../store/nodes.js';
import { inTenant } from './authentication.js';
import { closed, Id, PageQuery, pageFromQuery } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

export function nodeRoutes(api: Api, { database }: HttpDependencies): void {
  const params = closed({ nodeId: Id });

  api.get(
    '/v1/nodes',
    { schema: { querystring: closed({ ...PageQuery, clusterId: Type.Optional(Id) }) } },
    (request) =>
      inTenant(database, request, (tx) =>
        listNodes(tx, { ...pageFromQuery(request.query), clusterId: request.query.clusterId }),
      ),
  );

  api.get('/v1/nodes/:nodeId', { schema: { params } }, (request) =>
    inTenant(database, request, (tx) => getNode(tx, request.params.nodeId)),
  );

  /** Revokes it: its certificate is worth nothing from now on. */
  api.delete('/v1/nodes/:nodeId', { schema: { params } }, (request) =>
    inTenant(database, request, (tx) => revokeNode(tx, request.params.nodeId)),
  );
}
