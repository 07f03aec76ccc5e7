import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { hashSecret, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { findApiKey, touchApiKey } from '../store/api-keys.js';
import type { Database } from '../store/database.js';
import { findPlatformCredential } from '../store/platform-credentials.js';
import { findSession, touchSession } from '../store/sessions.js';
import { type Access, accessOf, mayRole, PERMISSION_SCOPES } from './access.js';
import type { Caller, PlatformCaller } from './caller.js';
import { selectorOfClusters } from './cluster-limit.js';
import { cookiesOf } from './cookies.js';
import { checkCsrf } from './csrf.js';

interface AuthenticationDependencies {
  readonly database: Database;
  readonly publicUrl: string;
}

interface Authenticated {
  readonly caller: Caller | PlatformCaller;
  /** Of the caller's tenant. */
  readonly suspendedAt: Date | undefined;
}

/**
 * One way to say who calls. undefined: the request does not try this one; one that it tries and that
 * fails is the end, not a reason to try the next.
 */
type Way = (
  dependencies: AuthenticationDependencies,
  request: FastifyRequest,
) => Promise<Authenticated | undefined>;

/** In this order: with a key, a cookie is not looked at. A page cannot make a browser send a key. */
const WAYS: readonly Way[] = [byPlatformKey, byApiKey, bySession];

const TOUCH_AFTER_MS = 60_000;
/** A key has 100 characters; more is not worth looking at. */
const HEADER_MAX = 512;

/**
 * Settles who calls and whether they may, before anything of the request is read.
 * @throws BulkheadError UNAUTHENTICATED, TENANT_SUSPENDED, PERMISSION_DENIED, CSRF_REFUSED
 */
export async function authorise(
  dependencies: AuthenticationDependencies,
  request: FastifyRequest,
): Promise<void> {
  if (request.is404) return;
  const access = accessOf(request.method, request.routeOptions.url ?? '');
  if (access === 'anyone') return;
  const { caller, suspendedAt } = await authenticate(dependencies, request);
  request.caller = caller;
  if (suspendedAt) throw new BulkheadError('TENANT_SUSPENDED');
  checkAccess(caller, access);
}

async function authenticate(
  dependencies: AuthenticationDependencies,
  request: FastifyRequest,
): Promise<Authenticated> {
  for (const way of WAYS) {
    const authenticated = await way(dependencies, request);
    if (authenticated) return authenticated;
  }
  throw new BulkheadError('UNAUTHENTICATED');
}

/** @throws BulkheadError PERMISSION_DENIED */
function checkAccess(caller: Caller | PlatformCaller, access: Access | undefined): void {
  const refuse = (why: string) => new BulkheadError('PERMISSION_DENIED', why);
  if (access === 'session') {
    if (caller.kind === 'member' && caller.viaSessionId !== undefined) return;
    throw refuse('this is for people who have logged in');
  }
  const scope = access && access !== 'anyone' ? PERMISSION_SCOPES[access] : undefined;
  if (caller.kind === 'platform') {
    if (scope !== 'platform') throw refuse('a platform key may do nothing inside of a tenant');
    return;
  }
  if (!access || access === 'anyone' || !mayRole(caller.role, access)) {
    throw refuse(`the role ${caller.role} may not do this`);
  }
  if (scope !== 'cluster' && caller.clusters) {
    throw refuse('who is limited to clusters may not do this: it is of the whole tenant');
  }
}

/** @throws BulkheadError UNAUTHENTICATED */
async function byPlatformKey(
  { database }: AuthenticationDependencies,
  request: FastifyRequest,
): Promise<Authenticated | undefined> {
  const token = parseToken(TOKEN_KINDS.platform, bearerOf(request) ?? '');
  if (!token) return undefined;
  const credential = await database.withPlatform((tx) => findPlatformCredential(tx, token.id));
  checkCredential(token.secret, credential);
  const { id, name } = credential;
  return { caller: { kind: 'platform', id, name }, suspendedAt: undefined };
}

/** @throws BulkheadError UNAUTHENTICATED */
async function byApiKey(
  { database }: AuthenticationDependencies,
  request: FastifyRequest,
): Promise<Authenticated | undefined> {
  const bearer = bearerOf(request);
  if (bearer === undefined) return undefined;
  const token = parseToken(TOKEN_KINDS.apiKey, bearer);
  const key = token && (await findApiKey(database, token.id));
  checkCredential(token?.secret, key);
  const { id, name, tenantId, role, expiresAt, tenantSuspendedAt: suspendedAt } = key;
  if (Date.now() - (key.lastUsedAt?.getTime() ?? 0) > TOUCH_AFTER_MS) {
    await database.withTenant({ tenantId }, (tx) => touchApiKey(tx, id));
  }
  const clusters = selectorOfClusters(key.clusters);
  return {
    caller: {
      kind: 'api-key',
      id,
      name,
      tenantId,
      role,
      ...(clusters && { clusters }),
      ...(expiresAt && { expiresAt }),
    },
    suspendedAt,
  };
}

/** @throws BulkheadError UNAUTHENTICATED, CSRF_REFUSED */
async function bySession(
  { database, publicUrl }: AuthenticationDependencies,
  request: FastifyRequest,
): Promise<Authenticated | undefined> {
  const cookie = request.cookies[cookiesOf(publicUrl).session];
  if (cookie === undefined) return undefined;
  const token = parseToken(TOKEN_KINDS.session, cookie.slice(0, HEADER_MAX));
  const session = token && (await findSession(database, token.id));
  checkCredential(token?.secret, session);
  const { tenantId, member, tenantSuspendedAt: suspendedAt } = session;
  if (member.disabledAt) throw new BulkheadError('UNAUTHENTICATED');
  checkCsrf(request, publicUrl, token?.secret ?? '');
  if (Date.now() - session.lastUsedAt.getTime() > TOUCH_AFTER_MS) {
    await database.withTenant({ tenantId }, (tx) => touchSession(tx, session.id));
  }
  const { id, email: name, role } = member;
  const clusters = selectorOfClusters(member.clusters);
  return {
    caller: {
      kind: 'member',
      id,
      name,
      tenantId,
      role,
      viaSessionId: session.id,
      expiresAt: session.expiresAt,
      ...(clusters && { clusters }),
    },
    suspendedAt,
  };
}

/** undefined where there is no such header; whatever else it holds is a token, and of no kind. */
function bearerOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined;
  return /^Bearer +(\S+)$/i.exec(authorization.slice(0, HEADER_MAX))?.[1] ?? '';
}

interface Credential {
  readonly secretSha256: Uint8Array;
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
}

/** @throws BulkheadError UNAUTHENTICATED where there is none, its secret is another, or it has ended */
function checkCredential<Found extends Credential>(
  secret: string | undefined,
  credential: Found | undefined,
): asserts credential is Found {
  if (
    secret === undefined ||
    !credential ||
    !timingSafeEqual(hashSecret(secret), credential.secretSha256) ||
    credential.revokedAt ||
    (credential.expiresAt && credential.expiresAt.getTime() <= Date.now())
  ) {
    throw new BulkheadError('UNAUTHENTICATED');
  }
}
