import { Type } from 'typebox';
import { ROLES } from '../store/api-keys.js';
import {
  createMember,
  deleteMember,
  getMember,
  listMembers,
  type Member as StoredMember,
  updateMember,
} from '../store/members.js';
import { audit } from './audit.js';
import { inTenant, readTenant } from './caller.js';
import { clustersFromText } from './cluster-limit.js';
import { checkGrant } from './grants.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { checkIfMatch, IfMatchHeaders, setEtag } from './if-match.js';
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
  Revision,
  SelectorText,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Role = oneOf(ROLES);
/** What can be an address; whether it is one shows when its owner logs in. */
export const Email = Type.String({
  minLength: 3,
  maxLength: 254,
  pattern: '^[^\\p{C}\\s@]+@[^\\p{C}\\s@]+$',
  description: 'Kept in lower case.',
});

export const Member = Type.Object(
  {
    id: Id,
    email: Type.String(),
    displayName: Type.String(),
    role: Role,
    clusters: Type.Optional(SelectorText),
    createdAt: Instant,
    disabledAt: Type.Optional(Instant),
    revision: Revision,
  },
  { title: 'Member' },
);
const MemberQuery = closed({
  ...PageQuery,
  role: Type.Optional(Role),
  emailPrefix: NamePrefix,
});
const NewMember = closed({
  email: Email,
  displayName: Name,
  role: Role,
  clusters: Type.Optional(SelectorText),
});
const MemberChange = closed({
  displayName: Type.Optional(Name),
  role: Type.Optional(Role),
  clusters: Type.Optional(SelectorText),
  disabled: Type.Optional(Type.Boolean()),
});

export function memberRoutes(api: Api, dependencies: HttpDependencies): void {
  const { database } = dependencies;
  const tags = ['members'];
  const params = closed({ memberId: Id });

  api.get(
    '/v1/members',
    {
      schema: {
        operationId: 'listMembers',
        summary: 'People of the tenant, by address',
        tags,
        querystring: MemberQuery,
        response: { 200: pageOf('MemberPage', Member) },
      },
    },
    async (request) => {
      const filter = filterFromQuery(request.query);
      return pageToJson(
        await readTenant(database, request, (tx) => listMembers(tx, filter)),
        toJson,
      );
    },
  );

  api.post(
    '/v1/members',
    {
      schema: {
        operationId: 'createMember',
        summary: 'Makes somebody a member, by the address that they log in with',
        tags,
        headers: IdempotencyHeaders,
        body: NewMember,
        response: { 201: Member },
      },
    },
    async (request, reply) => {
      const clusters = clustersFromText(request.body.clusters ?? '') || undefined;
      checkGrant(request, { ...request.body, clusters });
      const member = await makeOnce(dependencies, request, reply, async (tx) => {
        const made = toJson(await createMember(tx, { ...request.body, clusters }));
        const details = detailsOf(made);
        await audit(tx, request, 'member.create', made.id, { after: made, details });
        return made;
      });
      setEtag(reply, member);
      return member;
    },
  );

  api.get(
    '/v1/members/:memberId',
    {
      schema: {
        operationId: 'getMember',
        summary: 'One member',
        tags,
        params,
        response: { 200: Member },
      },
    },
    async (request, reply) => {
      const { memberId } = request.params;
      const member = await readTenant(database, request, (tx) => getMember(tx, memberId));
      setEtag(reply, member);
      return toJson(member);
    },
  );

  api.patch(
    '/v1/members/:memberId',
    {
      schema: {
        operationId: 'updateMember',
        summary: 'Changes what a member may do, or what they are called; disables and enables them',
        tags,
        params,
        headers: IfMatchHeaders,
        body: MemberChange,
        response: { 200: Member },
      },
    },
    async (request, reply) => {
      const { memberId } = request.params;
      const { clusters: text, ...more } = request.body;
      const change = { ...more, clusters: text === undefined ? undefined : clustersFromText(text) };
      const member = await inTenant(database, request, async (tx) => {
        let before: unknown;
        const after = await updateMember(tx, memberId, change, (current) => {
          checkIfMatch(request, current);
          checkGrant(request, current);
          checkGrant(request, {
            role: change.role ?? current.role,
            clusters: change.clusters ?? current.clusters,
          });
          before = toJson(current);
        });
        const details = detailsOf(after);
        await audit(tx, request, 'member.update', memberId, {
          before,
          after: toJson(after),
          details,
        });
        return after;
      });
      setEtag(reply, member);
      return toJson(member);
    },
  );

  api.delete(
    '/v1/members/:memberId',
    {
      schema: {
        operationId: 'deleteMember',
        summary: 'Removes a member for good; what they did keeps their name',
        tags,
        params,
        headers: IfMatchHeaders,
        response: { 200: Member },
      },
    },
    (request) =>
      inTenant(database, request, async (tx) => {
        const { memberId } = request.params;
        const removed = await deleteMember(tx, memberId, (current) => {
          checkIfMatch(request, current);
          checkGrant(request, current);
        });
        const before = toJson(removed);
        const details = detailsOf(removed);
        await audit(tx, request, 'member.delete', memberId, { before, details });
        return before;
      }),
  );
}

/** What the record keeps beside hashes. */
function detailsOf({
  email,
  role,
  clusters,
  disabledAt,
}: Pick<StoredMember, 'email' | 'role' | 'clusters'> & { readonly disabledAt?: unknown }) {
  return {
    email,
    role,
    ...(clusters !== undefined && { clusters }),
    ...(disabledAt !== undefined && { disabled: true }),
  };
}
