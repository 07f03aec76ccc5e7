import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createApiKey,
  findApiKey,
  listApiKeys,
  revokeApiKey,
  touchApiKey,
} from '../../control-plane/store/api-keys.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { sha256, tokenId } from '../support/store-world.js';

let database: TestDatabase;
let tenantId = '';

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await database.newTenant()).id;
});

afterAll(() => database.close());

async function newKey(more: { expiresAt?: Date; id?: string } = {}): Promise<string> {
  const id = more.id ?? tokenId();
  await database.app.withTenant({ tenantId }, (tx) =>
    createApiKey(tx, {
      name: 'key',
      secretSha256: sha256(id),
      role: 'operator',
      createdBy: 'test',
      ...more,
      id,
    }),
  );
  return id;
}

describe('an API key', () => {
  it('is found by its public id alone, with its tenant and what proves it', async () => {
    const expiresAt = new Date(Date.now() + 1000);
    const id = await newKey({ expiresAt });
    const key = await findApiKey(database.app, id);
    expect(key).toMatchObject({ tenantId, id, role: 'operator', expiresAt });
    expect(Buffer.compare(key?.secretSha256 ?? Buffer.of(), sha256(id))).toBe(0);
    expect(key).not.toHaveProperty('revokedAt');
  });

  it('that never was is not found, nor what is no id', async () => {
    for (const id of [tokenId(), '', "x' or true", '\u{1f512}']) {
      expect(await findApiKey(database.app, id)).toBeUndefined();
    }
  });

  it('has an id of one tenant only', async () => {
    const id = await newKey();
    const other = (await database.newTenant()).id;
    const again = database.app.withTenant({ tenantId: other }, (tx) =>
      createApiKey(tx, {
        id,
        name: 'other',
        secretSha256: sha256('other'),
        role: 'owner',
        createdBy: 'test',
      }),
    );
    await expect(again).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await findApiKey(database.app, id)).toMatchObject({ tenantId, role: 'operator' });
  });

  it('keeps the time when it was first revoked', async () => {
    const id = await newKey();
    const revoke = () => database.app.withTenant({ tenantId }, (tx) => revokeApiKey(tx, id));
    const first = await revoke();
    expect(await revoke()).toEqual(first);
    expect(await findApiKey(database.app, id)).toMatchObject({ revokedAt: first.revokedAt });
  });

  it('notes its use at most once a minute', async () => {
    const id = await newKey();
    const use = async () => {
      await database.app.withTenant({ tenantId }, (tx) => touchApiKey(tx, id));
      return (await findApiKey(database.app, id))?.lastUsedAt;
    };
    const first = await use();
    expect(first).toBeInstanceOf(Date);
    expect(await use()).toEqual(first);
    await database.admin`
      update api_keys set last_used_at = now() - interval '2 minutes' where id = ${id}`;
    expect((await use())?.getTime()).toBeGreaterThanOrEqual(first?.getTime() ?? Infinity);
  });

  it('is listed without what proves it, newest first, in pages', async () => {
    const other = (await database.newTenant()).id;
    tenantId = other;
    const ids = [await newKey(), await newKey(), await newKey()];
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await database.app.withTenant({ tenantId }, (tx) =>
        listApiKeys(tx, { limit: 1, after }),
      );
      for (const key of page.items) expect(key).not.toHaveProperty('secretSha256');
      seen.push(...page.items.map(({ id }) => id));
      after = page.nextCursor;
    } while (after !== undefined);
    expect(seen.sort()).toEqual(ids.sort());
  });
});
