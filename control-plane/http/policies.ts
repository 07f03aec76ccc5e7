import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { checkFitTogether, compilePolicy } from '../domain/policies.js';
import {
  listDesired,
  listDesiredForCluster,
  POLICY_MODES,
  removeDesired,
  setDesired,
} from '../store/desired-state.js';
import { createPolicy, getPolicy, listPolicies, POLICY_SORTS } from '../store/policies.js';
import type { TenantTx } from '../store/transaction.js';
import { audit } from './audit.js';
import { creatorOf, inTenant } from './caller.js';
import { checkWithin } from './cluster-limit.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { POLICY_PROBLEMS, Source } from './policy-shapes.js';
import { policyVersionRoutes } from './policy-versions.js';
import {
  closed,
  filterFromQuery,
  Id,
  Instant,
  Name,
  NamePrefix,
  oneOf,
  PageQuery,
  pageOf,
  pageToJson,
  Sha256,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const TAGS = ['policies'];
const Mode = oneOf(POLICY_MODES);

const PROPERTIES = {
  id: Id,
  name: Type.String(),
  latestVersion: Type.Integer(),
  createdBy: Type.String(),
  createdAt: Instant,
};
const Policy = Type.Object(PROPERTIES, { title: 'Policy' });
const Published = Type.Object(
  {
    policyId: Id,
    clusterId: Type.Optional(
      Type.String({ format: 'uuid', description: 'Absent: every cluster without its own entry.' }),
    ),
    version: Type.Integer(),
    mode: Mode,
    updatedAt: Instant,
  },
  { title: 'PublishedPolicy' },
);

const PolicyQuery = closed({
  ...PageQuery,
  namePrefix: NamePrefix,
  sort: Type.Optional(oneOf(POLICY_SORTS)),
});
const Clusters = Type.Union([
  Type.Literal('all'),
  Type.Array(Id, { minItems: 1, maxItems: 1000, uniqueItems: true }),
]);
const Publish = closed({
  version: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 999_999_999, description: 'Default: the latest.' }),
  ),
  mode: Type.Optional(
    Type.Unsafe<(typeof POLICY_MODES)[number]>({
      ...Mode,
      description: 'observe (the default) records what would be blocked and denies nothing.',
    }),
  ),
  clusters: Clusters,
});
/** No cluster has it: what every cluster runs that has no entry of its own. */
const ANY_CLUSTER = '00000000-0000-0000-0000-000000000000';

export function policyRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database } = dependencies;

  api.get(
    '/v1/policies',
    {
      schema: {
        operationId: 'listPolicies',
        summary: 'Policies, by name or as `sort` says',
        tags: TAGS,
        querystring: PolicyQuery,
        response: { 200: pageOf('PolicyPage', Policy) },
      },
    },
    async (request) => {
      const filter = filterFromQuery(request.query);
      return pageToJson(
        await inTenant(database, request, (tx) => listPolicies(tx, filter)),
        toJson,
      );
    },
  );

  api.post(
    '/v1/policies',
    {
      schema: {
        operationId: 'createPolicy',
        summary: 'Makes a policy with its version 1',
        tags: TAGS,
        headers: IdempotencyHeaders,
        body: closed({ name: Name, source: Source }),
        response: {
          201: Type.Object(
            { ...PROPERTIES, warnings: POLICY_PROBLEMS },
            { title: 'CreatedPolicy' },
          ),
        },
      },
    },
    (request, reply) => {
      const { name, source } = request.body;
      const { normalised, sha256, warnings } = compilePolicy(source);
      const row = { name, source, normalised, sha256, createdBy: creatorOf(request) };
      return makeOnce(dependencies, request, reply, async (tx) => {
        const policy = toJson((await createPolicy(tx, row)).policy);
        const details = { name, sha256: toJson(sha256) };
        await audit(tx, request, 'policy.create', policy.id, { after: policy, details });
        return { ...policy, warnings: toJson(warnings) };
      });
    },
  );

  api.post(
    '/v1/policies/validate',
    {
      schema: {
        operationId: 'validatePolicy',
        summary: 'Checks a document and keeps nothing',
        description: 'The document as `source`, or itself as `application/yaml`.',
        tags: TAGS,
        body: closed({ source: Source }),
        response: {
          200: Type.Object(
            { valid: Type.Literal(true), sha256: Sha256, problems: POLICY_PROBLEMS },
            { title: 'ValidPolicy' },
          ),
        },
      },
    },
    async (request) => {
      const { sha256, warnings } = compilePolicy(request.body.source);
      return { valid: true as const, sha256: toJson(sha256), problems: toJson(warnings) };
    },
  );

  api.get(
    '/v1/policies/:policyId',
    {
      schema: {
        operationId: 'getPolicy',
        summary: 'One policy, and where it is published',
        tags: TAGS,
        params: closed({ policyId: Id }),
        response: {
          200: Type.Object(
            { ...PROPERTIES, published: Type.Array(Published) },
            { title: 'PolicyInUse' },
          ),
        },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { policyId } = request.params;
        const policy = await getPolicy(tx, policyId);
        return toJson({ ...policy, published: await listDesired(tx, { policyId }) });
      }),
  );

  policyVersionRoutes(api, dependencies);
  publishRoutes(api, dependencies);
}

function publishRoutes(api: Api, { database }: HttpDependencies): void {
  const path = '/v1/policies/:policyId/publish';
  const params = closed({ policyId: Id });
  const targets = (clusters: 'all' | string[]) => (clusters === 'all' ? [undefined] : clusters);

  api.post(
    path,
    {
      schema: {
        operationId: 'publishPolicy',
        summary: 'Says what clusters are to run; the edge makes bundles of it and sends them',
        tags: TAGS,
        params,
        body: Publish,
        response: {
          200: Type.Object(
            {
              policyId: Id,
              version: Type.Integer(),
              mode: Mode,
              published: Type.Array(Published),
            },
            { title: 'PublishResult' },
          ),
        },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { policyId } = request.params;
        const { mode = 'observe', clusters } = request.body;
        if (clusters === 'all') checkWithin(request, {});
        const version = request.body.version ?? (await getPolicy(tx, policyId)).latestVersion;
        const before = toJson(await listDesired(tx, { policyId }));
        for (const clusterId of targets(clusters)) {
          await setDesired(tx, { policyId, clusterId, version, mode });
        }
        await checkFit(tx, clusters);
        const published = toJson(await listDesired(tx, { policyId }));
        await audit(tx, request, 'policy.publish', policyId, {
          before,
          after: published,
          details: { version, mode, ...clusterDetails(clusters) },
        });
        return { policyId, version, mode, published };
      }),
  );

  api.delete(
    path,
    {
      schema: {
        operationId: 'unpublishPolicy',
        summary: 'Takes a policy back from clusters',
        tags: TAGS,
        params,
        body: closed({ clusters: Clusters }),
        response: {
          200: Type.Object(
            { policyId: Id, published: Type.Array(Published) },
            { title: 'UnpublishResult' },
          ),
        },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { policyId } = request.params;
        const { clusters } = request.body;
        if (clusters === 'all') checkWithin(request, {});
        await getPolicy(tx, policyId);
        const before = toJson(await listDesired(tx, { policyId }));
        for (const clusterId of targets(clusters)) {
          const removed = await removeDesired(tx, { policyId, clusterId });
          if (!removed) throw new BulkheadError('NOT_FOUND', 'the policy is not published there');
        }
        // Where a cluster's own version goes, the one for every cluster comes to light.
        await checkFit(tx, clusters);
        const published = toJson(await listDesired(tx, { policyId }));
        await audit(tx, request, 'policy.withdraw', policyId, {
          before,
          after: published,
          details: clusterDetails(clusters),
        });
        return { policyId, published };
      }),
  );
}

/** As many of them as a record has room for. */
function clusterDetails(clusters: 'all' | string[]) {
  if (clusters === 'all') return { clusters };
  return { clusters: clusters.slice(0, 50), clusterCount: clusters.length };
}

/** What the clusters that were touched are to run now. @throws BulkheadError POLICY_INVALID */
async function checkFit(tx: TenantTx, clusters: 'all' | string[]): Promise<void> {
  const touched =
    clusters === 'all'
      ? [ANY_CLUSTER, ...(await listDesired(tx)).flatMap(({ clusterId }) => clusterId ?? [])]
      : clusters;
  for (const clusterId of new Set(touched)) {
    checkFitTogether(await listDesiredForCluster(tx, clusterId));
  }
}
