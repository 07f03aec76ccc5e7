import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { detach, type Engine, NativeError, openEngine } from '../../node-agent/native/native.js';
import { describeOnKernel } from '../support/needs.js';

const TABLE_BYTES = 4840;

/** The code that a call fails with; undefined: it succeeds. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof NativeError) return error.code;
    throw error;
  }
}

describeOnKernel('the engine under wrong use', () => {
  const bpffs = mkdtempSync(join(tmpdir(), 'bulkhead-engine-'));
  const pinDirectory = join(bpffs, 'pins');
  let engine: Engine;

  beforeAll(() => {
    execFileSync('mount', ['-t', 'bpf', 'bpf', bpffs]);
  });
  afterAll(() => {
    execFileSync('umount', [bpffs]);
    rmSync(bpffs, { recursive: true });
  });
  beforeEach(() => {
    engine = openEngine({ pinDirectory });
  });
  afterEach(() => {
    engine.close();
    detach(pinDirectory);
  });

  it('opens once, on a bpffs, with an object', () => {
    expect(codeOf(() => openEngine({ pinDirectory }))).toBe('BUSY');
    const elsewhere = mkdtempSync(join(tmpdir(), 'bulkhead-engine-'));
    expect(codeOf(() => openEngine({ pinDirectory: elsewhere }))).toBe('NOT_BPFFS');
    rmSync(elsewhere, { recursive: true });
    const objectPath = join(bpffs, 'missing.o');
    expect(codeOf(() => openEngine({ pinDirectory, objectPath }))).toBe('INVALID_ARGUMENT');
  });

  it('takes only numbers that fit', () => {
    for (const id of [0n, -1n, 1n << 64n]) {
      expect(codeOf(() => engine.watchCgroup(id))).toBe('INVALID_ARGUMENT');
    }
    for (const id of [0, -1, 1.5, Number.NaN, 2 ** 32]) {
      expect(codeOf(() => engine.deletePolicySet(id))).toBe('INVALID_ARGUMENT');
    }
    for (const flushMs of [0, 60_001]) {
      expect(codeOf(() => engine.start({ onBatch: () => undefined, flushMs }))).toBe(
        'INVALID_ARGUMENT',
      );
    }
  });

  it('takes a policy set whole, and never two under one id', () => {
    const empty = new Uint8Array(TABLE_BYTES);
    expect(codeOf(() => engine.setPolicySet(1, new Uint8Array(8), []))).toBe('INVALID_ARGUMENT');
    expect(codeOf(() => engine.setPolicySet(1, empty, [empty]))).toBe('INVALID_ARGUMENT');
    engine.setPolicySet(1, empty, []);
    engine.setPolicySet(1, empty, []);
    const other = new Uint8Array(TABLE_BYTES);
    other[0] = 1;
    expect(codeOf(() => engine.setPolicySet(1, other, []))).toBe('SET_EXISTS');
    const facts = new Uint8Array(16 * 1024 + 1);
    expect(codeOf(() => engine.setContainer({ cgroupId: 1n, activeSet: 1, facts }))).toBe(
      'INVALID_ARGUMENT',
    );
  });

  it('says when the kernel has no room, and has room again', () => {
    const empty = new Uint8Array(TABLE_BYTES);
    for (let id = 1; id <= 1024; id += 1) engine.setPolicySet(id, empty, []);
    expect(codeOf(() => engine.setPolicySet(1025, empty, []))).toBe('MAP_FULL');
    engine.deletePolicySet(7);
    expect(engine.policySetIds()).toHaveLength(1023);
    engine.setPolicySet(1025, empty, []);
  });

  it('takes 10 240 containers, and tells the one too many', () => {
    engine.setPolicySet(1, new Uint8Array(TABLE_BYTES), []);
    const facts = new Uint8Array(8);
    const bind = (cgroupId: bigint) => engine.setContainer({ cgroupId, activeSet: 1, facts });
    for (let id = 1n; id <= 10_240n; id += 1n) bind(id);
    expect(codeOf(() => bind(10_241n))).toBe('MAP_FULL');
    engine.deleteContainer(7n);
    expect(engine.containerIds()).toHaveLength(10_239);
    bind(10_241n);
  });

  it('reads once, and commits only what it delivered', () => {
    engine.start({ onBatch: () => undefined });
    expect(codeOf(() => engine.start({ onBatch: () => undefined }))).toBe('STARTED');
    expect(codeOf(() => engine.commit('alerts', 1n))).toBe('INVALID_ARGUMENT');
    engine.stop();
    engine.stop();
    engine.start({ onBatch: () => undefined });
  });

  it('refuses everything but close once it is closed', () => {
    engine.close();
    engine.close();
    expect(codeOf(() => engine.counters())).toBe('CLOSED');
    expect(codeOf(() => engine.detach())).toBe('CLOSED');
    expect(codeOf(() => engine.hooks)).toBe('CLOSED');
    expect(detach(pinDirectory)).toBe(true);
    expect(detach(pinDirectory)).toBe(false);
  });
});
