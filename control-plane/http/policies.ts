import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { checkFitTogether, compilePolicy } from '../domain/policies.js';
import {
  listDesired,
  listDesiredForCluster,
  removeDesired,
  setDesired,
} from '../store/desired-state.js';
import {
  addPolicyVersion,
  createPolicy,
  getPolicy,
  getPolicyVersion,
  listPolicies,
  listPolicyVersions,
  type PolicyVersion,
  type PolicyVersionSummary,
} from '../store/policies.js';
import type { TenantTx } from '../store/transaction.js';
import { creatorOf, inTenant } from './authentication.js';
import { closed, Id, Name, PageQuery, pageFromQuery, pageToJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

/** As JSON, or as application/yaml the document itself. */
const Source = Type.String({ minLength: 1, maxLength: LIMITS.policyDocumentBytes });
const Document = closed({ source: Source });
const VersionNumber = Type.String({ pattern: '^[1-9][0-9]{0,8}$' });
const Publish = closed({
  /** Default: the latest. */
  version: Type.Optional(Type.Integer({ minimum: 1, maximum: 999_999_999 })),
  /** observe (the default) records what would be blocked and denies nothing. */
  mode: Type.Optional(Type.Union([Type.Literal('observe'), Type.Literal('enforce')])),
  clusters: Type.Union([Type.Literal('all'), Type.Array(Id, { minItems: 1, maxItems: 1000 })]),
});
/** No cluster has it: what every cluster runs that has no entry of its own. */
const ANY_CLUSTER = '00000000-0000-0000-0000-000000000000';
const Unpublish = closed({
  clusters: Type.Union([Type.Literal('all'), Type.Array(Id, { minItems: 1, maxItems: 1000 })]),
});

export function policyRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database } = dependencies;
  const params = closed({ policyId: Id });

  api.get('/v1/policies', { schema: { querystring: closed(PageQuery) } }, (request) =>
    inTenant(database, request, (tx) => listPolicies(tx, pageFromQuery(request.query))),
  );

  api.post(
    '/v1/policies',
    { schema: { body: closed({ name: Name, source: Source }) } },
    async (request, reply) => {
      const { name, source } = request.body;
      const { normalised, sha256, warnings } = compilePolicy(source);
      const row = { name, source, normalised, sha256, createdBy: creatorOf(request) };
      const { policy } = await inTenant(database, request, (tx) => createPolicy(tx, row));
      return reply.code(201).send({ ...policy, warnings });
    },
  );

  /** Checks a document and keeps nothing. */
  api.post('/v1/policies/validate', { schema: { body: Document } }, async (request) => {
    const { sha256, warnings } = compilePolicy(request.body.source);
    return { valid: true, sha256: sha256.toString('hex'), problems: warnings };
  });

  api.get('/v1/policies/:policyId', { schema: { params } }, (request) =>
    inTenant(database, request, async (tx) => {
      const { policyId } = request.params;
      const policy = await getPolicy(tx, policyId);
      return { ...policy, published: await listDesired(tx, { policyId }) };
    }),
  );

  versionRoutes(api, dependencies);
  publishRoutes(api, dependencies);
}

function versionRoutes(api: Api, { database }: HttpDependencies): void {
  const path = '/v1/policies/:policyId/versions';
  const params = closed({ policyId: Id });

  api.get(path, { schema: { params, querystring: closed(PageQuery) } }, (request) =>
    inTenant(database, request, async (tx) => {
      const { id } = await getPolicy(tx, request.params.policyId);
      const page = await listPolicyVersions(tx, id, pageFromQuery(request.query));
      return pageToJson(page, summaryToJson);
    }),
  );

  api.post(path, { schema: { params, body: Document } }, async (request, reply) => {
    const { source } = request.body;
    const { normalised, sha256, warnings } = compilePolicy(source);
    const row = { source, normalised, sha256, createdBy: creatorOf(request) };
    const version = await inTenant(database, request, (tx) =>
      addPolicyVersion(tx, request.params.policyId, row),
    );
    return reply.code(201).send({ ...versionToJson(version), warnings });
  });

  api.get(
    `${path}/:version`,
    { schema: { params: closed({ policyId: Id, version: VersionNumber }) } },
    async (request) => {
      const { policyId, version } = request.params;
      const found = await inTenant(database, request, (tx) =>
        getPolicyVersion(tx, policyId, Number(version)),
      );
      return versionToJson(found);
    },
  );
}

function publishRoutes(api: Api, { database }: HttpDependencies): void {
  const path = '/v1/policies/:policyId/publish';
  const params = closed({ policyId: Id });
  const targets = (clusters: 'all' | string[]) => (clusters === 'all' ? [undefined] : clusters);

  /** Says what clusters are to run; the edge makes bundles of it and sends them. */
  api.post(path, { schema: { params, body: Publish } }, (request) =>
    inTenant(database, request, async (tx) => {
      const { policyId } = request.params;
      const { mode = 'observe', clusters } = request.body;
      const version = request.body.version ?? (await getPolicy(tx, policyId)).latestVersion;
      for (const clusterId of targets(clusters)) {
        await setDesired(tx, { policyId, clusterId, version, mode });
      }
      await checkFit(tx, clusters);
      return { policyId, version, mode, published: await listDesired(tx, { policyId }) };
    }),
  );

  api.delete(path, { schema: { params, body: Unpublish } }, (request) =>
    inTenant(database, request, async (tx) => {
      const { policyId } = request.params;
      await getPolicy(tx, policyId);
      for (const clusterId of targets(request.body.clusters)) {
        const removed = await removeDesired(tx, { policyId, clusterId });
        if (!removed) throw new BulkheadError('NOT_FOUND', 'the policy is not published there');
      }
      // Where a cluster's own version goes, the one for every cluster comes to light.
      await checkFit(tx, request.body.clusters);
      return { policyId, published: await listDesired(tx, { policyId }) };
    }),
  );
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

function summaryToJson(version: PolicyVersionSummary) {
  return { ...version, sha256: Buffer.from(version.sha256).toString('hex') };
}

function versionToJson({ normalised: _normalised, ...version }: PolicyVersion) {
  return { ...version, sha256: Buffer.from(version.sha256).toString('hex') };
}
