import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import type { Database } from '../store/database.js';
import {
  createPlatformCredential,
  revokePlatformCredential,
} from '../store/platform-credentials.js';
import { expiryFrom, type Options, required, show } from './options.js';

/** Where no other is asked for. */
const PLATFORM_KEY_TTL = '30d';

export async function newPlatformKey(database: Database, options: Options): Promise<string> {
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

export async function endPlatformKey(database: Database, options: Options): Promise<string> {
  const id = required(options.id, '--id');
  const { name } = await database.withPlatform((tx) => revokePlatformCredential(tx, id));
  return show(options, { id, name }, `platform key ${name} is revoked`);
}
