import { parseArgs } from 'node:util';
import { createToken, hashSecret, TOKEN_KINDS } from '../proto/ts/wire/tokens.js';
import { serve } from './app.js';
import type { Config } from './config.js';
import { ROTATION_STEPS } from './domain/key-rotation.js';
import { selectorFromText, selectorToText } from './domain/label-selector.js';
import { type MasterKeys, openMasterKeys } from './keys/master-keys.js';
import { describeRotation, reportToJson, rotateKeys } from './keys/rotate-keys.js';
import { describeMasterKey, MASTER_KEY_STEPS, rotateMasterKey } from './keys/rotate-master-key.js';
import { createApiKey, type NewApiKey, ROLES } from './store/api-keys.js';
import { appendAudit } from './store/audit-log.js';
import { type Database, openDatabase } from './store/database.js';
import { migrate } from './store/migrate.js';
import {
  createPlatformCredential,
  revokePlatformCredential,
} from './store/platform-credentials.js';
import type { PlatformKeyKind } from './store/platform-keys.js';
import { createTenant, findTenantByName } from './store/tenants.js';

/** Of a platform key for which no other is asked for. */
const PLATFORM_KEY_TTL = '30d';

const OPTIONS = {
  /** Of this process: config.ts reads it. */
  role: { type: 'string' },
  as: { type: 'string' },
  name: { type: 'string' },
  tenant: { type: 'string' },
  ttl: { type: 'string' },
  clusters: { type: 'string' },
  id: { type: 'string' },
  step: { type: 'string' },
  force: { type: 'boolean' },
  'if-absent': { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

/** Runs what the arguments ask for; resolves to what is to be printed. */
export async function runCommand(
  args: readonly string[],
  config: Config,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
  });
  const [command = 'serve', ...more] = positionals;
  if (more.length > 0) throw new Error(`too many arguments: ${more.join(' ')}`);
  switch (command) {
    case 'serve':
      await serve(config, signal);
      return undefined;
    case 'migrate':
      return migrated(await migrate(config.databaseUrl));
    case 'create-tenant':
      return withDatabase(config, (database) => newTenant(database, values));
    case 'create-platform-key':
      return withDatabase(config, (database) => newPlatformKey(database, values));
    case 'revoke-platform-key':
      return withDatabase(config, (database) => endPlatformKey(database, values));
    case 'create-api-key':
      return withDatabase(config, (database) => newApiKey(database, values));
    case 'rotate-ca':
      return withDatabase(config, (database) => rotate(database, config, 'ca', values));
    case 'rotate-master-key':
      return withDatabase(config, (database) => rotateMaster(database, config, values));
    case 'rotate-signing-key':
      return withDatabase(config, (database) => rotate(database, config, 'bundle-signing', values));
    default:
      throw new Error(`no such command: ${command} (--help lists them)`);
  }
}

function migrated(names: readonly string[]): string {
  return names.length > 0 ? `applied: ${names.join(', ')}` : 'the database is up to date';
}

async function withDatabase<Result>(
  config: Config,
  fn: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = openDatabase({
    url: config.databaseUrl,
    role: 'bulkhead_app',
    maxConnections: 2,
    applicationName: 'bulkhead-command',
  });
  try {
    return await fn(database);
  } finally {
    await database.close();
  }
}

async function newTenant(database: Database, options: Options): Promise<string> {
  const name = required(options.name, '--name');
  const found = options['if-absent']
    ? await database.withPlatform((tx) => findTenantByName(tx, name))
    : undefined;
  if (found) return show(options, { tenantId: found.id }, `tenant ${name} exists already`);
  const tenant = await database.withPlatform(async (platform) => {
    const made = await createTenant(platform, { name });
    await platform.asTenant(made.id, (tx) =>
      appendAudit(tx, {
        action: 'tenant.create',
        target: { kind: 'tenant', id: made.id },
        actor: { kind: 'platform', id: 'command-line', name: 'command line' },
        after: made,
        details: { name },
      }),
    );
    return made;
  });
  const apiKey = await issueKey(database, tenant.id, { role: 'owner', name: 'first key' });
  return show(
    options,
    { tenantId: tenant.id, apiKey },
    `tenant   ${name} ${tenant.id}\nAPI key  ${apiKey}  (owner; shown only now)`,
  );
}

async function newApiKey(database: Database, options: Options): Promise<string> {
  const tenantName = required(options.tenant, '--tenant');
  const role = ROLES.find((known) => known === (options.as ?? 'viewer'));
  if (!role) throw new Error(`--as: one of ${ROLES.join(', ')}`);
  const tenant = await database.withPlatform((tx) => findTenantByName(tx, tenantName));
  if (!tenant) throw new Error(`there is no tenant named ${tenantName}`);
  const expiresAt = expiryFrom(options.ttl);
  const name = required(options.name, '--name');
  const clusters = selectorToText(selectorFromText('--clusters', options.clusters ?? ''));
  const key = { role, name, expiresAt, clusters: clusters || undefined };
  const apiKey = await issueKey(database, tenant.id, key);
  return show(options, { apiKey }, `API key  ${apiKey}  (${role}; shown only now)`);
}

async function newPlatformKey(database: Database, options: Options): Promise<string> {
  const name = required(options.name, '--name');
  const expiresAt = expiryFrom(options.ttl ?? PLATFORM_KEY_TTL);
  if (!expiresAt) throw new Error('--ttl is missing');
  const token = createToken(TOKEN_KINDS.platform);
  const secretSha256 = hashSecret(token.secret);
  await database.withPlatform((tx) =>
    createPlatformCredential(tx, { id: token.id, name, secretSha256, expiresAt }),
  );
  const until = expiresAt.toISOString();
  return show(
    options,
    { platformKey: token.text, expiresAt: until },
    `platform key  ${token.text}  (until ${until}; shown only now)`,
  );
}

async function endPlatformKey(database: Database, options: Options): Promise<string> {
  const id = required(options.id, '--id');
  const { name } = await database.withPlatform((tx) => revokePlatformCredential(tx, id));
  return show(options, { id, name }, `platform key ${name} is revoked`);
}

async function rotate(
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

async function rotateMaster(database: Database, config: Config, options: Options): Promise<string> {
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

async function issueKey(
  database: Database,
  tenantId: string,
  key: Pick<NewApiKey, 'role' | 'name' | 'expiresAt' | 'clusters'>,
): Promise<string> {
  const token = createToken(TOKEN_KINDS.apiKey);
  await database.withTenant({ tenantId }, (tx) =>
    createApiKey(tx, {
      ...key,
      id: token.id,
      secretSha256: hashSecret(token.secret),
      createdBy: 'command line',
    }),
  );
  return token.text;
}

function expiryFrom(ttl: string | undefined): Date | undefined {
  if (ttl === undefined) return undefined;
  const match = /^([1-9]\d{0,4})([mhd])$/.exec(ttl);
  if (!match) throw new Error('--ttl: a number with m, h or d behind it, such as 12h');
  const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] ?? ''] ?? 0;
  return new Date(Date.now() + Number(match[1]) * unitMs);
}

function required(value: string | undefined, option: string): string {
  if (!value) throw new Error(`${option} is missing`);
  return value;
}

function show(options: Options, json: object, text: string): string {
  return options.json ? JSON.stringify(json) : text;
}
