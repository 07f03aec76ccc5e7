import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { selectorFromText, selectorToText } from '../domain/label-selector.js';
import { createApiKey, type NewApiKey } from '../store/api-keys.js';
import type { Database } from '../store/database.js';
import {
  COMMAND_LINE,
  expiryFrom,
  type Options,
  required,
  roleFrom,
  show,
  tenantFrom,
} from './options.js';

export async function newApiKey(database: Database, options: Options): Promise<string> {
  const role = roleFrom(options.as ?? 'viewer');
  const tenant = await tenantFrom(database, options);
  const expiresAt = expiryFrom(options.ttl);
  const name = required(options.name, '--name');
  const clusters = selectorToText(selectorFromText('--clusters', options.clusters ?? ''));
  const key = { role, name, expiresAt, clusters: clusters || undefined };
  const apiKey = await issueKey(database, tenant.id, key);
  return show(options, { apiKey }, `API key  ${apiKey}  (${role}; shown only now)`);
}

export async function issueKey(
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
      createdBy: COMMAND_LINE.name,
    }),
  );
  return token.text;
}
