import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hashOf } from '../../control-plane/domain/canonical-json.js';
import {
  type AuditEntry,
  appendAudit,
  getAuditHead,
  listAudit,
  readAuditChain,
} from '../../control-plane/store/audit-log.js';
import { verifyAuditLog } from '../../control-plane/store/audit-verification.js';
import { createCluster } from '../../control-plane/store/clusters.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { auditEntryOf } from '../support/store-world.js';

let database: TestDatabase;
let tenantId = '';

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.close());

beforeEach(async () => {
  tenantId = (await database.newTenant()).id;
});

const tenant = <T>(fn: (tx: TenantTx) => Promise<T>) => database.app.withTenant({ tenantId }, fn);
const append = (targetId: string, more?: Partial<AuditEntry>) =>
  tenant((tx) => appendAudit(tx, auditEntryOf(targetId, more)));
const chain = () => tenant((tx) => readAuditChain(tx, 0n, 1_000));
const verify = () => verifyAuditLog(database.app, { tenantId });

async function appendMany(count: number): Promise<void> {
  for (let index = 1; index <= count; index += 1) await append(`target-${index}`);
}

describe('appending', () => {
  it('keeps what it was told, and gives back what it keeps', async () => {
    const before = { name: 'a' };
    const after = { name: 'b', at: new Date(0), bytes: Buffer.of(1, 2) };
    const record = await append('cluster-1', { before, after, details: { b: 1, a: ['x', 'y'] } });
    expect(record).toMatchObject({
      tenantId,
      sequence: 1n,
      actorKind: 'api-key',
      action: 'cluster.create',
      targetKind: 'cluster',
      targetId: 'cluster-1',
      beforeSha256: hashOf(before),
      afterSha256: hashOf({ bytes: '0102', at: '1970-01-01T00:00:00.000Z', name: 'b' }),
      sourceAddress: '192.0.2.1',
    });
    expect(await chain()).toEqual([record]);
    expect(await tenant(getAuditHead)).toEqual({ sequence: 1n, hash: record.hash });
  });

  it('is told of nothing that is absent', async () => {
    const { after: _after, details: _details, origin: _origin, ...least } = auditEntryOf('x');
    const record = await tenant((tx) => appendAudit(tx, least));
    expect(record).not.toHaveProperty('afterSha256');
    expect(record).not.toHaveProperty('userAgent');
    expect(await chain()).toEqual([record]);
    expect(await verify()).toMatchObject({ ok: true, count: 1 });
  });

  it('hashes text as Postgres keeps it, and cuts what others wrote between characters', async () => {
    const record = await append('x', {
      actor: { kind: 'member', id: 'm', name: 'é'.repeat(200) },
      details: { 'a\u0000': 'b\u0000\ud800', é: -0, z: 1e21, y: 5e-324 },
      origin: { address: '1'.repeat(99), userAgent: '🦊'.repeat(99), requestId: '' },
    });
    expect(record.actorName).toBe('é'.repeat(126));
    expect(record.userAgent).toBe('🦊'.repeat(64));
    expect(record.sourceAddress).toHaveLength(64);
    expect(record.details).toMatchObject({ 'a\ufffd': 'b\ufffd\ufffd' });
    expect(await verify()).toMatchObject({ ok: true, count: 1 });
  });

  it('refuses details that are too many and ids that are too long, with the whole action', async () => {
    for (const more of [
      { details: { text: 'x'.repeat(4096) } },
      { target: { kind: 'cluster', id: 'x'.repeat(254) } },
    ] as const) {
      const attempt = tenant(async (tx) => {
        await createCluster(tx, { name: 'unrecorded' });
        await appendAudit(tx, auditEntryOf('x', more));
      });
      await expect(attempt).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await tenant((tx) => createCluster(tx, { name: 'unrecorded' }));
  });

  it('makes one chain without gaps of 200 appends over eight connections', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, index) => append(`target-${index}`)));
    const records = await chain();
    expect(records.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 200 }, (_, index) => BigInt(index + 1)),
    );
    expect(new Set(records.map(({ targetId }) => targetId)).size).toBe(200);
    const times = records.map(({ time }) => time.getTime());
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(await verify()).toMatchObject({ ok: true, count: 200 });
  });

  it('leaves no gap where a transaction is rolled back', async () => {
    await append('one');
    const attempts = Array.from({ length: 20 }, (_, index) =>
      tenant(async (tx) => {
        await appendAudit(tx, auditEntryOf(`target-${index}`));
        if (index % 2 === 1) throw new Error('rolled back');
      }),
    );
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(10);
    expect(await verify()).toMatchObject({ ok: true, count: 11, head: { sequence: 11n } });
  });

  it('can be done several times in one transaction', async () => {
    await tenant(async (tx) => {
      for (const id of ['a', 'b', 'c']) await appendAudit(tx, auditEntryOf(id));
    });
    expect(await verify()).toMatchObject({ ok: true, count: 3 });
  });

  it('does not make another tenant wait', async () => {
    await tenant(async (tx) => {
      await appendAudit(tx, auditEntryOf('mine'));
      const other = await database.newTenant();
      const theirs = { tenantId: other.id };
      await database.app.withTenant(theirs, (own) => appendAudit(own, auditEntryOf('theirs')));
      expect(await verifyAuditLog(database.app, theirs)).toMatchObject({ ok: true, count: 1 });
    });
  });
});

describe('the list', () => {
  const listed = async (filter: Parameters<typeof listAudit>[1]) =>
    (await tenant((tx) => listAudit(tx, filter))).items.map(({ targetId }) => targetId);

  it('is newest first, a page at a time', async () => {
    await appendMany(5);
    const first = await tenant((tx) => listAudit(tx, { limit: 3 }));
    expect(first.items.map(({ sequence }) => sequence)).toEqual([5n, 4n, 3n]);
    const second = await tenant((tx) => listAudit(tx, { limit: 3, after: first.nextCursor }));
    expect(second.items.map(({ sequence }) => sequence)).toEqual([2n, 1n]);
    expect(second).not.toHaveProperty('nextCursor');
    for (const after of ['x', Buffer.from('["x"]').toString('base64url')]) {
      await expect(listed({ after })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  it('answers what is asked for', async () => {
    const actor = { kind: 'member', id: 'm-1', name: 'M' } as const;
    const one = await append('one');
    const two = await append('two', { actor, action: 'node.revoke' });
    await append('three', { target: { kind: 'policy', id: 'three' }, action: 'policy.create' });
    expect(await listed({ action: 'node.revoke' })).toEqual(['two']);
    expect(await listed({ actorId: 'm-1' })).toEqual(['two']);
    expect(await listed({ targetKind: 'policy' })).toEqual(['three']);
    expect(await listed({ targetKind: 'cluster', targetId: 'one' })).toEqual(['one']);
    expect(await listed({ action: 'nothing' })).toEqual([]);
    // Two may have one millisecond.
    const since = await listed({ since: two.time });
    expect(since).toEqual(expect.arrayContaining(['three', 'two']));
    expect(await listed({ until: one.time })).toEqual([]);
    expect(await listed({ until: new Date(two.time.getTime() + 1) })).toContain('one');
  });
});

describe('the role of the application', () => {
  it.each([
    "update audit_log set actor_id = 'x'",
    'delete from audit_log',
    'truncate audit_log',
    'update audit_heads set sequence = 0',
    'delete from audit_heads',
    'insert into audit_heads select * from audit_heads',
    'truncate audit_heads',
    'alter table audit_log disable trigger all',
    "set session_replication_role = 'replica'",
  ])('may not %s', async (statement) => {
    await append('x');
    const attempt = database.app.withIngest({ tenantId }, (sql) => sql.unsafe(statement));
    await expect(attempt).rejects.toMatchObject({ cause: { code: '42501' } });
  });

  it('may append nowhere but at the end of its own chain', async () => {
    await append('x');
    const other = await database.newTenant();
    const copy = (into: string, sequence: number, previous: string) =>
      database.app.withIngest({ tenantId }, (sql) =>
        sql.unsafe(`insert into audit_log select '${into}', ${sequence}, time, actor_kind, actor_id,
          actor_name, action, target_kind, target_id, before_sha256, after_sha256, details,
          source_address, user_agent, request_id, ${previous}, hash from audit_log`),
      );
    const collides = { code: 'UNAVAILABLE', cause: { code: '40001' } };
    await expect(copy(tenantId, 3, 'hash')).rejects.toMatchObject(collides);
    await expect(copy(tenantId, 2, 'previous_hash')).rejects.toMatchObject(collides);
    await expect(copy(tenantId, 1, 'previous_hash')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(copy(other.id, 1, 'previous_hash')).rejects.toMatchObject({
      cause: { code: '42501' },
    });
    expect(await verify()).toMatchObject({ ok: true, count: 1 });
  });
});
