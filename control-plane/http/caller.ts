import type { FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { LabelSelector } from '../domain/label-selector.js';
import type { Role } from '../store/api-keys.js';
import type { Database } from '../store/database.js';
import type { TenantTx } from '../store/transaction.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; undefined on routes for anyone. */
    caller: Caller | PlatformCaller | undefined;
  }
}

export const CALLER_KINDS = ['api-key', 'member'] as const;

/** Who calls, however they said so: a program by its key, or a person. */
export interface Caller {
  readonly kind: (typeof CALLER_KINDS)[number];
  /** Of the API key or of the member. */
  readonly id: string;
  /** As people know them. */
  readonly name: string;
  readonly tenantId: string;
  readonly role: Role;
  /** The clusters that they may see and change; absent: all. */
  readonly clusters?: LabelSelector;
  /** The session that a member came with. */
  readonly viaSessionId?: string;
  /** When the credential ends by itself. */
  readonly expiresAt?: Date;
}

/** Who stands above tenants, and may do nothing inside of one. */
export interface PlatformCaller {
  readonly kind: 'platform';
  /** Of the platform key. */
  readonly id: string;
  readonly name: string;
}

/** Who calls, of a tenant or above them. @throws BulkheadError UNAUTHENTICATED on a route for anyone */
export function anyCallerOf(request: FastifyRequest): Caller | PlatformCaller {
  if (!request.caller) throw new BulkheadError('UNAUTHENTICATED');
  return request.caller;
}

/** @throws BulkheadError UNAUTHENTICATED on a route for anyone, PERMISSION_DENIED on one of the platform */
export function callerOf(request: FastifyRequest): Caller {
  const caller = anyCallerOf(request);
  if (caller.kind === 'platform') throw new BulkheadError('PERMISSION_DENIED');
  return caller;
}

/** How a row says who made it: `api-key:ID`, `member:ID`, `platform:ID`. */
export function creatorOf(request: FastifyRequest): string {
  const { kind, id } = anyCallerOf(request);
  return `${kind}:${id}`;
}

/** A transaction of the caller's tenant, and of their clusters where they are limited to some. */
export function inTenant<T>(
  database: Database,
  request: FastifyRequest,
  fn: (tx: TenantTx) => Promise<T>,
): Promise<T> {
  return database.withTenant(callerOf(request), fn);
}

/** Of the caller's tenant and clusters, with one statement. @throws BulkheadError INTERNAL where it is not one */
export function readTenant<T>(
  database: Database,
  request: FastifyRequest,
  fn: (tx: TenantTx) => Promise<T>,
): Promise<T> {
  return database.readTenant(callerOf(request), fn);
}
