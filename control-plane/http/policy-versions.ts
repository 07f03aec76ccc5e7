import { Type } from 'typebox';
import { compilePolicy } from '../domain/policies.js';
import {
  addPolicyVersion,
  getPolicy,
  getPolicyVersion,
  listPolicyVersions,
} from '../store/policies.js';
import { audit } from './audit.js';
import { creatorOf, inTenant, readTenant } from './caller.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import {
  AddedPolicyVersion,
  Source,
  VERSION_SUMMARY,
  versionToJson,
  WHOLE_VERSION,
} from './policy-shapes.js';
import {
  closed,
  Id,
  integerText,
  PageQuery,
  pageFromQuery,
  pageOf,
  pageToJson,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Version = Type.Object(WHOLE_VERSION, { title: 'PolicyVersion' });
const Summary = Type.Object(VERSION_SUMMARY, { title: 'PolicyVersionSummary' });

export function policyVersionRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database } = dependencies;
  const tags = ['policies'];
  const path = '/v1/policies/:policyId/versions';
  const params = closed({ policyId: Id });

  api.get(
    path,
    {
      schema: {
        operationId: 'listPolicyVersions',
        summary: 'Versions of a policy, newest first, without their sources',
        tags,
        params,
        querystring: closed(PageQuery),
        response: {
          200: pageOf('PolicyVersionPage', Summary),
        },
      },
    },
    async (request) => {
      const page = await inTenant(database, request, async (tx) => {
        const { id } = await getPolicy(tx, request.params.policyId);
        return listPolicyVersions(tx, id, pageFromQuery(request.query));
      });
      return pageToJson(page, toJson);
    },
  );

  api.post(
    path,
    {
      schema: {
        operationId: 'addPolicyVersion',
        summary: 'Adds a version, which never changes again',
        description: 'The document as `source`, or itself as `application/yaml`.',
        tags,
        params,
        headers: IdempotencyHeaders,
        body: closed({ source: Source }),
        response: {
          201: AddedPolicyVersion,
        },
      },
    },
    (request, reply) => {
      const { source } = request.body;
      const { normalised, sha256, warnings } = compilePolicy(source);
      const row = { source, normalised, sha256, createdBy: creatorOf(request) };
      return makeOnce(dependencies, request, reply, async (tx) => {
        const { policyId } = request.params;
        const version = versionToJson(await addPolicyVersion(tx, policyId, row));
        const details = { version: version.version, sha256: version.sha256 };
        await audit(tx, request, 'policy.add-version', policyId, { after: version, details });
        return { ...version, warnings: toJson(warnings) };
      });
    },
  );

  api.get(
    `${path}/:version`,
    {
      schema: {
        operationId: 'getPolicyVersion',
        summary: 'One version, with its source',
        tags,
        params: closed({ policyId: Id, version: integerText(1, 999_999_999) }),
        response: { 200: Version },
      },
    },
    async (request) => {
      const { policyId, version } = request.params;
      const found = await readTenant(database, request, (tx) =>
        getPolicyVersion(tx, policyId, Number(version)),
      );
      return versionToJson(found);
    },
  );
}
