import { Type } from 'typebox';
import { compilePolicy } from '../domain/policies.js';
import type { PolicyText } from '../domain/policy-diff.js';
import { getPolicy, getPolicyVersion } from '../store/policies.js';
import { getPolicyDraft } from '../store/policy-drafts.js';
import type { TenantTx } from '../store/transaction.js';
import { inTenant } from './caller.js';
import { PolicyComparer } from './policy-comparer.js';
import { closed, Id, oneOf, toJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const DRAFT = 'draft';
const Side = Type.String({
  pattern: `^([1-9][0-9]{0,8}|${DRAFT})$`,
  description: 'The number of a version, or `draft`.',
});

const Change = Type.Object(
  {
    kind: oneOf(['denied', 'alerted', 'logged']),
    direction: oneOf(['newly', 'no-longer']),
    when: oneOf(['known', 'unreadable', 'unknownContainer']),
    section: Type.String(),
    operations: Type.Array(Type.String()),
    text: Type.String({ description: 'One sentence.' }),
    responses: Type.Array(
      Type.Object({
        response: Type.Integer({ description: 'Its index in the section.' }),
        match: Type.Array(Type.String()),
        exclude: Type.Array(Type.String()),
        line: Type.Optional(
          Type.Integer({ description: 'Of `to` where it is newly done, else of `from`.' }),
        ),
        column: Type.Optional(Type.Integer()),
      }),
    ),
  },
  { title: 'PolicyChange' },
);
const SelectorChange = Type.Object(
  {
    kind: oneOf(['added', 'removed', 'changed', 'renamed']),
    section: Type.String(),
    name: Type.String(),
    conditions: Type.Optional(Type.Array(Type.String())),
    formerName: Type.Optional(Type.String()),
  },
  { title: 'SelectorChange' },
);
const Diff = Type.Object(
  {
    from: Side,
    to: Side,
    same: Type.Boolean({ description: 'No event whatever is judged differently, if `exact`.' }),
    exact: Type.Boolean({
      description: 'False: it was too much to look at all, there may be more.',
    }),
    changes: Type.Array(Change),
    selectors: Type.Array(SelectorChange),
    unknownContainer: Type.Optional(Type.Object({ before: Type.String(), after: Type.String() })),
    text: Type.String({ description: 'Of the documents, in the unified format.' }),
  },
  { title: 'PolicyDiff' },
);

export function policyDiffRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database, policyDiffWorker, policyDiffLimitMs } = dependencies;
  const comparer = new PolicyComparer(policyDiffWorker, policyDiffLimitMs);

  api.get(
    '/v1/policies/:policyId/diff',
    {
      schema: {
        operationId: 'diffPolicy',
        summary: 'How two versions differ in what they do, both enforced, and in their texts',
        description: 'Of the latest version and the draft, where no others are named.',
        tags: ['policies'],
        params: closed({ policyId: Id }),
        querystring: closed({ from: Type.Optional(Side), to: Type.Optional(Side) }),
        response: { 200: Diff },
      },
    },
    async (request) => {
      const { to = DRAFT } = request.query;
      const { from, ...job } = await inTenant(database, request, async (tx) => {
        const { id, name, latestVersion } = await getPolicy(tx, request.params.policyId);
        const from = request.query.from ?? String(latestVersion);
        const [before, after] = [await textOf(tx, id, from), await textOf(tx, id, to)];
        return { from, name, before, after };
      });
      return { from, to, ...toJson(await comparer.compare(job)) };
    },
  );
}

/** @throws BulkheadError NOT_FOUND, POLICY_INVALID where it is a draft with errors */
async function textOf(tx: TenantTx, policyId: string, side: string): Promise<PolicyText> {
  if (side === DRAFT) {
    const { source } = await getPolicyDraft(tx, policyId);
    return { source, normalised: compilePolicy(source).normalised };
  }
  const { source, normalised } = await getPolicyVersion(tx, policyId, Number(side));
  return { source, normalised };
}
