import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { compilePolicy, examinePolicy } from '../domain/policies.js';
import { addPolicyVersion } from '../store/policies.js';
import {
  deletePolicyDraft,
  getPolicyDraft,
  type PolicyDraft,
  putPolicyDraft,
} from '../store/policy-drafts.js';
import { audit } from './audit.js';
import { creatorOf, inTenant, readTenant } from './caller.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import { AddedPolicyVersion, POLICY_PROBLEMS, Source, versionToJson } from './policy-shapes.js';
import { closed, Gone, Id, Instant, Revision, toJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Draft = Type.Object(
  {
    policyId: Id,
    source: Source,
    revision: Revision,
    updatedBy: Type.String(),
    updatedAt: Instant,
    valid: Type.Boolean({ description: 'It could become a version as it is.' }),
    problems: POLICY_PROBLEMS,
  },
  { title: 'PolicyDraft' },
);

export function policyDraftRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database } = dependencies;
  const tags = ['policies'];
  const path = '/v1/policies/:policyId/draft';
  const params = closed({ policyId: Id });

  api.get(
    path,
    {
      schema: {
        operationId: 'getPolicyDraft',
        summary: 'The draft of a policy, and what is wrong with it',
        tags,
        params,
        response: { 200: Draft },
      },
    },
    async (request, reply) => {
      const { policyId } = request.params;
      return answer(
        reply,
        await readTenant(database, request, (tx) => getPolicyDraft(tx, policyId)),
      );
    },
  );

  api.put(
    path,
    {
      schema: {
        operationId: 'putPolicyDraft',
        summary: 'Makes or replaces the draft, which may have errors',
        description: 'The document as `source`, or itself as `application/yaml`.',
        tags,
        params,
        headers: IfMatchHeaders,
        body: closed({ source: Source }),
        response: { 200: Draft },
      },
    },
    async (request, reply) => {
      const { policyId } = request.params;
      const row = { policyId, source: request.body.source, updatedBy: creatorOf(request) };
      const draft = await inTenant(database, request, async (tx) => {
        let before: unknown;
        const after = await putPolicyDraft(tx, row, (current) => {
          checkIfMatch(request, current);
          before = current && toJson(current);
        });
        const details = { revision: after.revision };
        const what = { before, after: toJson(after), details };
        await audit(tx, request, 'policy.put-draft', policyId, what);
        return after;
      });
      return answer(reply, draft);
    },
  );

  api.delete(
    path,
    {
      schema: {
        operationId: 'deletePolicyDraft',
        summary: 'Throws the draft away',
        tags,
        params,
        headers: IfMatchHeaders,
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      const { policyId } = request.params;
      await inTenant(database, request, async (tx) => {
        const gone = await deletePolicyDraft(tx, policyId, (current) =>
          checkIfMatch(request, current),
        );
        const what = { before: toJson(gone), details: { revision: gone.revision } };
        await audit(tx, request, 'policy.delete-draft', policyId, what);
      });
      return reply.code(204).send(undefined);
    },
  );

  api.post(
    `${path}/publish`,
    {
      schema: {
        operationId: 'publishPolicyDraft',
        summary: 'Makes the next version of the draft, which is then gone',
        tags,
        params,
        headers: Type.Object({ ...IdempotencyHeaders.properties, ...IfMatchHeaders.properties }),
        response: { 201: AddedPolicyVersion },
      },
    },
    (request, reply) => {
      const { policyId } = request.params;
      return makeOnce(dependencies, request, reply, async (tx) => {
        const { source, revision } = await deletePolicyDraft(tx, policyId, (current) =>
          checkIfMatch(request, current),
        );
        const { normalised, sha256, warnings } = compilePolicy(source);
        const row = { source, normalised, sha256, createdBy: creatorOf(request) };
        const version = versionToJson(await addPolicyVersion(tx, policyId, row));
        const details = { version: version.version, sha256: version.sha256, draft: revision };
        await audit(tx, request, 'policy.add-version', policyId, { after: version, details });
        return { ...version, warnings: toJson(warnings) };
      });
    },
  );
}

function answer(reply: FastifyReply, draft: PolicyDraft) {
  setEtag(reply, draft);
  const { compiled, problems } = examinePolicy(draft.source);
  return { ...toJson(draft), valid: compiled !== undefined, problems: toJson(problems) };
}
