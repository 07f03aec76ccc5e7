import { and, eq, lt, sql } from 'drizzle-orm';
import { only } from './errors.js';
import { idempotencyKeys } from './schema/idempotency-keys.js';
import type { TenantTx } from './transaction.js';

export interface IdempotencyKey {
  readonly caller: string;
  /** 1 to 255 bytes. */
  readonly key: string;
}

export interface KeptAnswer {
  readonly requestSha256: Uint8Array;
  readonly status: number;
  readonly answerEncrypted: Uint8Array;
}

/**
 * Takes the key for the request of this transaction, or answers what was kept under it. Of two at
 * once the second waits for the first to commit, and then finds its answer.
 */
export async function claimIdempotencyKey(
  tx: TenantTx,
  { caller, key }: IdempotencyKey,
  requestSha256: Uint8Array,
): Promise<KeptAnswer | undefined> {
  await tx.queries
    .delete(idempotencyKeys)
    .where(
      and(
        eq(idempotencyKeys.tenantId, tx.tenantId),
        lt(idempotencyKeys.createdAt, sql`now() - interval '24 hours'`),
      ),
    );
  const taken = await tx.queries
    .insert(idempotencyKeys)
    .values({ tenantId: tx.tenantId, caller, key, requestSha256 })
    .onConflictDoNothing()
    .returning({ key: idempotencyKeys.key });
  if (taken.length > 0) return undefined;
  const rows = await tx.queries.select().from(idempotencyKeys).where(byKey(tx, { caller, key }));
  const { status, answerEncrypted, ...kept } = only(rows);
  // A key is committed with its answer or not at all.
  return { ...kept, status: status ?? 0, answerEncrypted: answerEncrypted ?? new Uint8Array() };
}

/** In the transaction that took the key. */
export async function keepAnswer(
  tx: TenantTx,
  key: IdempotencyKey,
  answer: { readonly status: number; readonly answerEncrypted: Uint8Array },
): Promise<void> {
  await tx.queries.update(idempotencyKeys).set(answer).where(byKey(tx, key));
}

function byKey(tx: TenantTx, { caller, key }: IdempotencyKey) {
  return and(
    eq(idempotencyKeys.tenantId, tx.tenantId),
    eq(idempotencyKeys.caller, caller),
    eq(idempotencyKeys.key, key),
  );
}
