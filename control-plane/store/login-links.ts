import { and, eq, sql } from 'drizzle-orm';
import { only } from './errors.js';
import { loginLinks, loginLinkTenants } from './schema/login-links.js';
import type { PlatformTx, TenantTx } from './transaction.js';

/** Never with its secret: that is shown once, by whoever made it. */
export interface LoginLink {
  /** 16 hex digits, public. */
  readonly id: string;
  readonly memberId: string;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface NewLoginLink {
  readonly id: string;
  /** 32 bytes. */
  readonly secretSha256: Uint8Array;
  readonly memberId: string;
  readonly createdBy: string;
}

export const LOGIN_LINK_MINUTES = 15;

/** The member's former ones are worth nothing from now on. @throws BulkheadError NOT_FOUND where there is no such member */
export async function createLoginLink(tx: TenantTx, link: NewLoginLink): Promise<LoginLink> {
  await tx.queries
    .delete(loginLinks)
    .where(and(eq(loginLinks.tenantId, tx.tenantId), eq(loginLinks.memberId, link.memberId)));
  const rows = await tx.queries
    .insert(loginLinks)
    .values({
      ...link,
      tenantId: tx.tenantId,
      expiresAt: sql`now() + make_interval(mins => ${LOGIN_LINK_MINUTES})`,
    })
    .returning();
  await tx.queries.insert(loginLinkTenants).values({ id: link.id, tenantId: tx.tenantId });
  return linkFromRow(only(rows));
}

/** By public id, before the tenant is known. */
export async function findLoginLinkTenant(tx: PlatformTx, id: string): Promise<string | undefined> {
  const [row] = await tx.queries.select().from(loginLinkTenants).where(eq(loginLinkTenants.id, id));
  return row?.tenantId;
}

/**
 * Uses it up: of two at once one gets it. undefined: there is no such link, its secret is another, or
 * it is past its time.
 */
export async function redeemLoginLink(
  tx: TenantTx,
  { id, secretSha256 }: Pick<NewLoginLink, 'id' | 'secretSha256'>,
): Promise<LoginLink | undefined> {
  const [row] = await tx.queries
    .delete(loginLinks)
    .where(
      and(
        eq(loginLinks.tenantId, tx.tenantId),
        eq(loginLinks.id, id),
        eq(loginLinks.secretSha256, secretSha256),
        sql`${loginLinks.expiresAt} > now()`,
      ),
    )
    .returning();
  return row && linkFromRow(row);
}

function linkFromRow(row: typeof loginLinks.$inferSelect): LoginLink {
  const { tenantId: _tenantId, secretSha256: _secretSha256, ...link } = row;
  return link;
}
