import type { FastifyReply, FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { loginRefused } from '../domain/logins.js';
import type { HttpMetrics } from '../metrics/http.js';
import type { IdentityProvider } from '../store/identity-providers.js';
import type { Member } from '../store/members.js';
import { createSession, type LoginWay, SESSION_HOURS } from '../store/sessions.js';
import { checkNotSuspended } from '../store/tenants.js';
import type { TenantTx } from '../store/transaction.js';
import { auditAs } from './audit.js';
import { cookiesOf } from './cookies.js';
import { toJson } from './schemas.js';
import type { HttpDependencies } from './server.js';

/** For after the commit. */
export interface BegunSession {
  readonly cookie: string;
  readonly begunBy: LoginWay;
}

/**
 * The last thing in its transaction.
 * @throws BulkheadError LOGIN_REFUSED where the member is disabled, TENANT_SUSPENDED
 */
export async function beginSession(
  tx: TenantTx,
  request: FastifyRequest,
  member: Member,
  login: {
    readonly begunBy: LoginWay;
    readonly provider?: IdentityProvider;
    readonly details?: Readonly<Record<string, string>>;
  },
): Promise<BegunSession> {
  await checkNotSuspended(tx);
  if (member.disabledAt) throw loginRefused('member-disabled');
  const { begunBy, provider, details } = login;
  const token = createToken(TOKEN_KINDS.session);
  const session = await createSession(tx, {
    id: token.id,
    secretSha256: hashSecret(token.secret),
    memberId: member.id,
    begunBy,
    identityProviderId: provider?.id,
    sourceAddress: request.ip,
    userAgent: request.headers['user-agent'],
  });
  const actor = { kind: 'member', id: member.id, name: member.email } as const;
  await auditAs(actor, tx, request, 'session.create', session.id, {
    after: toJson(session),
    details: {
      begunBy,
      role: member.role,
      ...(provider && { identityProvider: provider.name }),
      ...details,
    },
  });
  return { cookie: token.text, begunBy };
}

/** Lets the browser in and sends it where it wanted to go. */
export function enter(
  reply: FastifyReply,
  { publicUrl, metrics }: Pick<HttpDependencies, 'publicUrl' | 'metrics'>,
  { cookie, begunBy }: BegunSession,
  returnTo: string,
): FastifyReply {
  const { session, options } = cookiesOf(publicUrl);
  metrics?.logins.inc({ how: begunBy, outcome: 'done' });
  reply.setCookie(session, cookie, { ...options, maxAge: SESSION_HOURS * 3600 });
  return reply.redirect(returnTo, 303);
}

/** Counts a login that comes to nothing. */
export async function countRefusals<Result>(
  metrics: HttpMetrics | undefined,
  how: LoginWay,
  login: () => Promise<Result>,
): Promise<Result> {
  try {
    return await login();
  } catch (error) {
    const reason = error instanceof BulkheadError ? error.details.reason : undefined;
    metrics?.logins.inc({ how, outcome: typeof reason === 'string' ? reason : 'failed' });
    throw error;
  }
}
