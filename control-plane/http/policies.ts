import { Type } from 'typebox';
import { compilePolicy } from '../domain/policies.js';
import { countPolicyUse } from '../store/desired-state.js';
import {
  archivePolicy,
  createPolicy,
  getPolicy,
  listPolicies,
  POLICY_SORTS,
} from '../store/policies.js';
import { audit } from './audit.js';
import { creatorOf, inTenant, readTenant } from './caller.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { policyDiffRoutes } from './policy-diff.js';
import { policyDraftRoutes } from './policy-drafts.js';
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

const PROPERTIES = {
  id: Id,
  name: Type.String(),
  latestVersion: Type.Integer(),
  createdBy: Type.String(),
  createdAt: Instant,
  archivedAt: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'Its versions stay, its name is free, and nothing new is made of it.',
    }),
  ),
};
const Policy = Type.Object(PROPERTIES, { title: 'Policy' });
const USED_BY = Type.Object(
  {
    assignments: Type.Integer({ description: '`GET /v1/assignments?policyId=` lists them.' }),
    clusters: Type.Integer({ description: 'Those that are to run it.' }),
    nodes: Type.Integer({ description: 'In these clusters, without revoked ones.' }),
  },
  { title: 'PolicyUse' },
);

const PolicyQuery = closed({
  ...PageQuery,
  namePrefix: NamePrefix,
  sort: Type.Optional(oneOf(POLICY_SORTS)),
});

export function policyRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database } = dependencies;

  api.get(
    '/v1/policies',
    {
      schema: {
        operationId: 'listPolicies',
        summary: 'Policies that are not archived, by name or as `sort` says',
        tags: TAGS,
        querystring: PolicyQuery,
        response: { 200: pageOf('PolicyPage', Policy) },
      },
    },
    async (request) => {
      const filter = filterFromQuery(request.query);
      return pageToJson(
        await readTenant(database, request, (tx) => listPolicies(tx, filter)),
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
        summary: 'One policy, and how much uses it',
        tags: TAGS,
        params: closed({ policyId: Id }),
        response: {
          200: Type.Object({ ...PROPERTIES, usedBy: USED_BY }, { title: 'PolicyInUse' }),
        },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { policyId } = request.params;
        const policy = await getPolicy(tx, policyId);
        return toJson({ ...policy, usedBy: await countPolicyUse(tx, policyId) });
      }),
  );

  api.delete(
    '/v1/policies/:policyId',
    {
      schema: {
        operationId: 'archivePolicy',
        summary: 'Archives a policy that no assignment uses, for good',
        tags: TAGS,
        params: closed({ policyId: Id }),
        response: { 200: Policy },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { policyId } = request.params;
        const before = toJson(await getPolicy(tx, policyId));
        const after = toJson(await archivePolicy(tx, policyId));
        const details = { name: after.name };
        await audit(tx, request, 'policy.archive', policyId, { before, after, details });
        return after;
      }),
  );

  policyDiffRoutes(api, dependencies);
  policyDraftRoutes(api, dependencies);
  policyVersionRoutes(api, dependencies);
}
