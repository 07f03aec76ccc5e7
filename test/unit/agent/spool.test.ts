import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { BatchKind, SpooledBatch } from '../../../node-agent/events/batch-record.js';
import { LossCounter } from '../../../node-agent/events/loss-counter.js';
import { Spool } from '../../../node-agent/events/spool.js';

const BOOTS = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
const RINGS = 77n;

let directory: string;
let spools: Spool[];
let losses: LossCounter;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bulkhead-spool-'));
  spools = [];
});

afterEach(async () => {
  for (const spool of spools) await spool.close();
  rmSync(directory, { recursive: true });
});

async function open(
  options: { boot?: number; maxBytes?: number; segmentBytes?: number; at?: string } = {},
): Promise<Spool> {
  losses = new LossCounter();
  const spool = await Spool.open({
    directory: options.at ?? directory,
    bootId: BOOTS[options.boot ?? 0] ?? '',
    maxBytes: options.maxBytes ?? 1024 * 1024,
    segmentBytes: options.segmentBytes ?? 1024,
    losses,
    log: pino({ level: 'silent' }),
  });
  spools.push(spool);
  return spool;
}

let position = 0n;
function append(spool: Spool, text: string, kind: BatchKind = 'telemetry'): Promise<void> {
  position += 64n;
  const name = kind === 'alert' ? 'alerts' : 'telemetry';
  return spool.append({
    kind,
    eventCount: 2,
    createdUnixMs: 1_700_000_000_000,
    ring: { name, instance: RINGS, position },
    payload: Buffer.from(text),
  });
}

async function drain(spool: Spool): Promise<SpooledBatch[]> {
  const batches: SpooledBatch[] = [];
  for (let batch = await spool.next(); batch; batch = await spool.next()) batches.push(batch);
  return batches;
}

const texts = (batches: SpooledBatch[]) => batches.map(({ payload }) => payload.toString());
const filesOf = (kind: BatchKind) =>
  readdirSync(join(directory, kind)).map((name) => join(directory, kind, name));

describe('the spool', () => {
  it('gives batches back in order, alerts first, under rising sequence numbers', async () => {
    const spool = await open();
    await Promise.all([append(spool, 'a'), append(spool, 'b'), append(spool, 'x', 'alert')]);
    const batches = await drain(spool);
    expect(texts(batches)).toEqual(['x', 'a', 'b']);
    expect(batches.map(({ sequence }) => sequence)).toEqual([3n, 1n, 2n]);
    expect(batches.every(({ bootId }) => bootId === BOOTS[0])).toBe(true);
  });

  it('sends again what was under way when the stream broke, and nothing that was settled', async () => {
    const spool = await open();
    for (const text of ['a', 'b', 'c']) await append(spool, text);
    const [first] = await drain(spool);
    if (!first) throw new Error('no batch');
    await spool.settle(first, 'acknowledged');
    spool.repeatInFlight();
    expect(texts(await drain(spool))).toEqual(['b', 'c']);
    expect(losses.report()).toMatchObject({ emitted: 6n, acknowledged: 2n });
  });

  it('keeps batches over a restart, with their names, before its own', async () => {
    const former = await open();
    await append(former, 'a');
    await append(former, 'b');
    await former.close();
    const spool = await open({ boot: 1 });
    await append(spool, 'c');
    const batches = await drain(spool);
    expect(texts(batches)).toEqual(['a', 'b', 'c']);
    expect(batches.map(({ bootId }) => bootId)).toEqual([BOOTS[0], BOOTS[0], BOOTS[1]]);
    expect(batches.at(-1)?.sequence).toBe(1n);
  });

  it('loses nothing but the torn record, whatever byte a crash stopped at', async () => {
    const former = await open();
    await former.useRings(RINGS);
    await append(former, 'first');
    const [file = ''] = filesOf('telemetry');
    const whole = statSync(file).size;
    const before = position;
    await append(former, 'second');
    const bytes = readFileSync(file);
    for (let length = whole; length < bytes.length; length += 1) {
      writeFileSync(file, bytes.subarray(0, length));
      const spool = await open({ boot: 1 });
      expect(texts(await drain(spool))).toEqual(['first']);
      expect(spool.ringPositions.of('telemetry')).toBe(before);
      await spool.close();
      expect(statSync(file).size).toBe(whole);
    }
  });

  it('passes over a record that was damaged on disk, and says so', async () => {
    const former = await open();
    await append(former, 'good');
    await append(former, 'bad');
    const [file = ''] = filesOf('telemetry');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const spool = await open({ boot: 1 });
    expect(texts(await drain(spool))).toEqual(['good']);
  });

  it('remembers how far the rings were read when the batches are long gone', async () => {
    const former = await open();
    await former.useRings(RINGS);
    await append(former, 'a', 'alert');
    const read = position;
    for (const batch of await drain(former)) await former.settle(batch, 'acknowledged');
    await former.close();
    expect(filesOf('alert')).toEqual([]);
    const spool = await open({ boot: 1 });
    expect(spool.ringPositions.instance).toBe(RINGS);
    expect(spool.ringPositions.of('alerts')).toBe(read);
    await spool.useRings(RINGS + 1n);
    expect(spool.ringPositions.of('alerts')).toBe(0n);
  });

  it('gives up telemetry before alerts, the oldest first, and counts it', async () => {
    const spool = await open({ maxBytes: 3000, segmentBytes: 700 });
    await append(spool, 'alert', 'alert');
    for (let index = 0; index < 12; index += 1) await append(spool, `${index}`.padEnd(400));
    const left = texts(await drain(spool)).map((text) => text.trim());
    expect(left[0]).toBe('alert');
    expect(left.at(-1)).toBe('11');
    expect(left).not.toContain('0');
    const { emitted, dropped } = losses.report();
    expect(dropped.get('spool_full')).toBe(emitted - 2n * BigInt(left.length));
  });

  it('wakes a waiting reader, and lets it go when the signal aborts', async () => {
    const spool = await open();
    const waiting = spool.waitForNext(new AbortController().signal);
    await append(spool, 'a');
    await waiting;
    expect(texts(await drain(spool))).toEqual(['a']);
    const stopped = new AbortController();
    const again = spool.waitForNext(stopped.signal);
    stopped.abort();
    await expect(again).resolves.toBeUndefined();
  });
});
