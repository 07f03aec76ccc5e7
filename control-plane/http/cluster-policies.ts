import { Type } from 'typebox';
import { getCluster } from '../store/clusters.js';
import { listClusterPolicies, POLICY_MODES } from '../store/desired-state.js';
import { inTenant } from './caller.js';
import {
  closed,
  Id,
  oneOf,
  PageQuery,
  pageFromQuery,
  pageOf,
  pageToJson,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const ClusterPolicy = Type.Object(
  {
    policyId: Id,
    name: Type.String(),
    version: Type.Integer(),
    mode: oneOf(POLICY_MODES),
    assignmentId: Type.String({ format: 'uuid', description: 'The one that has its way here.' }),
  },
  { title: 'ClusterPolicy' },
);

export function clusterPolicyRoutes(api: Api, { database }: HttpDependencies): void {
  api.get(
    '/v1/clusters/:clusterId/policies',
    {
      schema: {
        operationId: 'listClusterPolicies',
        summary: 'What a cluster is to run, by name of the policy',
        tags: ['clusters'],
        params: closed({ clusterId: Id }),
        querystring: closed(PageQuery),
        response: { 200: pageOf('ClusterPolicyPage', ClusterPolicy) },
      },
    },
    async (request) => {
      const page = await inTenant(database, request, async (tx) => {
        const { id } = await getCluster(tx, request.params.clusterId);
        return listClusterPolicies(tx, id, pageFromQuery(request.query));
      });
      return pageToJson(page, toJson);
    },
  );
}
