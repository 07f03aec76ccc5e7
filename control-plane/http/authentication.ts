import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { hashSecret, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { findApiKey, touchApiKey } from '../store/api-keys.js';
import type { Database } from '../store/database.js';
import { accessOf, mayRole } from './access.js';
import type { Caller } from './caller.js';

/**
 * One way to say who calls. undefined: the request does not try this one; one that it tries and that
 * fails is the end, not a reason to try the next.
 */
type Way = (database: Database, request: FastifyRequest) => Promise<Caller | undefined>;

/** In this order. */
const WAYS: readonly Way[] = [byApiKey];

const TOUCH_AFTER_MS = 60_000;
/** A key has 100 characters; more is not worth looking at. */
const HEADER_MAX = 512;

/**
 * Settles who calls and whether they may, before anything of the request is read.
 * @throws BulkheadError UNAUTHENTICATED, PERMISSION_DENIED
 */
export async function authorise(database: Database, request: FastifyRequest): Promise<void> {
  if (request.is404) return;
  const access = accessOf(request.method, request.routeOptions.url ?? '');
  if (access === 'anyone') return;
  const caller = await authenticate(database, request);
  request.caller = caller;
  if (access === undefined || !mayRole(caller.role, access)) {
    throw new BulkheadError('PERMISSION_DENIED', `the role ${caller.role} may not do this`);
  }
}

async function authenticate(database: Database, request: FastifyRequest): Promise<Caller> {
  for (const way of WAYS) {
    const caller = await way(database, request);
    if (caller) return caller;
  }
  throw new BulkheadError('UNAUTHENTICATED');
}

/** @throws BulkheadError UNAUTHENTICATED */
async function byApiKey(database: Database, request: FastifyRequest): Promise<Caller | undefined> {
  const { authorization } = request.headers;
  if (authorization === undefined) return undefined;
  const bearer = /^Bearer +(\S+)$/i.exec(authorization.slice(0, HEADER_MAX));
  const token = parseToken(TOKEN_KINDS.apiKey, bearer?.[1] ?? '');
  const key = token && (await findApiKey(database, token.id));
  if (!key || !timingSafeEqual(hashSecret(token.secret), key.secretSha256)) {
    throw new BulkheadError('UNAUTHENTICATED');
  }
  const now = Date.now();
  if (key.revokedAt || (key.expiresAt && key.expiresAt.getTime() <= now)) {
    throw new BulkheadError('UNAUTHENTICATED');
  }
  if (now - (key.lastUsedAt?.getTime() ?? 0) > TOUCH_AFTER_MS) {
    await database.withTenant(key, (tx) => touchApiKey(tx, key.id));
  }
  const { id, name, tenantId, role } = key;
  return { kind: 'api-key', id, name, tenantId, role };
}
