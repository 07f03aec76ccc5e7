import { and, asc, eq, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { KeyState } from '../domain/key-rotation.js';
import { only } from './errors.js';
import { type PLATFORM_KEY_KINDS, platformKeys } from './schema/platform-keys.js';
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
  readonly state: KeyState;
  readonly publicDer: Uint8Array;
  /** Empty where it is retired. */
  readonly privateEncrypted: Uint8Array;
  readonly createdAt: Date;
  readonly changedAt: Date;
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

/** @throws BulkheadError CONFLICT where there is a next key of its kind */
export async function insertNextKey(tx: PlatformTx, key: NewPlatformKey): Promise<PlatformKey> {
  const [row] = await tx.queries
    .insert(platformKeys)
    .values({ ...key, state: 'next', notAfter: key.notAfter ?? null })
    .onConflictDoNothing()
    .returning();
  if (!row) throw new BulkheadError('CONFLICT', 'somebody else has begun a change meanwhile');
  return keyFromRow(row);
}

/** Of every state, oldest first; of one kind or all. */
export async function listKeys(
  tx: PlatformTx,
  kind?: PlatformKeyKind,
): Promise<readonly PlatformKey[]> {
  const rows = await tx.queries
    .select()
    .from(platformKeys)
    .where(kind === undefined ? undefined : eq(platformKeys.kind, kind))
    .orderBy(asc(platformKeys.createdAt), asc(platformKeys.id));
  return rows.map(keyFromRow);
}

/**
 * Where the key is in the state that it is thought to be in. What is retired has no private key.
 * @throws BulkheadError CONFLICT where somebody else moved it
 */
export async function moveKey(
  tx: PlatformTx,
  id: string,
  from: KeyState,
  to: KeyState,
): Promise<PlatformKey> {
  const [row] = await tx.queries
    .update(platformKeys)
    .set({
      state: to,
      changedAt: sql`now()`,
      ...(to === 'retired' && { privateEncrypted: new Uint8Array() }),
    })
    .where(and(eq(platformKeys.id, id), eq(platformKeys.state, from)))
    .returning();
  if (!row) throw new BulkheadError('CONFLICT', 'somebody else has changed this key meanwhile');
  return keyFromRow(row);
}

function keyFromRow(row: typeof platformKeys.$inferSelect): PlatformKey {
  const { notAfter, ...key } = row;
  return { ...key, ...(notAfter && { notAfter }) };
}
