import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { ROLES } from '../store/api-keys.js';
import { getMember } from '../store/members.js';
import {
  deleteSession,
  getSession,
  LOGIN_WAYS,
  listSessions,
  type Session as StoredSession,
} from '../store/sessions.js';
import { getTenant } from '../store/tenants.js';
import type { TenantTx } from '../store/transaction.js';
import { mayRole, type Permission } from './access.js';
import { audit } from './audit.js';
import { type Caller, callerOf, inTenant, readTenant } from './caller.js';
import { cookiesOf } from './cookies.js';
import { csrfTokenOf } from './csrf.js';
import { checkGrant } from './grants.js';
import {
  closed,
  filterFromQuery,
  Gone,
  Id,
  Instant,
  oneOf,
  PageQuery,
  pageOf,
  pageToJson,
  SelectorText,
  TokenId,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const Session = Type.Object(
  {
    id: TokenId,
    memberId: Id,
    begunBy: oneOf(LOGIN_WAYS),
    identityProviderId: Type.Optional(Id),
    sourceAddress: Type.Optional(Type.String()),
    userAgent: Type.Optional(Type.String()),
    createdAt: Instant,
    lastUsedAt: Instant,
    expiresAt: Type.String({ format: 'date-time', description: 'However much it is used.' }),
  },
  { title: 'Session' },
);
const OwnSession = Type.Object(
  {
    session: Session,
    tenant: Type.Object({ id: Id, name: Type.String() }),
    member: Type.Object({
      id: Id,
      email: Type.String(),
      displayName: Type.String(),
      role: oneOf(ROLES),
      clusters: Type.Optional(SelectorText),
    }),
    csrfToken: Type.String({
      description: 'What changes something sends it as x-bulkhead-csrf.',
    }),
  },
  { title: 'OwnSession' },
);

export function sessionRoutes(api: Api, { database, publicUrl }: HttpDependencies): void {
  const tags = ['sessions'];

  api.get(
    '/v1/sessions',
    {
      schema: {
        operationId: 'listSessions',
        summary: 'Sessions, newest first: their own, or with members:read those of every member',
        tags,
        querystring: closed({ ...PageQuery, memberId: Type.Optional(Id) }),
        response: { 200: pageOf('SessionPage', Session) },
      },
    },
    async (request) => {
      const filter = filterFromQuery(request.query);
      const caller = callerOf(request);
      if (!mayAll(caller, 'members:read')) {
        // A key has none.
        if (caller.kind !== 'member') return { items: [] };
        if (filter.memberId !== undefined && filter.memberId !== caller.id) return { items: [] };
        filter.memberId = caller.id;
      }
      return pageToJson(
        await readTenant(database, request, (tx) => listSessions(tx, filter)),
        toJson,
      );
    },
  );

  api.delete(
    '/v1/sessions/:sessionId',
    {
      schema: {
        operationId: 'revokeSession',
        summary: 'Ends a session, at once and everywhere',
        tags,
        params: closed({ sessionId: TokenId }),
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      await inTenant(database, request, async (tx) => {
        const session = await getSession(tx, request.params.sessionId);
        await checkMayEnd(tx, request, session);
        await end(tx, request, session);
      });
      return reply.code(204).send(undefined);
    },
  );

  api.get(
    '/auth/session',
    {
      schema: {
        operationId: 'getSession',
        summary: 'Who has logged in, and the token that changes ask for',
        tags,
        response: { 200: OwnSession },
      },
    },
    async (request) => {
      const { tenantId, id, viaSessionId } = callerOf(request);
      // Without the limit that they may have, under which nobody sees members.
      const found = await database.withTenant({ tenantId }, async (tx) => ({
        session: await getSession(tx, viaSessionId ?? ''),
        tenant: await getTenant(tx),
        member: await getMember(tx, id),
      }));
      const cookie = request.cookies[cookiesOf(publicUrl).session] ?? '';
      const secret = parseToken(TOKEN_KINDS.session, cookie)?.secret ?? '';
      return { ...toJson(found), csrfToken: csrfTokenOf(secret) };
    },
  );

  api.post(
    '/auth/logout',
    {
      schema: {
        operationId: 'logOut',
        summary: 'Ends the session that asks',
        tags,
        response: { 204: Gone },
      },
    },
    async (request, reply) => {
      const { viaSessionId } = callerOf(request);
      await inTenant(database, request, async (tx) =>
        end(tx, request, await getSession(tx, viaSessionId ?? '')),
      );
      forgetSession(reply, publicUrl);
      return reply.code(204).send(undefined);
    },
  );
}

/** Their own; with members:write those of others who may do no more than they. */
async function checkMayEnd(
  tx: TenantTx,
  request: FastifyRequest,
  session: StoredSession,
): Promise<void> {
  const caller = callerOf(request);
  if (caller.kind === 'member' && caller.id === session.memberId) return;
  // For them it is none that there is.
  if (!mayAll(caller, 'members:write')) throw new BulkheadError('NOT_FOUND', 'no such session');
  checkGrant(request, await getMember(tx, session.memberId));
}

/** Of every member: who is limited to clusters sees none of them. */
function mayAll({ role, clusters }: Caller, permission: Permission): boolean {
  return !clusters && mayRole(role, permission);
}

async function end(tx: TenantTx, request: FastifyRequest, session: StoredSession): Promise<void> {
  await deleteSession(tx, session.id);
  const details = { memberId: session.memberId };
  await audit(tx, request, 'session.revoke', session.id, { before: toJson(session), details });
}

function forgetSession(reply: FastifyReply, publicUrl: string): void {
  const { session, options } = cookiesOf(publicUrl);
  reply.clearCookie(session, options);
}
