import { expect, it } from '@jest/globals';
import { listSources } from '../../support/sources.js';

/** Who seals, and where it is kept: in a column of store/sealed-values.ts, or nowhere. */
const SEALERS: Readonly<Record<string, string>> = {
  'control-plane/http/idempotency.ts': 'idempotency_keys.answer_encrypted',
  'control-plane/http/identity-providers.ts': 'identity_providers.client_secret_encrypted',
  'control-plane/http/oidc-login.ts': 'login_attempts.checks_encrypted',
  'control-plane/http/webhooks.ts': 'webhook_endpoints.secret_encrypted',
  'control-plane/keys/keyring.ts': 'platform_keys.private_encrypted',
  'control-plane/keys/rotate-master-key.ts': 'whatever it opened',
};

it('whatever is sealed is known to a change of the master key', () => {
  const sealers = listSources()
    .filter(({ path, text }) => path.startsWith('control-plane/') && /\.seal\(/.test(text))
    .map(({ path }) => path);
  expect(sealers.sort()).toEqual(Object.keys(SEALERS));
});
