import type { Config } from '../config.js';
import { ROTATION_STEPS } from '../domain/key-rotation.js';
import { type MasterKeys, openMasterKeys } from '../keys/master-keys.js';
import { describeRotation, reportToJson, rotateKeys } from '../keys/rotate-keys.js';
import { describeMasterKey, MASTER_KEY_STEPS, rotateMasterKey } from '../keys/rotate-master-key.js';
import type { Database } from '../store/database.js';
import type { PlatformKeyKind } from '../store/platform-keys.js';
import { type Options, show } from './options.js';

export async function rotate(
  database: Database,
  config: Config,
  kind: PlatformKeyKind,
  options: Options,
): Promise<string> {
  const step = ROTATION_STEPS.find((known) => known === (options.step ?? 'status'));
  if (!step) throw new Error(`--step: one of ${ROTATION_STEPS.join(', ')}`);
  return withMasterKeys(database, config, async ({ vault }) => {
    const store = { database, vault, trustDomain: config.trustDomain };
    const report = await rotateKeys(store, kind, { step, force: options.force });
    return show(options, reportToJson(report), describeRotation(report));
  });
}

export async function rotateMaster(
  database: Database,
  config: Config,
  options: Options,
): Promise<string> {
  const step = MASTER_KEY_STEPS.find((known) => known === (options.step ?? 'status'));
  if (!step) throw new Error(`--step: one of ${MASTER_KEY_STEPS.join(', ')}`);
  return withMasterKeys(database, config, async (master) => {
    const onProgress = (done: number) => process.stderr.write(`sealed anew: ${done}\n`);
    const { force } = options;
    const report = await rotateMasterKey(database, master, { step, force, onProgress });
    const { keys, values, old, done } = report;
    const states = keys.map(({ id, state, changedAt }) => ({ id, state, changedAt }));
    return show(options, { keys: states, values, old, done }, describeMasterKey(report));
  });
}

async function withMasterKeys<Result>(
  database: Database,
  config: Config,
  fn: (master: MasterKeys) => Promise<Result>,
): Promise<Result> {
  const master = await openMasterKeys(database, config.masterKey);
  try {
    return await fn(master);
  } finally {
    master.close();
  }
}
