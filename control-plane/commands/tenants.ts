import { appendAudit } from '../store/audit-log.js';
import type { Database } from '../store/database.js';
import { createTenant, findTenantByName } from '../store/tenants.js';
import { issueKey } from './api-keys.js';
import { COMMAND_LINE, type Options, required, show } from './options.js';

export async function newTenant(database: Database, options: Options): Promise<string> {
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
        actor: COMMAND_LINE,
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
