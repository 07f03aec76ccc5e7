import { and, asc, eq } from 'drizzle-orm';
import { only } from './errors.js';
import {
  type PLATFORM_KEY_KINDS,
  type PLATFORM_KEY_STATES,
  platformKeys,
} from './schema/platform-keys.js';
import type { PlatformTx } from './transaction.js';

export type PlatformKeyKind = (typeof PLATFORM_KEY_KINDS)[number];

export interface NewPlatformKey {
  readonly id: string;
  readonly kind: PlatformKeyKind;
  /** ca: the certificate; bundle-signing: the SubjectPublicKeyInfo. */
  readonly publicDer: Uint8Array;
  readonly privateEncrypted: Uint8Array;
  readonly notAfter?: Date | undefined;
}

export interface PlatformKey {
  readonly id: string;
  readonly kind: PlatformKeyKind;
  readonly state: (typeof PLATFORM_KEY_STATES)[number];
  readonly publicDer: Uint8Array;
  readonly privateEncrypted: Uint8Array;
  readonly createdAt: Date;
  readonly notAfter?: Date;
}

/**
 * Makes it the active key of its kind unless there is one; two replicas that start at the same time
 * both get the key of the one that was first.
 */
export async function insertKeyIfAbsent(tx: PlatformTx, key: NewPlatformKey): Promise<PlatformKey> {
  await tx.queries
    .insert(platformKeys)
    .values({ ...key, state: 'active', notAfter: key.notAfter ?? null })
    .onConflictDoNothing();
  const rows = await tx.queries
    .select()
    .from(platformKeys)
    .where(and(eq(platformKeys.kind, key.kind), eq(platformKeys.state, 'active')));
  return keyFromRow(only(rows));
}

/** Of every state, oldest first. */
export async function listKeys(
  tx: PlatformTx,
  kind: PlatformKeyKind,
): Promise<readonly PlatformKey[]> {
  const rows = await tx.queries
    .select()
    .from(platformKeys)
    .where(eq(platformKeys.kind, kind))
    .orderBy(asc(platformKeys.createdAt));
  return rows.map(keyFromRow);
}

function keyFromRow(row: typeof platformKeys.$inferSelect): PlatformKey {
  const { notAfter, ...key } = row;
  return { ...key, ...(notAfter && { notAfter }) };
}
