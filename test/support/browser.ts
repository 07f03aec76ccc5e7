import { csrfTokenOf } from '../../control-plane/http/csrf.js';
import { createSession, type LoginWay } from '../../control-plane/store/sessions.js';
import { createToken, hashSecret, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import type { TestDatabase } from './database.js';

/** The cookie of a member who has logged in. */
export async function newSession(
  database: TestDatabase,
  tenantId: string,
  memberId: string,
  begunBy: LoginWay = 'login-link',
  identityProviderId?: string,
): Promise<string> {
  const { id, secret, text } = createToken(TOKEN_KINDS.session);
  const row = { id, secretSha256: hashSecret(secret), memberId, begunBy, identityProviderId };
  await database.app.withTenant({ tenantId }, (tx) => createSession(tx, row));
  return text;
}

export const SESSION_COOKIE = '__Host-bulkhead_session';

/** What a page of ours sends with a change. */
export function headersOfPage(publicUrl: string, cookie: string): Record<string, string> {
  const secret = parseToken(TOKEN_KINDS.session, cookie)?.secret ?? '';
  return {
    cookie: `${SESSION_COOKIE}=${cookie}`,
    origin: publicUrl,
    'x-bulkhead-csrf': csrfTokenOf(secret),
  };
}
