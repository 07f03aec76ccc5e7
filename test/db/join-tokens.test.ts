import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { createJoinToken, revokeJoinToken } from '../../control-plane/store/join-tokens.js';
import { getNode, revokeNode } from '../../control-plane/store/nodes.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { recordAck } from '../support/node-reports.js';
import { newCluster, redemptionOf, sha256, tokenId } from '../support/store-world.js';

let database: TestDatabase;
let tenantId = '';
let clusterId = '';
let joinTokenId = '';
let secret = '';

beforeAll(async () => {
  database = await createTestDatabase();
  tenantId = (await database.newTenant()).id;
});

afterAll(() => database.close());

beforeEach(async () => {
  ({ clusterId, joinTokenId, secret } = await newCluster(database, tenantId));
});

const redeem = (more: Parameters<typeof redemptionOf>[2] = {}) =>
  redeemJoinToken(database.app, redemptionOf(joinTokenId, secret, more));

/** Everything that a join can write, as the superuser sees it. */
async function rows(): Promise<unknown> {
  const { admin } = database;
  return [
    await admin`select * from join_tokens order by id`,
    await admin`select * from join_redemptions order by enrollment_id`,
    await admin`select * from nodes order by id`,
  ];
}

async function expectRefused(attempt: () => Promise<unknown>, code: string): Promise<void> {
  const before = await rows();
  await expect(attempt()).rejects.toMatchObject({ code });
  expect(await rows()).toEqual(before);
}

describe('a join token', () => {
  it('makes a node of its cluster and counts the use', async () => {
    const joined = await redeem();
    expect(joined).toMatchObject({ tenantId, clusterId });
    const node = await database.app.withTenant({ tenantId }, (tx) => getNode(tx, joined.nodeId));
    expect(node).toMatchObject({ name: 'node-1', clusterId, state: 'joined', appliedRevision: 0 });
    const [token] = await database.admin`select uses from join_tokens where id = ${joinTokenId}`;
    expect(token).toEqual({ uses: 1 });
  });

  it('is unknown where its id never was', () =>
    expectRefused(
      () => redeemJoinToken(database.app, redemptionOf(tokenId(), secret)),
      'JOIN_TOKEN_UNKNOWN',
    ));

  it('is unknown where its secret is wrong, whatever its state', async () => {
    const wrong = () => redeemJoinToken(database.app, redemptionOf(joinTokenId, 'wrong'));
    await expectRefused(wrong, 'JOIN_TOKEN_UNKNOWN');
    await database.app.withTenant({ tenantId }, (tx) => revokeJoinToken(tx, joinTokenId));
    await expectRefused(wrong, 'JOIN_TOKEN_UNKNOWN');
  });

  it('is unknown where the hash has another length', () =>
    expectRefused(() => redeem({ secretSha256: Buffer.alloc(8) }), 'JOIN_TOKEN_UNKNOWN'));

  it('ends with its time', async () => {
    const id = tokenId();
    await database.app.withTenant({ tenantId }, (tx) =>
      createJoinToken(tx, {
        id,
        clusterId,
        secretSha256: sha256('s'),
        createdBy: 'test',
        expiresAt: new Date(Date.now() - 1000),
      }),
    );
    const late = () => redeemJoinToken(database.app, redemptionOf(id, 's'));
    await expectRefused(late, 'JOIN_TOKEN_EXPIRED');
  });

  it('ends with its uses', async () => {
    await redeem();
    await expectRefused(() => redeem({ name: 'node-2' }), 'JOIN_TOKEN_USED');
  });

  it('ends when it is revoked, used up or not', async () => {
    await redeem();
    await database.app.withTenant({ tenantId }, (tx) => revokeJoinToken(tx, joinTokenId));
    await expectRefused(() => redeem(), 'JOIN_TOKEN_REVOKED');
  });

  it('lasts a day and one use where nothing else is said', async () => {
    const [token] = await database.admin`
      select max_uses, extract(epoch from expires_at - created_at)::int as lasts
      from join_tokens where id = ${joinTokenId}`;
    expect(token).toEqual({ max_uses: 1, lasts: 86_400 });
  });

  it('gives exactly as many of many nodes at once as it has uses', async () => {
    const many = await newCluster(database, tenantId, 5);
    const attempts = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) =>
        redeemJoinToken(
          database.app,
          redemptionOf(many.joinTokenId, many.secret, { name: `node-${index}` }),
        ),
      ),
    );
    const joined = attempts.filter((attempt) => attempt.status === 'fulfilled');
    expect(joined.length).toBe(5);
    for (const attempt of attempts) {
      if (attempt.status === 'rejected') expect(attempt.reason.code).toBe('JOIN_TOKEN_USED');
    }
    const [count] = await database.admin`
      select count(*)::int from nodes where cluster_id = ${many.clusterId}`;
    expect(count).toEqual({ count: 5 });
  });
});

describe('the same enrollment again', () => {
  it('is the same join and costs no further use, also when the token has expired since', async () => {
    const enrollmentId = randomUUID();
    const first = await redeem({ enrollmentId });
    expect(await redeem({ enrollmentId })).toEqual(first);
    await database.admin`
      update join_tokens set expires_at = now() - interval '1 hour' where id = ${joinTokenId}`;
    expect(await redeem({ enrollmentId })).toEqual(first);
    const [token] = await database.admin`select uses from join_tokens where id = ${joinTokenId}`;
    expect(token).toEqual({ uses: 1 });
  });

  it('is one join where both come at the same time', async () => {
    const enrollmentId = randomUUID();
    const both = await Promise.all([redeem({ enrollmentId }), redeem({ enrollmentId })]);
    expect(both[0]).toEqual(both[1]);
  });

  it('is refused with another key', async () => {
    const enrollmentId = randomUUID();
    await redeem({ enrollmentId });
    const stolen = () => redeem({ enrollmentId, publicKeySha256: sha256('another key') });
    await expectRefused(stolen, 'JOIN_TOKEN_USED');
  });

  it('is refused where the token was revoked, and where the node was', async () => {
    const enrollmentId = randomUUID();
    const { nodeId } = await redeem({ enrollmentId });
    await database.app.withTenant({ tenantId }, (tx) => revokeNode(tx, nodeId));
    await expectRefused(() => redeem({ enrollmentId }), 'NODE_REVOKED');
    await database.app.withTenant({ tenantId }, (tx) => revokeJoinToken(tx, joinTokenId));
    await expectRefused(() => redeem({ enrollmentId }), 'JOIN_TOKEN_REVOKED');
  });
});

describe('a node that joins again under its name', () => {
  it('keeps its id and nothing that its former agent proved', async () => {
    const many = await newCluster(database, tenantId, 2);
    const again = () => redeemJoinToken(database.app, redemptionOf(many.joinTokenId, many.secret));
    const { nodeId } = await again();
    await database.app.withTenant({ tenantId }, async (tx) => {
      await recordAck(tx, nodeId, { revision: 7, hooks: [] });
      await revokeNode(tx, nodeId);
    });
    expect(await again()).toMatchObject({ nodeId });
    const node = await database.app.withTenant({ tenantId }, (tx) => getNode(tx, nodeId));
    expect(node).toMatchObject({ state: 'joined', appliedRevision: 0 });
    expect(node).not.toHaveProperty('revokedAt');
    expect(node).not.toHaveProperty('appliedAt');
  });
});
