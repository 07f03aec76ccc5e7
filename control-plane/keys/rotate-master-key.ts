import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { KEYS_SETTLE_MS, movesOf, type RotationStep, unsettledMs } from '../domain/key-rotation.js';
import type { Vault } from '../domain/vault.js';
import { CHANNELS, type Database, notify } from '../store/database.js';
import {
  insertMasterKeyIfAbsent,
  listMasterKeys,
  type MasterKey,
  moveMasterKey,
} from '../store/master-keys.js';
import { countSealedValues, resealValues, type SealedCount } from '../store/sealed-values.js';
import { everyTenant } from '../store/tenants.js';
import type { PlatformTx, TenantTx } from '../store/transaction.js';
import type { MasterKeys } from './master-keys.js';

export const MASTER_KEY_STEPS = ['begin', 'activate', 'reseal', 'finish', 'status'] as const;
export type MasterKeyStep = (typeof MASTER_KEY_STEPS)[number];

export interface MasterKeyOptions {
  readonly step: MasterKeyStep;
  readonly force?: boolean | undefined;
  /** Told how many values were sealed anew so far. */
  readonly onProgress?: (done: number) => void;
  /** Only tests are quicker. */
  readonly settleMs?: number;
}

export interface MasterKeyReport extends SealedCount {
  /** Generations that a plugin has wrapped, without those that are retired. */
  readonly keys: readonly Pick<MasterKey, 'id' | 'state' | 'changedAt'>[];
  /** Of `reseal`: so many were sealed anew. */
  readonly done: number;
}

/**
 * One step of a change of the master key: see domain/key-rotation.ts, of which reseal is one step more,
 * between activate and finish. Where the key is a setting, the settings are the other steps.
 * @throws Error where a step does not follow, or values would be lost and it is not forced
 */
export async function rotateMasterKey(
  database: Database,
  master: MasterKeys,
  options: MasterKeyOptions,
): Promise<MasterKeyReport> {
  const { step } = options;
  const done = step === 'reseal' ? await resealAll(database, master.vault, options) : 0;
  if (step !== 'reseal' && step !== 'status') await makeStep(database, master, step, options);
  await master.refresh();
  const rows = await database.withPlatform((tx) => listMasterKeys(tx));
  const keys = rows.filter(({ state }) => state !== 'retired');
  return { keys, done, ...(await countAll(database, master.vault)) };
}

async function makeStep(
  database: Database,
  { makeKey, vault }: MasterKeys,
  step: Exclude<RotationStep, 'status'>,
  { force = false, settleMs = KEYS_SETTLE_MS }: MasterKeyOptions,
): Promise<void> {
  if (!makeKey) {
    throw new Error('the master key is a setting: only --step=reseal and status are for it');
  }
  const rows = await database.withPlatform((tx) => listMasterKeys(tx));
  const moves = movesOf(step, rows);
  if (!force) {
    const waitMs = unsettledMs(step, rows, settleMs, new Date());
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      throw new Error(`not every replica may have taken the step before: again in ${seconds} s`);
    }
  }
  if (step === 'finish') {
    // Not even by force: nothing would ever open them again.
    const { old } = await countAll(database, vault);
    if (old > 0) throw new Error(`${old} values are under the old key: first --step=reseal`);
  }
  const made = moves.includes('make') ? await makeKey() : undefined;
  await database.withPlatform(async (tx) => {
    if (made && !(await insertMasterKeyIfAbsent(tx, made, 'next'))) {
      throw new BulkheadError('CONFLICT', 'somebody else has begun a change meanwhile');
    }
    for (const move of moves) {
      if (move !== 'make') await moveMasterKey(tx, move.id, move.from, move.to);
    }
    await notify(tx, CHANNELS.keys, '');
  });
}

/** In small transactions: one that is interrupted goes on where it was when it is called again. */
async function resealAll(
  database: Database,
  vault: Vault,
  { onProgress }: MasterKeyOptions,
): Promise<number> {
  let done = 0;
  const unreadable = new Set<string>();
  const reseal = (purpose: string, sealed: Uint8Array) =>
    vault.seal(purpose, vault.open(purpose, sealed));
  for await (const within of everyScope(database)) {
    for (;;) {
      const batch = await within((tx) => resealValues(tx, vault.activePrefix, reseal));
      done += batch.done;
      for (const table of batch.unreadable) unreadable.add(table);
      if (batch.done === 0) break;
      onProgress?.(done);
    }
  }
  if (unreadable.size > 0) {
    const tables = [...unreadable].join(', ');
    throw new Error(
      `${done} values were sealed anew; no key that is known here opens some of ${tables}`,
    );
  }
  return done;
}

async function countAll(database: Database, vault: Vault): Promise<SealedCount> {
  let [values, old] = [0, 0];
  for await (const within of everyScope(database)) {
    const count = await within((tx) => countSealedValues(tx, vault.activePrefix));
    values += count.values;
    old += count.old;
  }
  return { values, old };
}

type Within = <T>(fn: (tx: TenantTx | PlatformTx) => Promise<T>) => Promise<T>;

/** The installation's own values, then those of each tenant. */
async function* everyScope(database: Database): AsyncGenerator<Within> {
  yield (fn) => database.withPlatform(fn);
  for await (const { id } of everyTenant(database)) {
    yield (fn) => database.withTenant({ tenantId: id }, fn);
  }
}

export function describeMasterKey({ keys, values, old, done }: MasterKeyReport): string {
  return [
    ...keys.map(
      ({ id, state, changedAt }) => `${state.padEnd(8)} ${id} since ${changedAt.toISOString()}`,
    ),
    ...(done > 0 ? [`sealed anew: ${done}`] : []),
    `sealed values: ${values}, of them not under the active key: ${old}`,
  ].join('\n');
}
