import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { KernelLosses } from '../../../node-agent/events/kernel-losses.js';
import { LossCounter } from '../../../node-agent/events/loss-counter.js';

const COUNTERS = { alert_ring_full: 3n, telemetry_ring_full: 10n, path_too_long: 5n };

describe('losses', () => {
  let path: string;
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bulkhead-losses-'));
    path = join(directory, 'kernel-losses.json');
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  const load = (instance = 1n) => KernelLosses.load(path, instance);
  const report = (kernel: KernelLosses, counters: Readonly<Record<string, bigint>>) => {
    const losses = new LossCounter();
    for (const [reason, total] of kernel.totals(counters)) {
      losses.setKernelDropped(reason, total, kernel.start.get(reason) ?? 0n);
    }
    return losses.report();
  };

  it('of the kernel count as emitted and dropped', async () => {
    const { emitted, dropped } = report(await load(), COUNTERS);
    expect(emitted).toBe(13n);
    expect(Object.fromEntries(dropped)).toEqual({
      kernel_alert_ring_full: 3n,
      kernel_telemetry_ring_full: 10n,
    });
  });

  it('of the kernel are told once, also over a restart and while no agent runs', async () => {
    const former = await load();
    await former.save(former.totals(COUNTERS));
    const next = await load();
    expect(report(next, COUNTERS).emitted).toBe(0n);
    const later = { ...COUNTERS, alert_ring_full: 7n };
    expect(Object.fromEntries(report(next, later).dropped)).toEqual({ kernel_alert_ring_full: 4n });
    // Other rings began to count from nothing.
    expect(report(await load(2n), COUNTERS).emitted).toBe(13n);
  });

  it('add up: emitted is what was acknowledged, dropped, or still waits', () => {
    const losses = new LossCounter();
    losses.addRead(10);
    losses.addAcknowledged(4);
    losses.addDropped('spool_full', 3);
    losses.addDropped('batch_rejected', 0);
    losses.setKernelDropped('kernel_alert_ring_full', 2n, 0n);
    const { emitted, acknowledged, dropped } = losses.report();
    const lost = [...dropped.values()].reduce((sum, count) => sum + count, 0n);
    expect(emitted - acknowledged - lost).toBe(3n);
    expect([...dropped.keys()]).toEqual(['spool_full', 'kernel_alert_ring_full']);
  });
});
