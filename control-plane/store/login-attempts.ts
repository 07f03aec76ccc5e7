import { and, count, eq, inArray, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { only } from './errors.js';
import { loginAttempts, loginAttemptTenants } from './schema/login-attempts.js';
import type { PlatformTx, TenantTx } from './transaction.js';

export interface NewLoginAttempt {
  /** 16 hex digits: with the secret it is the `state` that the browser brings back. */
  readonly id: string;
  /** 32 bytes. */
  readonly secretSha256: Uint8Array;
  /** 32 bytes, of the cookie of the browser that began it. */
  readonly browserSha256: Uint8Array;
  readonly providerId: string;
  readonly checksEncrypted: Uint8Array;
  /** A path on this origin. */
  readonly returnTo: string;
}

export interface LoginAttempt {
  readonly checksEncrypted: Uint8Array;
  readonly returnTo: string;
  readonly isExpired: boolean;
}

export const LOGIN_ATTEMPT_MINUTES = 10;
/** Of one tenant: whoever knows its name can begin one, and each takes room for ten minutes. */
export const OPEN_ATTEMPTS_MAX = 10_000;
const REMOVED_AT_ONCE = 1000;

/** Removes some that are past their time, too. @throws BulkheadError RESOURCE_EXHAUSTED */
export async function createLoginAttempt(tx: TenantTx, attempt: NewLoginAttempt): Promise<void> {
  const past = tx.queries
    .select({ id: loginAttempts.id })
    .from(loginAttempts)
    .where(and(eq(loginAttempts.tenantId, tx.tenantId), sql`${loginAttempts.expiresAt} <= now()`))
    .limit(REMOVED_AT_ONCE);
  await tx.queries
    .delete(loginAttempts)
    .where(and(eq(loginAttempts.tenantId, tx.tenantId), inArray(loginAttempts.id, past)));
  const rows = await tx.queries
    .select({ open: count() })
    .from(loginAttempts)
    .where(eq(loginAttempts.tenantId, tx.tenantId));
  if (only(rows).open >= OPEN_ATTEMPTS_MAX) {
    throw new BulkheadError('RESOURCE_EXHAUSTED', 'too many logins are under way');
  }
  await tx.queries.insert(loginAttempts).values({
    ...attempt,
    tenantId: tx.tenantId,
    expiresAt: sql`now() + make_interval(mins => ${LOGIN_ATTEMPT_MINUTES})`,
  });
  await tx.queries.insert(loginAttemptTenants).values({ id: attempt.id, tenantId: tx.tenantId });
}

/** By public id, before the tenant is known. */
export async function findLoginAttemptTenant(
  tx: PlatformTx,
  id: string,
): Promise<string | undefined> {
  const [row] = await tx.queries
    .select()
    .from(loginAttemptTenants)
    .where(eq(loginAttemptTenants.id, id));
  return row?.tenantId;
}

/**
 * Uses it up: of two at once one gets it. undefined: there is none such, or another browser began it
 * or it was with another provider, which uses nothing up.
 */
export async function takeLoginAttempt(
  tx: TenantTx,
  attempt: Pick<NewLoginAttempt, 'id' | 'secretSha256' | 'browserSha256' | 'providerId'>,
): Promise<LoginAttempt | undefined> {
  const [row] = await tx.queries
    .delete(loginAttempts)
    .where(
      and(
        eq(loginAttempts.tenantId, tx.tenantId),
        eq(loginAttempts.id, attempt.id),
        eq(loginAttempts.secretSha256, attempt.secretSha256),
        eq(loginAttempts.browserSha256, attempt.browserSha256),
        eq(loginAttempts.providerId, attempt.providerId),
      ),
    )
    .returning({
      checksEncrypted: loginAttempts.checksEncrypted,
      returnTo: loginAttempts.returnTo,
      isExpired: sql<boolean>`${loginAttempts.expiresAt} <= now()`,
    });
  return row;
}
