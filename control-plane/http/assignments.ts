import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { clustersOf, PRIORITY_LIMIT } from '../domain/assignments.js';
import {
  ASSIGNMENT_SORTS,
  countChosen,
  createAssignment,
  deleteAssignment,
  getAssignment,
  listAssignments,
  type Assignment as StoredAssignment,
  updateAssignment,
} from '../store/assignments.js';
import { POLICY_MODES } from '../store/desired-state.js';
import type { TenantTx } from '../store/transaction.js';
import { audit } from './audit.js';
import { creatorOf, inTenant } from './caller.js';
import { checkWithin } from './cluster-limit.js';
import { freezeDetails, freezeOf, withFreezeHeader } from './freeze.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
import { VersionNumber } from './policy-shapes.js';
import {
  closed,
  filterFromQuery,
  Gone,
  Id,
  Instant,
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

const Clusters = Type.Unsafe<string>({
  ...SelectorText,
  description:
    'Chooses by labels, as kubectl does: `env=prod,team in (a,b)`. Empty: every cluster.',
});
const Mode = Type.Unsafe<(typeof POLICY_MODES)[number]>({
  ...oneOf(POLICY_MODES),
  description: 'observe (the default) records what would be blocked and denies nothing.',
});
const Priority = Type.Integer({
  minimum: -PRIORITY_LIMIT,
  maximum: PRIORITY_LIMIT,
  description: 'The highest wins, 0 by default; of the same the newest assignment.',
});
const Version = Type.Unsafe<number>({
  ...VersionNumber,
  description: 'Stays until it is changed. Default: the latest at this moment.',
});

const Assignment = Type.Object(
  {
    id: Id,
    name: Type.String(),
    policyId: Id,
    version: Type.Integer(),
    clusters: Clusters,
    mode: Mode,
    priority: Type.Integer(),
    createdBy: Type.String(),
    createdAt: Instant,
    revision: Revision,
    matchedClusters: Type.Integer({
      description: 'Clusters that it chooses now, whether or not it has its way there.',
    }),
  },
  { title: 'Assignment' },
);
const AssignmentQuery = closed({
  ...PageQuery,
  policyId: Type.Optional(Id),
  clusterId: Type.Optional(
    Type.String({ format: 'uuid', description: 'Those that choose this cluster.' }),
  ),
  namePrefix: NamePrefix,
  sort: Type.Optional(oneOf(ASSIGNMENT_SORTS)),
});
const NewAssignment = closed({
  name: Name,
  policyId: Id,
  version: Type.Optional(Version),
  clusters: Clusters,
  mode: Type.Optional(Mode),
  priority: Type.Optional(Priority),
});
const AssignmentChange = closed({
  name: Type.Optional(Name),
  version: Type.Optional(VersionNumber),
  clusters: Type.Optional(Clusters),
  mode: Type.Optional(Mode),
  priority: Type.Optional(Priority),
});

export function assignmentRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database } = dependencies;
  const tags = ['assignments'];
  const params = closed({ assignmentId: Id });
  const path = '/v1/assignments';

  api.get(
    path,
    {
      schema: {
        operationId: 'listAssignments',
        summary: 'Assignments, by name or as `sort` says',
        tags,
        querystring: AssignmentQuery,
        response: { 200: pageOf('AssignmentPage', Assignment) },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const page = await listAssignments(tx, filterFromQuery(request.query));
        return pageToJson({ ...page, items: await withMatches(tx, page.items) }, toJson);
      }),
  );

  api.post(
    path,
    {
      schema: {
        operationId: 'createAssignment',
        summary: 'Assigns a version of a policy to the clusters that a selector chooses',
        tags,
        headers: withFreezeHeader(IdempotencyHeaders),
        body: NewAssignment,
        response: { 201: Assignment },
      },
    },
    async (request, reply) => {
      const { mode = 'observe', priority = 0, ...body } = request.body;
      checkWithin(request, clustersOf(body));
      const freeze = freezeOf(request);
      const assignment = await makeOnce(dependencies, request, reply, async (tx) => {
        const row = { ...body, mode, priority, createdBy: creatorOf(request) };
        const made = await createAssignment(tx, row, freeze);
        const answer = await toAnswer(tx, made);
        const details = { ...detailsOf(made), ...freezeDetails(freeze) };
        const what = { after: toJson(made), details };
        await audit(tx, request, 'assignment.create', made.id, what);
        return answer;
      });
      setEtag(reply, assignment);
      return assignment;
    },
  );

  api.get(
    `${path}/:assignmentId`,
    {
      schema: {
        operationId: 'getAssignment',
        summary: 'One assignment',
        tags,
        params,
        response: { 200: Assignment },
      },
    },
    async (request, reply) => {
      const { assignmentId } = request.params;
      return tagged(
        reply,
        await inTenant(database, request, async (tx) =>
          toAnswer(tx, await getAssignment(tx, assignmentId)),
        ),
      );
    },
  );

  api.patch(
    `${path}/:assignmentId`,
    {
      schema: {
        operationId: 'updateAssignment',
        summary: 'Changes an assignment; of which policy it is stays',
        tags,
        params,
        headers: withFreezeHeader(IfMatchHeaders),
        body: AssignmentChange,
        response: { 200: Assignment },
      },
    },
    async (request, reply) => {
      const { assignmentId } = request.params;
      const { clusters } = request.body;
      const asked = freezeOf(request);
      // What hurts can be stopped at any time.
      const freeze = isOnlyToObserve(request.body) ? 'overridden' : asked;
      if (clusters !== undefined) checkWithin(request, clustersOf({ clusters }));
      const answer = await inTenant(database, request, async (tx) => {
        let before: unknown;
        const after = await updateAssignment(
          tx,
          assignmentId,
          request.body,
          (current) => {
            checkWithin(request, clustersOf(current));
            checkIfMatch(request, current);
            before = toJson(current);
          },
          freeze,
        );
        const changed = await toAnswer(tx, after);
        const details = { ...detailsOf(after), ...freezeDetails(asked) };
        const what = { before, after: toJson(after), details };
        await audit(tx, request, 'assignment.update', assignmentId, what);
        return changed;
      });
      return tagged(reply, answer);
    },
  );

  api.delete(
    `${path}/:assignmentId`,
    {
      schema: {
        operationId: 'deleteAssignment',
        summary:
          'Takes an assignment back; where another chooses a cluster too, that one has its way',
        tags,
        params,
        headers: withFreezeHeader(IfMatchHeaders),
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      const { assignmentId } = request.params;
      const freeze = freezeOf(request);
      await inTenant(database, request, async (tx) => {
        const gone = await deleteAssignment(
          tx,
          assignmentId,
          (current) => {
            checkWithin(request, clustersOf(current));
            checkIfMatch(request, current);
          },
          freeze,
        );
        const details = { ...detailsOf(gone), ...freezeDetails(freeze) };
        const what = { before: toJson(gone), details };
        await audit(tx, request, 'assignment.delete', assignmentId, what);
      });
      return reply.code(204).send(undefined);
    },
  );
}

async function withMatches(tx: TenantTx, assignments: readonly StoredAssignment[]) {
  const counts = await countChosen(tx, assignments);
  return assignments.map((assignment, at) => ({
    ...assignment,
    matchedClusters: counts[at] ?? 0,
  }));
}

async function toAnswer(tx: TenantTx, assignment: StoredAssignment) {
  const [matchedClusters = 0] = await countChosen(tx, [assignment]);
  return { ...toJson(assignment), matchedClusters };
}

function tagged(reply: FastifyReply, answer: Static<typeof Assignment>) {
  setEtag(reply, answer);
  return answer;
}

function isOnlyToObserve({ mode, ...rest }: Static<typeof AssignmentChange>): boolean {
  return mode === 'observe' && Object.keys(rest).length === 0;
}

function detailsOf({ id: _id, createdBy: _by, createdAt: _at, ...details }: StoredAssignment) {
  return details;
}
