import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCommand } from '../../control-plane/commands.js';
import { readConfig } from '../../control-plane/config.js';
import { listAudit } from '../../control-plane/store/audit-log.js';
import { createTestApi, type TestApi } from '../support/http-api.js';

let http: TestApi;

beforeAll(async () => {
  http = await createTestApi();
});

afterAll(() => http?.close());

async function run(...args: string[]) {
  const config = readConfig([], {
    DATABASE_URL: http.database.url,
    BULKHEAD_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
  });
  const output = await runCommand([...args, '--json'], config, new AbortController().signal);
  return JSON.parse(output ?? '');
}

describe('the commands', () => {
  it('make a tenant with the key of its owner, and write that down', async () => {
    const { tenantId, apiKey } = await run('create-tenant', '--name=commanded');
    const told = (await http.call('GET', '/v1/tenant', { key: apiKey })).json();
    expect(told).toMatchObject({ id: tenantId, caller: { role: 'owner' } });
    const { items } = await http.database.app.withTenant({ tenantId }, (tx) => listAudit(tx));
    const actor = { actorKind: 'platform', actorName: 'command line' };
    expect(items).toMatchObject([{ action: 'tenant.create', targetId: tenantId, ...actor }]);
    expect(await run('create-tenant', '--name=commanded', '--if-absent')).toEqual({ tenantId });
  });

  it('make a key that is limited to clusters', async () => {
    await run('create-tenant', '--name=limited');
    const more = ['--tenant=limited', '--name=k', '--as=operator'];
    const { apiKey } = await run('create-api-key', ...more, '--clusters= env == prod');
    const told = (await http.call('GET', '/v1/tenant', { key: apiKey })).json();
    expect(told.caller).toMatchObject({ role: 'operator', clusters: 'env=prod' });
    await expect(run('create-api-key', ...more, '--clusters=a b')).rejects.toThrow('--clusters');
  });

  it('make a platform key, which ends', async () => {
    const { platformKey: key, expiresAt } = await run('create-platform-key', '--name=ops');
    const days = (Date.parse(expiresAt) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(30);
    expect((await http.call('GET', '/v1/platform/tenants', { key })).statusCode).toBe(200);
    const id = key.split('_')[2];
    expect(await run('revoke-platform-key', `--id=${id}`)).toEqual({ id, name: 'ops' });
    expect((await http.call('GET', '/v1/platform/tenants', { key })).statusCode).toBe(401);
    await expect(run('revoke-platform-key', '--id=x')).rejects.toThrow('no such platform key');
    await expect(run('create-platform-key')).rejects.toThrow('--name is missing');
    await expect(run('create-platform-key', '--name=x', '--ttl=x')).rejects.toThrow('--ttl');
  });
});
