import { and, asc, eq, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { KeyState } from '../domain/key-rotation.js';
import { masterKeys } from './schema/master-keys.js';
import type { PlatformTx } from './transaction.js';

export interface NewMasterKey {
  /** 16 hex digits. */
  readonly id: string;
  readonly wrapped: Uint8Array;
  readonly kmsKeyId: string;
  /** Values in base64. */
  readonly kmsAnnotations: Readonly<Record<string, string>>;
}

/** A generation of the master key; `wrapped` is empty where it is retired. */
export interface MasterKey extends NewMasterKey {
  readonly state: KeyState;
  readonly createdAt: Date;
  readonly changedAt: Date;
}

/** Unless there is one in that state: of two at once, one is kept. Says whether it was this one. */
export async function insertMasterKeyIfAbsent(
  tx: PlatformTx,
  key: NewMasterKey,
  state: 'active' | 'next',
): Promise<boolean> {
  const rows = await tx.queries
    .insert(masterKeys)
    .values({ ...key, state })
    .onConflictDoNothing()
    .returning({ id: masterKeys.id });
  return rows.length > 0;
}

/** Of every state, oldest first. */
export async function listMasterKeys(tx: PlatformTx): Promise<readonly MasterKey[]> {
  return tx.queries
    .select()
    .from(masterKeys)
    .orderBy(asc(masterKeys.createdAt), asc(masterKeys.id));
}

/**
 * Where the key is in the state that it is thought to be in. What is retired cannot be unwrapped.
 * @throws BulkheadError CONFLICT where somebody else moved it
 */
export async function moveMasterKey(
  tx: PlatformTx,
  id: string,
  from: KeyState,
  to: KeyState,
): Promise<void> {
  const rows = await tx.queries
    .update(masterKeys)
    .set({
      state: to,
      changedAt: sql`now()`,
      ...(to === 'retired' && { wrapped: new Uint8Array(), kmsAnnotations: {} }),
    })
    .where(and(eq(masterKeys.id, id), eq(masterKeys.state, from)))
    .returning({ id: masterKeys.id });
  if (rows.length === 0) {
    throw new BulkheadError('CONFLICT', 'somebody else has changed this key meanwhile');
  }
}
