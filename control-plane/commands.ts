import { parseArgs } from 'node:util';
import { serve } from './app.js';
import { newApiKey } from './commands/api-keys.js';
import { newLoginLink } from './commands/login-links.js';
import { OPTIONS } from './commands/options.js';
import { endPlatformKey, newPlatformKey } from './commands/platform-keys.js';
import { rotate, rotateMaster } from './commands/rotations.js';
import { newTenant } from './commands/tenants.js';
import type { Config } from './config.js';
import { type Database, openDatabase } from './store/database.js';
import { migrate } from './store/migrate.js';

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
    case 'create-login-link':
      return withDatabase(config, (database) => newLoginLink(database, config.publicUrl, values));
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
