import { Type } from 'typebox';
import { CLUSTER_HEALTHS, EMPTY_CLUSTER } from '../domain/cluster-health.js';
import { checkGivenLabels } from '../domain/clusters.js';
import { selectorFromText } from '../domain/label-selector.js';
import { readClusterStatuses } from '../store/cluster-statuses.js';
import {
  archiveCluster,
  CLUSTER_SORTS,
  createCluster,
  getCluster,
  listClusters,
  type Cluster as StoredCluster,
  updateCluster,
} from '../store/clusters.js';
import { revokeTokensOfCluster } from '../store/join-tokens.js';
import { deleteKubernetesJoin } from '../store/kubernetes-joins.js';
import { revokeNodesOfCluster } from '../store/node-revocations.js';
import type { TenantTx } from '../store/transaction.js';
import { audit } from './audit.js';
import { inTenant } from './caller.js';
import { checkChosen } from './cluster-limit.js';
import { freezeDetails, freezeOf, withFreezeHeader } from './freeze.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import {
  closed,
  filterFromQuery,
  Id,
  Instant,
  Labels,
  Name,
  NamePrefix,
  oneOf,
  PageQuery,
  pageOf,
  pageToJson,
  Revision,
  SelectorText,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const ClusterStatus = Type.Object(
  {
    health: oneOf(CLUSTER_HEALTHS),
    nodes: Type.Object(
      {
        total: Type.Integer(),
        silent: Type.Integer({ description: 'Not heard of for 90 seconds.' }),
        behind: Type.Integer({ description: "Run an older bundle than the cluster's newest." }),
        refusing: Type.Integer({ description: 'Refused the last bundle.' }),
        losing: Type.Integer({ description: 'Have lost events since their agent started.' }),
        quarantined: Type.Integer({
          description: 'Are shut out: their certificate is held twice.',
        }),
      },
      { description: 'Those that are not revoked; one may be counted in several.' },
    ),
    kubernetesVersion: Type.Optional(
      Type.String({ description: 'The oldest that a node says: v1.31.2' }),
    ),
  },
  { title: 'ClusterStatus' },
);
const Cluster = Type.Object(
  {
    id: Id,
    name: Type.String(),
    labels: Labels,
    createdAt: Instant,
    revision: Revision,
    archivedAt: Type.Optional(Instant),
    status: ClusterStatus,
  },
  { title: 'Cluster' },
);
const ClusterQuery = closed({
  ...PageQuery,
  labels: Type.Optional(SelectorText),
  namePrefix: NamePrefix,
  sort: Type.Optional(oneOf(CLUSTER_SORTS)),
});
const NewCluster = closed({ name: Name, labels: Type.Optional(Labels) });
const ClusterChange = closed({
  name: Type.Optional(Name),
  labels: Type.Optional(
    Type.Unsafe<Record<string, string>>({
      ...Labels,
      description: 'All of them: what is not among these goes.',
    }),
  ),
});

/** The id of a cluster that is not made: nothing names it. */
const NOT_YET = '';

export function clusterRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database } = dependencies;
  const tags = ['clusters'];
  const params = closed({ clusterId: Id });

  api.get(
    '/v1/clusters',
    {
      schema: {
        operationId: 'listClusters',
        summary: 'Clusters, by name or as `sort` says',
        tags,
        querystring: ClusterQuery,
        response: { 200: pageOf('ClusterPage', Cluster) },
      },
    },
    async (request) => {
      const { labels, ...more } = filterFromQuery(request.query);
      const filter = {
        ...more,
        labels: labels === undefined ? undefined : selectorFromText('labels', labels),
      };
      return inTenant(database, request, async (tx) => {
        const page = await listClusters(tx, filter);
        const statuses = await readClusterStatuses(
          tx,
          page.items.map(({ id }) => id),
        );
        return pageToJson(page, (cluster) => ({
          ...toJson(cluster),
          status: statuses.get(cluster.id) ?? EMPTY_CLUSTER,
        }));
      });
    },
  );

  api.post(
    '/v1/clusters',
    {
      schema: {
        operationId: 'createCluster',
        summary: 'Makes a cluster',
        tags,
        headers: IdempotencyHeaders,
        body: NewCluster,
        response: { 201: Cluster },
      },
    },
    async (request, reply) => {
      const { name, labels = {} } = request.body;
      checkGivenLabels(labels);
      checkChosen(request, { id: NOT_YET, name, labels });
      const cluster = await makeOnce(dependencies, request, reply, async (tx) => {
        const made = await createCluster(tx, request.body);
        const answer = await clusterToJson(tx, made);
        await audit(tx, request, 'cluster.create', made.id, { after: toJson(made) });
        return answer;
      });
      setEtag(reply, cluster);
      return cluster;
    },
  );

  api.get(
    '/v1/clusters/:clusterId',
    {
      schema: {
        operationId: 'getCluster',
        summary: 'One cluster',
        tags,
        params,
        response: { 200: Cluster },
      },
    },
    async (request, reply) => {
      const { clusterId } = request.params;
      const cluster = await inTenant(database, request, async (tx) =>
        clusterToJson(tx, await getCluster(tx, clusterId)),
      );
      setEtag(reply, cluster);
      return cluster;
    },
  );

  api.patch(
    '/v1/clusters/:clusterId',
    {
      schema: {
        operationId: 'updateCluster',
        summary: 'Changes the name or the labels of a cluster',
        tags,
        params,
        headers: withFreezeHeader(IfMatchHeaders),
        body: ClusterChange,
        response: { 200: Cluster },
      },
    },
    async (request, reply) => {
      const { clusterId } = request.params;
      checkGivenLabels(request.body.labels ?? {});
      const freeze = freezeOf(request);
      const cluster = await inTenant(database, request, async (tx) => {
        let before: unknown;
        const check = (current: StoredCluster) => {
          checkIfMatch(request, current);
          checkChosen(request, { ...current, ...request.body });
          before = toJson(current);
        };
        const after = await updateCluster(tx, clusterId, request.body, check, freeze);
        const answer = await clusterToJson(tx, after);
        const what = { before, after: toJson(after), details: freezeDetails(freeze) };
        await audit(tx, request, 'cluster.update', clusterId, what);
        return answer;
      });
      setEtag(reply, cluster);
      return cluster;
    },
  );

  api.delete(
    '/v1/clusters/:clusterId',
    {
      schema: {
        operationId: 'deleteCluster',
        summary: 'Removes a cluster, and revokes its nodes and join tokens',
        tags,
        params,
        headers: withFreezeHeader(IfMatchHeaders),
        response: { 200: Cluster },
      },
    },
    (request) => {
      const { clusterId } = request.params;
      const freeze = freezeOf(request);
      return inTenant(database, request, async (tx) => {
        let before: unknown;
        const archived = await archiveCluster(
          tx,
          clusterId,
          (current) => {
            checkIfMatch(request, current);
            before = toJson(current);
          },
          freeze,
        );
        await deleteKubernetesJoin(tx, clusterId);
        const joinTokens = await revokeTokensOfCluster(tx, clusterId);
        const nodes = await revokeNodesOfCluster(tx, clusterId);
        const answer = await clusterToJson(tx, archived);
        await audit(tx, request, 'cluster.delete', clusterId, {
          before,
          after: toJson(archived),
          details: {
            name: archived.name,
            revokedNodes: nodes,
            revokedJoinTokens: joinTokens,
            ...freezeDetails(freeze),
          },
        });
        return answer;
      });
    },
  );
}

async function clusterToJson(tx: TenantTx, cluster: StoredCluster) {
  const statuses = await readClusterStatuses(tx, [cluster.id]);
  return { ...toJson(cluster), status: statuses.get(cluster.id) ?? EMPTY_CLUSTER };
}
