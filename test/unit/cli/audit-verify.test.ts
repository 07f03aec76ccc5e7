import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  AUDIT_GENESIS,
  type AuditContent,
  chainHash,
} from '../../../control-plane/domain/audit.js';
import { Workspace } from '../../support/cli.js';

type Line = Record<string, unknown>;

let work: Workspace;
let lines: Line[];

beforeEach(() => {
  work = new Workspace();
  lines = exportOf(5);
});
afterEach(() => work.remove());

/** As the API writes it: the head, and the records in their order. */
function exportOf(count: number): Line[] {
  const records: Line[] = [];
  let previousHash: Uint8Array = AUDIT_GENESIS.hash;
  for (let at = 1; at <= count; at += 1) {
    const content: AuditContent = {
      tenantId: '01a2274a-1d44-7a84-b453-db3ca3e7aefa',
      sequence: BigInt(at),
      time: new Date(Date.UTC(2026, 0, 1, 0, 0, at)),
      actorKind: 'api-key',
      actorId: '00000000deadbeef',
      actorName: 'ci \u{1f512}',
      action: 'cluster.update',
      targetKind: 'cluster',
      targetId: `c${at}`,
      details: { name: 'x', list: ['b', 'a'] },
      ...(at > 1 && { beforeSha256: Buffer.alloc(32, at) }),
      ...(at > 2 && { requestId: `r${at}` }),
    };
    const hash = chainHash(previousHash, content);
    records.push({
      ...content,
      sequence: String(at),
      time: content.time.toISOString(),
      ...(content.beforeSha256 && { beforeSha256: hex(content.beforeSha256) }),
      previousHash: hex(previousHash),
      hash: hex(hash),
    });
    previousHash = hash;
  }
  return [{ head: { sequence: String(count), hash: hex(previousHash) } }, ...records];
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const textOf = (some: readonly Line[]) => some.map((line) => `${JSON.stringify(line)}\n`).join('');
const verify = (some: readonly Line[], ...args: string[]) => {
  work.write('log.jsonl', textOf(some));
  return work.run(['audit', 'verify', ...args, '@log.jsonl']);
};
const headText = () => `5:${lines[5]?.hash}`;

describe('audit verify', () => {
  it('says that a chain holds, and where it ends', async () => {
    const out = `5 records, the chain holds\nhead ${headText()}\n`;
    expect(await verify(lines)).toEqual({ code: 0, out, err: '' });
    const stdin = textOf(lines).trimEnd();
    expect(await work.run(['audit', 'verify', '-'], { stdin })).toEqual({ code: 0, out, err: '' });
    const json = JSON.parse((await verify(lines, '--json')).out);
    expect(json).toEqual({ ok: true, file: 'log.jsonl', count: 5, head: headText() });
  });

  it('goes on from a head that was noted', async () => {
    const tail = [lines[0] ?? {}, ...lines.slice(3)];
    const noted = `2:${lines[2]?.hash}`;
    expect((await verify(tail, '--after', noted)).out).toContain('3 records, the chain holds');
    const other = `2:${'0'.repeat(64)}`;
    const { code, out } = await verify(tail, '--after', other);
    expect([code, out]).toEqual([1, 'record 3 does not follow the one before it\n']);
    expect(await verify(tail, '--after', '2')).toMatchObject({ code: 2 });
  });

  it.each<[string, (some: Line[]) => Line[], string]>([
    ['changed', (some) => some.with(3, { ...some[3], actorName: 'x' }), 'record 3 is not what'],
    ['missing', (some) => some.toSpliced(3, 1), 'record 3 is missing'],
    ['missing at the end', (some) => some.slice(0, -1), 'record 5 does not fit the head'],
    ['there twice', (some) => some.toSpliced(4, 0, some[3] ?? {}), 'record 3 comes again'],
    [
      'of another chain',
      (some) => some.with(1, { ...some[1], previousHash: hex(Buffer.alloc(32, 1)) }),
      'record 1 does not follow',
    ],
    [
      'without its request',
      (some) => some.with(4, { ...some[4], requestId: undefined }),
      'record 4 is not what',
    ],
  ])('names a record that is %s', async (_what, change, message) => {
    const { code, out } = await verify(change(lines));
    expect([code, out]).toEqual([1, expect.stringContaining(message)]);
  });

  it.each<[string, (some: Line[]) => Line[], number]>([
    ['no head', (some) => some.slice(1), 1],
    ['nothing', () => [], 1],
    ['a sequence that is none', (some) => some.with(2, { ...some[2], sequence: 2 }), 3],
    ['a hash that is none', (some) => some.with(2, { ...some[2], hash: 'x' }), 3],
    ['a time in other words', (some) => some.with(2, { ...some[2], time: '2026-01-01' }), 3],
    ['an actor that is none', (some) => some.with(2, { ...some[2], actorKind: 'x' }), 3],
    ['a line that has no end', (some) => some.with(2, { ...some[2], x: 'x'.repeat(70_000) }), 3],
    ['a null', (some) => some.with(2, null as never), 3],
  ])('names the line where there is %s', async (_what, change, line) => {
    const { code, err } = await verify(change(lines));
    expect([code, err]).toEqual([1, expect.stringContaining(`log.jsonl:${line}: `)]);
    expect(JSON.parse((await verify(change(lines), '--json')).out)).toMatchObject({
      ok: false,
      line,
    });
  });

  it('says why a file cannot be read', async () => {
    const { code, err } = await work.run(['audit', 'verify', '@none']);
    expect([code, err]).toEqual([3, 'bulkhead: none: no such file or directory\n']);
  });
});
