import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  AUDIT_ACTOR_KINDS,
  AUDIT_GENESIS,
  type AuditContent,
  type AuditHead,
  type AuditRecord,
  chainHash,
  recordBytes,
} from '../../../control-plane/domain/audit.js';
import { type ChainVerdict, verifyChain } from '../../../control-plane/domain/audit-chain.js';
import { canonicalJson, hashOf } from '../../../control-plane/domain/canonical-json.js';

const TENANT = '0190a000-0000-7000-8000-000000000001';

const texts = fc.oneof(fc.string({ maxLength: 6 }), fc.string({ unit: 'binary', maxLength: 4 }));
const contents: fc.Arbitrary<AuditContent> = fc.record(
  {
    tenantId: fc.uuid(),
    sequence: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    time: fc.date({ noInvalidDate: true }),
    actorKind: fc.constantFrom(...AUDIT_ACTOR_KINDS),
    actorId: texts,
    actorName: texts,
    action: texts,
    targetKind: texts,
    targetId: texts,
    beforeSha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    afterSha256: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    details: fc.dictionary(texts, fc.oneof(texts, fc.integer(), fc.constant(null))),
    sourceAddress: texts,
    userAgent: texts,
    requestId: texts,
  },
  {
    requiredKeys: [
      ...(['tenantId', 'sequence', 'time', 'actorKind', 'actorId', 'actorName'] as const),
      ...(['action', 'targetKind', 'targetId', 'details'] as const),
    ],
  },
);

/** Another way to say what the record is: through what only tests would store. */
const meaningOf = (content: AuditContent): string => canonicalJson(content);

describe('the bytes of a record', () => {
  it('are the same for the same record only', () => {
    fc.assert(
      fc.property(contents, contents, (a, b) => {
        expect(recordBytes(a).equals(recordBytes(b))).toBe(meaningOf(a) === meaningOf(b));
        expect(recordBytes({ ...a })).toEqual(recordBytes(a));
      }),
    );
  });

  it('differ in each field alone', () => {
    fc.assert(
      fc.property(contents, contents, (a, b) => {
        for (const key of Object.keys({ ...a, ...b }) as (keyof AuditContent)[]) {
          const { [key]: _left, ...others } = a;
          const mixed = { ...others, ...(key in b && { [key]: b[key] }) } as AuditContent;
          if (!(key in b) && REQUIRED.has(key)) continue;
          expect(recordBytes(mixed).equals(recordBytes(a))).toBe(meaningOf(mixed) === meaningOf(a));
        }
      }),
    );
  });

  it('do not let text move between neighbours', () => {
    const [content] = fc.sample(contents, 1);
    if (!content) throw new Error('no record');
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(), fc.nat(), (text, left, right) => {
        const cut = (at: number) => {
          const end = at % (text.length + 1);
          return { ...content, actorId: text.slice(0, end), actorName: text.slice(end) };
        };
        const [a, b] = [cut(left), cut(right)];
        expect(recordBytes(a).equals(recordBytes(b))).toBe(a.actorId === b.actorId);
      }),
    );
  });

  it('tell what is absent from what is empty', () => {
    const [content] = fc.sample(contents, 1);
    if (!content) throw new Error('no record');
    const { userAgent: _userAgent, ...without } = content;
    expect(recordBytes(without)).not.toEqual(recordBytes({ ...without, userAgent: '' }));
  });

  it('and their hash are those that the documentation gives', () => {
    const record: AuditContent = {
      tenantId: TENANT,
      sequence: 1n,
      time: new Date('2026-01-02T03:04:05.678Z'),
      actorKind: 'api-key',
      actorId: '00000000deadbeef',
      actorName: 'key',
      action: 'cluster.create',
      targetKind: 'cluster',
      targetId: 'c1',
      afterSha256: hashOf({ name: 'é' }),
      details: { name: 'é' },
      sourceAddress: '192.0.2.1',
    };
    // Built as somebody else would build it, with nothing of ours.
    const text = (value: string) => {
      const bytes = Buffer.from(value);
      return Buffer.concat([Buffer.of(0, 0, 0, bytes.length), bytes]);
    };
    const absent = Buffer.from('ffffffff', 'hex');
    const after = createHash('sha256').update('{"name":"é"}').digest();
    const bytes = Buffer.concat([
      text(TENANT),
      Buffer.from('000000080000000000000001', 'hex'),
      text('2026-01-02T03:04:05.678Z'),
      ...['api-key', '00000000deadbeef', 'key', 'cluster.create', 'cluster', 'c1'].map(text),
      ...[absent, Buffer.of(0, 0, 0, 32), after, text('{"name":"é"}'), text('192.0.2.1')],
      ...[absent, absent],
    ]);
    expect(recordBytes(record)).toEqual(bytes);
    const input = Buffer.concat([
      Buffer.from('bulkhead audit record 1\n'),
      Buffer.alloc(32),
      bytes,
    ]);
    expect(chainHash(AUDIT_GENESIS.hash, record)).toEqual(
      createHash('sha256').update(input).digest(),
    );
  });
});

const REQUIRED: ReadonlySet<keyof AuditContent> = new Set([
  ...(['tenantId', 'sequence', 'time', 'actorKind', 'actorId', 'actorName'] as const),
  ...(['action', 'targetKind', 'targetId', 'details'] as const),
]);

describe('a chain', () => {
  const verdict = (records: readonly AuditRecord[], head: AuditHead, start = AUDIT_GENESIS) =>
    verifyChain(records, start, head);
  const broken = (sequence: bigint, reason: string) => ({ ok: false, sequence, reason });

  it('is good from its start to its head, and from any record to any later one', async () => {
    const records = chainOf(8);
    expect(await verdict(records, headAt(records, 8))).toEqual({
      ok: true,
      count: 8,
      head: headAt(records, 8),
    });
    expect(await verdict([], AUDIT_GENESIS)).toMatchObject({ ok: true, count: 0 });
    const part = records.slice(3, 6);
    expect(await verdict(part, headAt(records, 6), headAt(records, 3))).toMatchObject({
      ok: true,
      count: 3,
    });
  });

  it('may come as it is read', async () => {
    const records = chainOf(3);
    async function* read() {
      yield* records;
    }
    expect(await verifyChain(read(), AUDIT_GENESIS, headAt(records, 3))).toMatchObject({
      ok: true,
    });
  });

  it('is broken where a record is missing, at the first one', async () => {
    const records = chainOf(8);
    const head = headAt(records, 8);
    const without = (...sequences: bigint[]) =>
      records.filter(({ sequence }) => !sequences.includes(sequence));
    expect(await verdict(without(1n), head)).toEqual(broken(1n, 'gap'));
    expect(await verdict(without(4n, 5n, 7n), head)).toEqual(broken(4n, 'gap'));
    expect(await verdict(without(7n, 8n), head)).toEqual(broken(7n, 'head'));
    expect(await verdict([], head)).toEqual(broken(1n, 'head'));
  });

  it('is broken where a record comes twice or too late', async () => {
    const [one, two, three] = chainOf(3) as [AuditRecord, AuditRecord, AuditRecord];
    const head = { sequence: 3n, hash: three.hash };
    expect(await verdict([one, two, two, three], head)).toEqual(broken(2n, 'order'));
    expect(await verdict([two, one, three], head)).toEqual(broken(1n, 'gap'));
    expect(await verdict([one, one], head)).toEqual(broken(1n, 'order'));
  });

  it('is broken where it goes beyond its head, or ends in another', async () => {
    const records = chainOf(4);
    expect(await verdict(records, headAt(records, 3))).toEqual(broken(4n, 'head'));
    expect(await verdict(records, AUDIT_GENESIS)).toEqual(broken(1n, 'head'));
    const other = { sequence: 4n, hash: hashOf('other') };
    expect(await verdict(records, other)).toEqual(broken(4n, 'head'));
    expect(await verdict([], headAt(records, 2), headAt(records, 4))).toEqual(broken(3n, 'head'));
    expect(await verdict([], AUDIT_GENESIS, headAt(records, 4))).toEqual(broken(1n, 'head'));
  });

  it('is broken at the record that was changed, whatever was changed in it', async () => {
    const records = chainOf(5);
    await fc.assert(
      fc.asyncProperty(fc.nat(4), contents, async (index, other) => {
        const { sequence: _sequence, ...content } = other;
        for (const key of Object.keys(content) as (keyof typeof content)[]) {
          const old = records[index] as AuditRecord;
          const changed = { ...old, [key]: content[key] } as AuditRecord;
          if (meaningOf(changed) === meaningOf(old)) continue;
          const answer: ChainVerdict = await verdict(
            records.with(index, changed),
            headAt(records, 5),
          );
          expect(answer).toEqual(broken(BigInt(index + 1), 'hash'));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is broken after a record that was made anew with a hash that fits', async () => {
    const records = chainOf(5);
    const old = records[2] as AuditRecord;
    const forged = { ...old, actorId: 'somebody else' };
    const rehashed = { ...forged, hash: chainHash(forged.previousHash, forged) };
    const head = headAt(records, 5);
    expect(await verdict(records.with(2, rehashed), head)).toEqual(broken(4n, 'previous-hash'));
    // The last one: only the head tells.
    const last = { ...(records[4] as AuditRecord), actorId: 'somebody else' };
    const relast = { ...last, hash: chainHash(last.previousHash, last) };
    expect(await verdict(records.with(4, relast), head)).toEqual(broken(5n, 'head'));
  });
});

function chainOf(count: number): AuditRecord[] {
  const records: AuditRecord[] = [];
  for (let index = 1; index <= count; index += 1) {
    const previousHash = records.at(-1)?.hash ?? AUDIT_GENESIS.hash;
    const content: AuditContent = {
      tenantId: TENANT,
      sequence: BigInt(index),
      time: new Date(index),
      actorKind: 'member',
      actorId: 'm1',
      actorName: 'M',
      action: 'cluster.create',
      targetKind: 'cluster',
      targetId: `c${index}`,
      details: {},
    };
    records.push({ ...content, previousHash, hash: chainHash(previousHash, content) });
  }
  return records;
}

function headAt(records: readonly AuditRecord[], sequence: number): AuditHead {
  const record = records[sequence - 1];
  return record ? { sequence: record.sequence, hash: record.hash } : AUDIT_GENESIS;
}
