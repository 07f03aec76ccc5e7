import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type postgres from 'postgres';
import {
  AUDIT_GENESIS,
  type AuditHead,
  type AuditRecord,
} from '../../control-plane/domain/audit.js';
import { verifyChain } from '../../control-plane/domain/audit-chain.js';
import {
  type AuditEntry,
  appendAudit,
  getAuditHead,
  readAuditChain,
} from '../../control-plane/store/audit-log.js';
import { verifyAuditLog, walkAuditChain } from '../../control-plane/store/audit-verification.js';
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
const verify = (start?: AuditHead) => verifyAuditLog(database.app, { tenantId }, start);

async function appendMany(count: number): Promise<void> {
  for (let index = 1; index <= count; index += 1) await append(`target-${index}`);
}

describe('verification', () => {
  /** As somebody who may do anything, with the trigger out of the way. */
  const tamper = (fn: (sql: postgres.TransactionSql) => Promise<unknown>) =>
    database.admin.begin(async (sql) => {
      await sql`set local session_replication_role = 'replica'`;
      await fn(sql);
    });

  beforeEach(() => appendMany(6));

  const FIELDS = [
    "time = time + interval '1 millisecond'",
    "actor_kind = 'system'",
    "actor_id = 'somebody else'",
    "actor_name = 'somebody else'",
    "action = 'cluster.delete'",
    "target_kind = 'node'",
    "target_id = 'something else'",
    'before_sha256 = after_sha256',
    'after_sha256 = null',
    `details = '{"name": "other"}'`,
    'source_address = null',
    "user_agent = 'other'",
    "request_id = 'other'",
    'hash = sha256(hash)',
  ];

  it.each(FIELDS)('finds that %s', async (change) => {
    await tamper((sql) =>
      sql.unsafe(`update audit_log set ${change} where tenant_id = $1 and sequence = 3`, [
        tenantId,
      ]),
    );
    expect(await verify()).toEqual({ ok: false, sequence: 3n, reason: 'hash' });
  });

  it('covers every column', async () => {
    const columns = await database.admin<{ name: string }[]>`
      select attname as name from pg_attribute
      where attrelid = 'audit_log'::regclass and attnum > 0 and not attisdropped`;
    const changed = FIELDS.map((field) => field.split(' ')[0]);
    const elsewhere = ['tenant_id', 'sequence', 'previous_hash'];
    expect(columns.map(({ name }) => name).sort()).toEqual([...changed, ...elsewhere].sort());
  });

  it('finds another previous hash', async () => {
    await tamper(
      (sql) =>
        sql`update audit_log set previous_hash = hash where tenant_id = ${tenantId} and sequence = 3`,
    );
    expect(await verify()).toEqual({ ok: false, sequence: 3n, reason: 'previous-hash' });
  });

  it.each([1n, 4n])('finds that record %s was deleted', async (sequence) => {
    await tamper(
      (sql) =>
        sql`delete from audit_log where tenant_id = ${tenantId} and sequence = ${sequence.toString()}`,
    );
    expect(await verify()).toEqual({ ok: false, sequence, reason: 'gap' });
  });

  it('finds that the newest were deleted', async () => {
    await tamper(
      (sql) => sql`delete from audit_log where tenant_id = ${tenantId} and sequence >= 5`,
    );
    expect(await verify()).toEqual({ ok: false, sequence: 5n, reason: 'head' });
  });

  it('finds that all were deleted', async () => {
    await tamper((sql) => sql`delete from audit_log where tenant_id = ${tenantId}`);
    expect(await verify()).toEqual({ ok: false, sequence: 1n, reason: 'head' });
  });

  it('finds that the head was deleted or says something else', async () => {
    await tamper(
      (sql) => sql`update audit_heads set hash = sha256(hash) where tenant_id = ${tenantId}`,
    );
    expect(await verify()).toEqual({ ok: false, sequence: 6n, reason: 'head' });
    await tamper((sql) => sql`delete from audit_heads where tenant_id = ${tenantId}`);
    expect(await verify()).toEqual({ ok: false, sequence: 1n, reason: 'head' });
    await expect(append('next')).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('finds a record that was put in between', async () => {
    await tamper(async (sql) => {
      for (const from of [6, 5, 4]) {
        await sql`update audit_log set sequence = ${from + 1}
          where tenant_id = ${tenantId} and sequence = ${from}`;
      }
      await copyRecord(sql, 3, 4);
    });
    expect(await verify()).toEqual({ ok: false, sequence: 4n, reason: 'previous-hash' });
  });

  it('finds a record that was put at the end', async () => {
    await tamper((sql) => copyRecord(sql, 6, 7));
    expect(await verify()).toEqual({ ok: false, sequence: 7n, reason: 'head' });
  });

  it('finds two records that were swapped', async () => {
    await tamper(async (sql) => {
      for (const [from, to] of [
        [3, 99],
        [4, 3],
        [99, 4],
      ] as const) {
        await sql`update audit_log set sequence = ${to}
          where tenant_id = ${tenantId} and sequence = ${from}`;
      }
    });
    expect(await verify()).toEqual({ ok: false, sequence: 3n, reason: 'previous-hash' });
  });

  it('finds a record of another tenant', async () => {
    const other = await database.newTenant();
    await database.app.withTenant({ tenantId: other.id }, (tx) =>
      appendAudit(tx, auditEntryOf('theirs')),
    );
    await tamper(async (sql) => {
      await sql`delete from audit_log where tenant_id = ${tenantId} and sequence = 1`;
      await sql`update audit_log set tenant_id = ${tenantId} where tenant_id = ${other.id}`;
    });
    expect(await verify()).toEqual({ ok: false, sequence: 1n, reason: 'hash' });
  });

  it('goes on from a head that was noted, and holds that head', async () => {
    const noted = (await tenant(getAuditHead)) ?? AUDIT_GENESIS;
    await appendMany(3);
    expect(await verify(noted)).toMatchObject({ ok: true, count: 3, head: { sequence: 9n } });
    // Whoever rewrites table and head is found by the note only.
    const records = await chain();
    await tamper(async (sql) => {
      await sql`delete from audit_log where tenant_id = ${tenantId}`;
      await sql`delete from audit_heads where tenant_id = ${tenantId}`;
    });
    for (const { targetId } of records) await append(targetId, { details: { forged: true } });
    expect(await verify()).toMatchObject({ ok: true, count: 9 });
    expect(await verify(noted)).toEqual({ ok: false, sequence: 7n, reason: 'previous-hash' });
  });

  it('finds that the log ends before a head that was noted', async () => {
    const noted = (await tenant(getAuditHead)) ?? AUDIT_GENESIS;
    await tamper(async (sql) => {
      await sql`delete from audit_log where tenant_id = ${tenantId} and sequence >= 5`;
      await sql`update audit_heads set sequence = 4, hash = (
        select hash from audit_log where tenant_id = ${tenantId} and sequence = 4)
        where tenant_id = ${tenantId}`;
    });
    expect(await verify()).toMatchObject({ ok: true, count: 4 });
    expect(await verify(noted)).toEqual({ ok: false, sequence: 5n, reason: 'head' });
  });

  it('is good while others append', async () => {
    const appends = Promise.all(Array.from({ length: 60 }, (_, index) => append(`more-${index}`)));
    for (let round = 0; round < 10; round += 1) expect(await verify()).toMatchObject({ ok: true });
    await appends;
    expect(await verify()).toMatchObject({ ok: true, count: 66 });
  });

  it('reads a chain of several pages, and an export verifies by itself', async () => {
    for (let batch = 0; batch < 10; batch += 1) {
      await tenant(async (tx) => {
        for (let index = 0; index < 50; index += 1) await appendAudit(tx, auditEntryOf('x'));
      });
    }
    const head = (await tenant(getAuditHead)) ?? AUDIT_GENESIS;
    const records: AuditRecord[] = [];
    const walk = walkAuditChain(database.app, { tenantId }, AUDIT_GENESIS, head);
    for await (const record of walk) records.push(record);
    expect(records).toHaveLength(506);
    const verdict = await verifyChain(records, AUDIT_GENESIS, head);
    expect(verdict).toEqual({ ok: true, count: 506, head });
  });

  function copyRecord(sql: postgres.TransactionSql, from: number, to: number) {
    return sql`insert into audit_log select tenant_id, ${to}, time, actor_kind, actor_id, actor_name,
      action, target_kind, target_id, before_sha256, after_sha256, details, source_address,
      user_agent, request_id, previous_hash, hash
      from audit_log where tenant_id = ${tenantId} and sequence = ${from}`;
  }
});
