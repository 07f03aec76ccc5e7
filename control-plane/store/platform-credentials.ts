import { eq, sql } from 'drizzle-orm';
import { found, only } from './errors.js';
import { platformCredentials } from './schema/platform-credentials.js';
import type { PlatformTx } from './transaction.js';

/** A platform key: whoever holds it makes and suspends tenants, and may do nothing inside of one. */
export interface PlatformCredential {
  /** 16 hex digits, public. */
  readonly id: string;
  readonly name: string;
  readonly secretSha256: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt?: Date;
}

/** @throws BulkheadError CONFLICT where the id is taken */
export async function createPlatformCredential(
  tx: PlatformTx,
  credential: Pick<PlatformCredential, 'id' | 'name' | 'secretSha256' | 'expiresAt'>,
): Promise<PlatformCredential> {
  const rows = await tx.queries.insert(platformCredentials).values(credential).returning();
  return credentialFromRow(only(rows));
}

/** By public id; revoked and expired ones too. The caller compares the secret. */
export async function findPlatformCredential(
  tx: PlatformTx,
  id: string,
): Promise<PlatformCredential | undefined> {
  const [row] = await tx.queries
    .select()
    .from(platformCredentials)
    .where(eq(platformCredentials.id, id));
  return row && credentialFromRow(row);
}

/** Again: keeps the first time. @throws BulkheadError NOT_FOUND */
export async function revokePlatformCredential(
  tx: PlatformTx,
  id: string,
): Promise<PlatformCredential> {
  const [row] = await tx.queries
    .update(platformCredentials)
    .set({ revokedAt: sql`coalesce(${platformCredentials.revokedAt}, now())` })
    .where(eq(platformCredentials.id, id))
    .returning();
  return credentialFromRow(found(row, 'platform key'));
}

function credentialFromRow(row: typeof platformCredentials.$inferSelect): PlatformCredential {
  const { revokedAt, ...credential } = row;
  return { ...credential, ...(revokedAt && { revokedAt }) };
}
