import { and, eq, sql } from 'drizzle-orm';
import { memberIdentities } from './schema/identity-providers.js';
import type { TenantTx } from './transaction.js';

/** Somebody at an issuer: no other there ever has the same subject (OpenID Connect Core, 2). */
export interface ForeignIdentity {
  readonly issuer: string;
  /** 1 to 255 bytes. */
  readonly subject: string;
}

/** Which member it is, and that they log in now; undefined: nobody yet. */
export async function recognise(
  tx: TenantTx,
  { issuer, subject }: ForeignIdentity,
): Promise<string | undefined> {
  const [row] = await tx.queries
    .update(memberIdentities)
    .set({ lastLoginAt: sql`now()` })
    .where(
      and(
        eq(memberIdentities.tenantId, tx.tenantId),
        eq(memberIdentities.issuer, issuer),
        eq(memberIdentities.subject, subject),
      ),
    )
    .returning({ memberId: memberIdentities.memberId });
  return row?.memberId;
}

/** From now on it is this member. false: the member is somebody else of that issuer. */
export async function linkIdentity(
  tx: TenantTx,
  memberId: string,
  { issuer, subject }: ForeignIdentity,
): Promise<boolean> {
  const rows = await tx.queries
    .insert(memberIdentities)
    .values({ tenantId: tx.tenantId, memberId, issuer, subject })
    .onConflictDoNothing()
    .returning({ memberId: memberIdentities.memberId });
  return rows.length > 0;
}
