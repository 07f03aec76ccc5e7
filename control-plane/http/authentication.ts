import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { hashSecret, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { type ApiKey, findApiKey, touchApiKey } from '../store/api-keys.js';
import type { Database } from '../store/database.js';
import type { TenantTx } from '../store/transaction.js';
import { accessOf, mayRole } from './access.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The key that the request came with; undefined on routes for anyone. */
    apiKey: ApiKey | undefined;
  }
}

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
  const key = await authenticate(database, request.headers.authorization);
  request.apiKey = key;
  if (access === undefined || !mayRole(key.role, access)) {
    throw new BulkheadError('PERMISSION_DENIED', `the role ${key.role} may not do this`);
  }
}

/** A transaction of the caller's tenant. */
export function inTenant<T>(
  database: Database,
  request: FastifyRequest,
  fn: (tx: TenantTx) => Promise<T>,
): Promise<T> {
  return database.withTenant(callerOf(request), fn);
}

/** @throws BulkheadError UNAUTHENTICATED on a route for anyone */
export function callerOf(request: FastifyRequest): ApiKey {
  if (!request.apiKey) throw new BulkheadError('UNAUTHENTICATED');
  return request.apiKey;
}

/** How a row says who made it. */
export function creatorOf(request: FastifyRequest): string {
  return `api-key:${callerOf(request).id}`;
}

async function authenticate(database: Database, header: string | undefined): Promise<ApiKey> {
  const bearer = /^Bearer +(\S+)$/i.exec(header?.slice(0, HEADER_MAX) ?? '');
  const token = parseToken(TOKEN_KINDS.apiKey, bearer?.[1] ?? '');
  const credential = token && (await findApiKey(database, token.id));
  if (!credential || !timingSafeEqual(hashSecret(token.secret), credential.secretSha256)) {
    throw new BulkheadError('UNAUTHENTICATED');
  }
  const { secretSha256: _secretSha256, ...key } = credential;
  const now = Date.now();
  if (key.revokedAt || (key.expiresAt && key.expiresAt.getTime() <= now)) {
    throw new BulkheadError('UNAUTHENTICATED');
  }
  if (now - (key.lastUsedAt?.getTime() ?? 0) > TOUCH_AFTER_MS) {
    await database.withTenant(key, (tx) => touchApiKey(tx, key.id));
  }
  return key;
}
