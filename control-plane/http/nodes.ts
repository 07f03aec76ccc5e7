import { Type } from 'typebox';
import { selectorFromText } from '../domain/label-selector.js';
import { releaseNode } from '../store/node-revocations.js';
import { getNode, listNodes, NODE_STATES, revokeNode } from '../store/nodes.js';
import { audit } from './audit.js';
import { inTenant, readTenant } from './caller.js';
import {
  closed,
  filterFromQuery,
  Id,
  Instant,
  Labels,
  NamePrefix,
  oneOf,
  PageQuery,
  pageOf,
  pageToJson,
  SelectorText,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Count = Type.String({ pattern: '^[0-9]+$', description: '64 bits, as decimal text.' });

const Node = Type.Object(
  {
    id: Id,
    clusterId: Id,
    name: Type.String(),
    labels: Labels,
    kernelRelease: Type.String(),
    architecture: Type.String(),
    agentVersion: Type.String(),
    kubernetesVersion: Type.Optional(Type.String({ description: 'v1.31.2' })),
    hooks: Type.Array(
      Type.Object({
        hook: Type.String(),
        backend: Type.String({ description: 'lsm, fmod_ret, signal, fexit, tracepoint or none' }),
        reason: Type.String({ description: 'Why no better backend.' }),
      }),
    ),
    state: oneOf(NODE_STATES),
    certificateSerial: Type.Optional(Type.String()),
    certificateNotAfter: Type.Optional(Instant),
    appliedRevision: Type.Integer({ description: 'Of the bundle in force; 0: none.' }),
    appliedAt: Type.Optional(Instant),
    lastNack: Type.Optional(
      Type.Object({
        revision: Type.Integer(),
        code: Type.String(),
        message: Type.String(),
        at: Instant,
      }),
    ),
    losses: Type.Optional(
      Type.Object({
        emitted: Count,
        acknowledged: Count,
        dropped: Type.Array(Type.Object({ reason: Type.String(), count: Count })),
      }),
    ),
    joinedAt: Instant,
    lastSeenAt: Type.Optional(Instant),
    quarantinedAt: Type.Optional(Instant),
    revokedAt: Type.Optional(Instant),
  },
  { title: 'Node' },
);

const NodeQuery = closed({
  ...PageQuery,
  clusterId: Type.Optional(Id),
  state: Type.Optional(oneOf(NODE_STATES)),
  labels: Type.Optional(SelectorText),
  namePrefix: NamePrefix,
});

export function nodeRoutes(api: Api, { database }: HttpDependencies): void {
  const tags = ['nodes'];
  const params = closed({ nodeId: Id });

  api.get(
    '/v1/nodes',
    {
      schema: {
        operationId: 'listNodes',
        summary: 'Nodes, by name: hooks with their backends, revision in force, losses',
        tags,
        querystring: NodeQuery,
        response: { 200: pageOf('NodePage', Node) },
      },
    },
    async (request) => {
      const { labels, ...more } = filterFromQuery(request.query);
      const filter = {
        ...more,
        labels: labels === undefined ? undefined : selectorFromText('labels', labels),
      };
      return pageToJson(await readTenant(database, request, (tx) => listNodes(tx, filter)), toJson);
    },
  );

  api.get(
    '/v1/nodes/:nodeId',
    {
      schema: {
        operationId: 'getNode',
        summary: 'One node',
        tags,
        params,
        response: { 200: Node },
      },
    },
    async (request) =>
      toJson(await readTenant(database, request, (tx) => getNode(tx, request.params.nodeId))),
  );

  api.delete(
    '/v1/nodes/:nodeId',
    {
      schema: {
        operationId: 'revokeNode',
        summary: 'Revokes a node: its certificate is worth nothing from now on',
        tags,
        params,
        response: { 200: Node },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { nodeId } = request.params;
        const before = toJson(await getNode(tx, nodeId));
        const after = toJson(await revokeNode(tx, nodeId));
        const details = { name: after.name, clusterId: after.clusterId };
        await audit(tx, request, 'node.revoke', nodeId, { before, after, details });
        return after;
      }),
  );

  api.post(
    '/v1/nodes/:nodeId/release',
    {
      schema: {
        operationId: 'releaseNode',
        summary:
          'Lets a node that is quarantined or revoked join again, by whatever way its cluster has',
        tags,
        params,
        response: { 200: Node },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { nodeId } = request.params;
        const before = toJson(await getNode(tx, nodeId));
        const after = toJson(await releaseNode(tx, nodeId));
        const details = { name: after.name, clusterId: after.clusterId };
        await audit(tx, request, 'node.release', nodeId, { before, after, details });
        return after;
      }),
  );
}
