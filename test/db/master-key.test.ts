import { createCipheriv, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { getTableName } from 'drizzle-orm';
import { createVault, type Vault } from '../../control-plane/domain/vault.js';
import { loadKeyring } from '../../control-plane/keys/keyring.js';
import { type MasterKeys, openMasterKeys } from '../../control-plane/keys/master-keys.js';
import { type MasterKeyStep, rotateMasterKey } from '../../control-plane/keys/rotate-master-key.js';
import { claimIdempotencyKey, keepAnswer } from '../../control-plane/store/idempotency-keys.js';
import { updateTenantQuotas } from '../../control-plane/store/quotas.js';
import { SEALED_COLUMNS } from '../../control-plane/store/sealed-values.js';
import { createWebhookEndpoint } from '../../control-plane/store/webhooks.js';
import { type FakeKmsPlugin, startFakeKmsPlugin } from '../fakes/kms-plugin.js';
import { runControlPlane, startControlPlane } from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { sha256 } from '../support/store-world.js';

jest.setTimeout(60_000);

const SECRET = Buffer.from('a secret');

let database: TestDatabase;
let directory: string;
const closing: (() => void)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database?.close());

beforeEach(async () => {
  await database.clear();
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-kms-'));
});

afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
  rmSync(directory, { recursive: true });
});

/** As the master key sealed before values had the id of their key. */
function sealedWithoutId(key: Buffer, purpose: string, secret: Buffer): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(purpose));
  const body = Buffer.concat([cipher.update(secret), cipher.final()]);
  return Buffer.concat([Buffer.from([1]), nonce, cipher.getAuthTag(), body]);
}

/** One of everything that is sealed, and so many webhooks, of a new tenant. */
async function newSealedValues(seal: Vault['seal'], webhooks: number): Promise<string> {
  const { id: tenantId } = await database.newTenant();
  await database.app.withPlatform((tx) => updateTenantQuotas(tx, tenantId, { webhooks }));
  await database.app.withTenant({ tenantId }, async (tx) => {
    for (let index = 0; index < webhooks; index += 1) {
      await createWebhookEndpoint(tx, {
        name: `webhook-${index}`,
        url: 'https://example.org/hook',
        secretEncrypted: seal('webhook', SECRET),
      });
    }
    const key = { caller: 'key', key: 'once' };
    await claimIdempotencyKey(tx, key, sha256('request'));
    await keepAnswer(tx, key, { status: 201, answerEncrypted: seal('idempotency', SECRET) });
    // Taken, and without an answer yet.
    await claimIdempotencyKey(tx, { caller: 'key', key: 'twice' }, sha256('request'));
  });
  return tenantId;
}

/** All that is in the database, as the vault opens it. */
async function openAll(vault: Vault): Promise<number> {
  const keys = await database.admin`
    select kind, private_encrypted as sealed from platform_keys where state <> 'retired'`;
  const webhooks = await database.admin`select secret_encrypted as sealed from webhook_endpoints`;
  const answers = await database.admin`
    select answer_encrypted as sealed from idempotency_keys where answer_encrypted is not null`;
  for (const { kind, sealed } of keys) vault.open(`platform-key:${kind}`, sealed);
  for (const { sealed } of webhooks) expect(vault.open('webhook', sealed)).toEqual(SECRET);
  for (const { sealed } of answers) expect(vault.open('idempotency', sealed)).toEqual(SECRET);
  return keys.length + webhooks.length + answers.length;
}

it('every column that is sealed is sealed anew', async () => {
  const columns = await database.admin`
    select relname as table, attname as column from pg_class
    join pg_attribute on attrelid = pg_class.oid
    where relkind in ('r', 'p') and not relispartition and attname like '%\\_encrypted'
      and relnamespace = 'public'::regnamespace order by 1, 2`;
  const known = SEALED_COLUMNS.map(({ table, column }) => ({
    table: getTableName(table),
    column: column.name,
  }));
  expect(known.sort((a, b) => a.table.localeCompare(b.table))).toEqual([...columns]);
});

describe('a master key that is a setting', () => {
  const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
  const open = (active: Buffer, other?: Buffer) => openMasterKeys(database.app, { active, other });

  it('is changed for all values, of every tenant, with or without the id of their key', async () => {
    const old = createVault(oldKey);
    await loadKeyring({ database: database.app, vault: old, trustDomain: 'bulkhead' });
    await newSealedValues(old.seal, 230);
    await newSealedValues(
      (purpose, secret) => sealedWithoutId(oldKey, purpose, Buffer.from(secret)),
      3,
    );
    const both = await open(newKey, oldKey);
    const values = 2 + 231 + 4;
    expect(await rotateMasterKey(database.app, both, { step: 'status' })).toMatchObject({
      values,
      old: values,
    });
    expect(await openAll(both.vault)).toBe(values);

    // Somebody ends it; the next one goes on from there.
    let before = 0;
    const interrupted = rotateMasterKey(database.app, both, {
      step: 'reseal',
      onProgress(done) {
        before = done;
        if (done > 100) throw new Error('interrupted');
      },
    });
    await expect(interrupted).rejects.toThrow('interrupted');
    expect(await openAll(both.vault)).toBe(values);
    const report = await rotateMasterKey(database.app, both, { step: 'reseal' });
    expect(report).toMatchObject({ done: values - before, values, old: 0 });
    expect(before).toBeGreaterThan(100);
    expect(await openAll(createVault(newKey))).toBe(values);
    expect(await rotateMasterKey(database.app, both, { step: 'reseal' })).toMatchObject({
      done: 0,
    });
  });

  it('is told of what no key opens, after all the rest', async () => {
    await newSealedValues(createVault(oldKey).seal, 1);
    await newSealedValues(createVault(randomBytes(32)).seal, 1);
    const both = await open(newKey, oldKey);
    await expect(rotateMasterKey(database.app, both, { step: 'reseal' })).rejects.toThrow(
      /^2 values were sealed anew; no key that is known here opens some of webhook_endpoints, idempotency_keys$/,
    );
    expect(await rotateMasterKey(database.app, both, { step: 'status' })).toMatchObject({
      values: 4,
      old: 2,
    });
  });

  it('is changed by a command', async () => {
    await newSealedValues(createVault(oldKey).seal, 2);
    const settings = {
      BULKHEAD_MASTER_KEY: newKey.toString('base64'),
      BULKHEAD_MASTER_KEY_OTHER: oldKey.toString('base64'),
    };
    const run = (...args: string[]) =>
      runControlPlane(database.url, settings, ['rotate-master-key', ...args]);
    expect((await run()).output).toBe('sealed values: 3, of them not under the active key: 3\n');
    const resealed = await run('--step=reseal');
    expect(resealed.output.split('\n').sort()).toEqual([
      '',
      'sealed anew: 3',
      'sealed anew: 3',
      'sealed values: 3, of them not under the active key: 0',
    ]);
    expect(await openAll(createVault(newKey))).toBe(3);
  });

  it('has no steps but those', async () => {
    const master = await open(newKey);
    await expect(rotateMasterKey(database.app, master, { step: 'begin' })).rejects.toThrow(
      'the master key is a setting',
    );
  });
});

describe('a master key that a plugin wraps', () => {
  const ownKey = randomBytes(32);
  const socket = () => join(directory, 'kms.sock');

  async function startPlugin(key = ownKey): Promise<FakeKmsPlugin> {
    const plugin = await startFakeKmsPlugin(socket(), key);
    closing.push(() => plugin.stop());
    return plugin;
  }

  async function open(limitMs = 20_000, other?: Buffer): Promise<MasterKeys> {
    const setting = { kmsSocket: socket(), other };
    const master = await openMasterKeys(database.app, setting, limitMs);
    closing.push(() => master.close());
    return master;
  }

  it('is made once, and given back to every process', async () => {
    const plugin = await startPlugin();
    const [first, second] = await Promise.all([open(), open()]);
    expect(second.vault.open('x', first.vault.seal('x', SECRET))).toEqual(SECRET);
    const third = await open();
    expect(third.vault.open('x', first.vault.seal('x', SECRET))).toEqual(SECRET);
    expect(plugin.calls).toContain('Decrypt');
    const rows = await database.admin`select wrapped from master_keys`;
    expect(rows).toHaveLength(1);
  });

  it('waits for its plugin, and says what is wrong where it does not come', async () => {
    await expect(open(300)).rejects.toThrow(/^the KMS plugin at \/.*kms\.sock: Status: /);
    const opening = open();
    await startPlugin();
    await opening;
  });

  it('is refused where the plugin is not well, or is another one', async () => {
    const plugin = await startPlugin();
    plugin.healthz = 'no credentials';
    await expect(open(0)).rejects.toThrow('is not well: version v2, healthz no credentials');
    plugin.healthz = 'ok';
    await open();
    plugin.stop();
    await startPlugin(randomBytes(32));
    await expect(open(0)).rejects.toThrow('Decrypt: cannot decrypt this');
  });

  it('is changed in steps, with replicas that hear of each one late', async () => {
    await startPlugin();
    const [command, early, late] = [await open(), await open(), await open()];
    const store = { database: database.app, vault: early.vault, trustDomain: 'bulkhead' };
    await loadKeyring(store);
    await newSealedValues(late.vault.seal, 5);
    const rotate = (step: MasterKeyStep, settleMs = 0) =>
      rotateMasterKey(database.app, command, { step, settleMs });

    await expect(rotate('activate')).rejects.toThrow('begin with --step=begin');
    const former = early.vault.activePrefix;
    expect((await rotate('begin')).keys.map(({ state }) => state)).toEqual(['active', 'next']);
    await expect(rotate('activate', 60_000)).rejects.toThrow(/again in \d+ s/);
    await early.refresh();
    await late.refresh();
    expect(early.vault.activePrefix).toEqual(former);

    const report = await rotate('activate');
    expect(report).toMatchObject({ values: 8, old: 8 });
    await early.refresh();
    expect(early.vault.activePrefix).not.toEqual(former);
    // One that has not heard of it yet opens and is opened.
    expect(late.vault.open('x', early.vault.seal('x', SECRET))).toEqual(SECRET);
    expect(early.vault.open('x', late.vault.seal('x', SECRET))).toEqual(SECRET);

    await expect(rotate('finish')).rejects.toThrow('8 values are under the old key');
    expect(await rotate('reseal')).toMatchObject({ done: 8, old: 0 });
    expect((await rotate('finish')).keys.map(({ state }) => state)).toEqual(['active']);
    await early.refresh();
    expect(await openAll(early.vault)).toBe(8);
    const rows = await database.admin`
      select octet_length(wrapped) as bytes from master_keys where state = 'retired'`;
    expect(rows).toEqual([{ bytes: 0 }]);
  });

  it('of two who begin at once is made once', async () => {
    await startPlugin();
    const master = await open();
    const begin = () => rotateMasterKey(database.app, master, { step: 'begin', settleMs: 0 });
    const tries = await Promise.allSettled([begin(), begin()]);
    expect(tries.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const rows = await database.admin`select state from master_keys order by created_at`;
    expect(rows).toEqual([{ state: 'active' }, { state: 'next' }]);
  });

  it('takes over from one that is a setting', async () => {
    const former = randomBytes(32);
    const old = createVault(former);
    await loadKeyring({ database: database.app, vault: old, trustDomain: 'bulkhead' });
    await newSealedValues(old.seal, 2);
    await startPlugin();
    const both = await open(20_000, former);
    expect(await openAll(both.vault)).toBe(5);
    expect(await rotateMasterKey(database.app, both, { step: 'reseal' })).toMatchObject({
      done: 5,
      old: 0,
    });
    expect(await openAll((await open()).vault)).toBe(5);
  });

  it('is all that a process needs to serve', async () => {
    await startPlugin();
    const settings = { BULKHEAD_MASTER_KEY: '', BULKHEAD_KMS_SOCKET: socket() };
    const replica = await startControlPlane(database.url, settings);
    try {
      const response = await fetch(`${replica.operationsUrl}/readyz`);
      expect(response.status).toBe(200);
      const { vault } = await open();
      await eventually(async () => expect(await openAll(vault)).toBe(2));
    } finally {
      await replica.destroy();
    }
  });
});
