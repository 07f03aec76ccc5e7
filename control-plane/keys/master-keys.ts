import { randomBytes } from 'node:crypto';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import {
  type ChangeableVault,
  createVault,
  MASTER_KEY_BYTES,
  masterKeyId,
} from '../domain/vault.js';
import { createKeyManagement, type KeyManagement } from '../kms/client.js';
import type { Database } from '../store/database.js';
import {
  insertMasterKeyIfAbsent,
  listMasterKeys,
  type MasterKey,
  type NewMasterKey,
} from '../store/master-keys.js';
import type { MasterKeySetting } from './master-key-setting.js';

/** The vault, and where its keys are from. */
export interface MasterKeys {
  readonly vault: ChangeableVault;
  /** Looks whether they have changed; the vault goes by the new ones when it resolves. */
  refresh(): Promise<void>;
  /** A random one, wrapped. undefined: the key is a setting. */
  readonly makeKey: (() => Promise<NewMasterKey>) | undefined;
  close(): void;
}

/** How long a plugin may take to be there. */
const PLUGIN_LIMIT_MS = 30_000;
const PLUGIN_RETRY = { initialMs: 200, maxMs: 3_000 };

/**
 * The first process that starts with a plugin makes the first key.
 * @throws Error where the plugin does not answer in time, or does not give the keys back
 */
export async function openMasterKeys(
  database: Database,
  setting: MasterKeySetting,
  pluginLimitMs = PLUGIN_LIMIT_MS,
): Promise<MasterKeys> {
  const others = setting.other ? [setting.other] : [];
  if ('active' in setting) {
    const vault = createVault(setting.active, ...others);
    return { vault, refresh: async () => {}, makeKey: undefined, close: () => {} };
  }
  const plugin = createKeyManagement(setting.kmsSocket);
  try {
    const held = await keepTrying(pluginLimitMs, async () => {
      const rows = await ensureMasterKeys(database, plugin);
      return { name: nameOf(rows), keys: await unwrapAll(plugin, rows) };
    });
    const vault = createVault(...held.keys, ...others);
    let { name } = held;
    return {
      vault,
      async refresh() {
        const rows = await database.withPlatform((tx) => listMasterKeys(tx));
        if (nameOf(rows) === name) return;
        vault.useKeys(...(await unwrapAll(plugin, rows)), ...others);
        name = nameOf(rows);
      },
      makeKey: () => makeKey(plugin),
      close: () => plugin.close(),
    };
  } catch (error) {
    plugin.close();
    throw error;
  }
}

async function ensureMasterKeys(
  database: Database,
  plugin: KeyManagement,
): Promise<readonly MasterKey[]> {
  const list = () => database.withPlatform((tx) => listMasterKeys(tx));
  const rows = await list();
  if (rows.length > 0) return rows;
  const first = await makeKey(plugin);
  await database.withPlatform((tx) => insertMasterKeyIfAbsent(tx, first, 'active'));
  return list();
}

async function makeKey(plugin: KeyManagement): Promise<NewMasterKey> {
  const key = randomBytes(MASTER_KEY_BYTES);
  const { ciphertext, keyId, annotations } = await plugin.wrap(key);
  const entries = Object.entries(annotations);
  return {
    id: masterKeyId(key),
    wrapped: ciphertext,
    kmsKeyId: keyId,
    kmsAnnotations: Object.fromEntries(
      entries.map(([name, value]) => [name, value.toString('base64')]),
    ),
  };
}

/** The active one first. */
async function unwrapAll(
  plugin: KeyManagement,
  rows: readonly MasterKey[],
): Promise<[Buffer, ...Buffer[]]> {
  const active = rows.find(({ state }) => state === 'active');
  if (!active) throw new Error('the database holds no active master key');
  const others = rows.filter(({ state }) => state === 'next' || state === 'retiring');
  return [
    await unwrap(plugin, active),
    ...(await Promise.all(others.map((row) => unwrap(plugin, row)))),
  ];
}

async function unwrap(plugin: KeyManagement, row: MasterKey): Promise<Buffer> {
  const entries = Object.entries(row.kmsAnnotations);
  const key = await plugin.unwrap({
    ciphertext: Buffer.from(row.wrapped),
    keyId: row.kmsKeyId,
    annotations: Object.fromEntries(
      entries.map(([name, value]) => [name, Buffer.from(value, 'base64')]),
    ),
  });
  if (key.byteLength !== MASTER_KEY_BYTES || masterKeyId(key) !== row.id) {
    throw new Error('the KMS plugin gives another master key back than it was given');
  }
  return key;
}

/** Whatever goes wrong may be that the plugin is only about to start. */
async function keepTrying<T>(limitMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await sleep(backoffMs(failures, PLUGIN_RETRY), NEVER);
    }
  }
}

const NEVER = new AbortController().signal;

function nameOf(rows: readonly MasterKey[]): string {
  return JSON.stringify(rows.map(({ id, state }) => [id, state]));
}
