import { describe, expect, it } from '@jest/globals';
import { Gatherer } from '../../../control-plane/domain/gatherer.js';
import { type HeardReport, ReportQueue } from '../../../control-plane/domain/node-reports.js';
import { Slots } from '../../../control-plane/domain/slots.js';
import { eventually } from '../../support/eventually.js';

/** A gatherer whose runs wait until they are let go. */
function gathererWithRuns(runsMax: number) {
  const runs: { key: string; items: readonly number[]; end: (error?: Error) => void }[] = [];
  const gatherer = new Gatherer<number, number>({
    afterMs: 1,
    runsMax,
    run: (key, items) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error ? reject(error) : resolve(items.length));
        runs.push({ key, items, end });
      }),
  });
  return { gatherer, runs };
}

describe('a gatherer', () => {
  it('runs once for all who ask within a moment, and again for who asks while it runs', async () => {
    const { gatherer, runs } = gathererWithRuns(4);
    const first = [gatherer.ask('a', 1), gatherer.ask('a', 2)];
    await eventually(() => expect(runs).toHaveLength(1));
    const second = [gatherer.ask('a', 3), gatherer.ask('a', 4)];
    const other = gatherer.ask('b', 5);
    await eventually(() => expect(runs).toHaveLength(2));
    expect(runs.map(({ key, items }) => [key, items])).toEqual([
      ['a', [1, 2]],
      ['b', [5]],
    ]);
    runs[0]?.end();
    await eventually(() => expect(runs).toHaveLength(3));
    expect(runs[2]).toMatchObject({ key: 'a', items: [3, 4] });
    const settled = gatherer.settled();
    expect(await Promise.race([settled.then(() => 'settled'), first[0]])).toBe(2);
    for (const { end } of runs) end();
    await settled;
    expect(await Promise.all([...first, ...second, other])).toEqual([2, 2, 2, 2, 1]);
  });

  it('goes on after a run that failed', async () => {
    const { gatherer, runs } = gathererWithRuns(1);
    const failed = gatherer.ask('a', 1);
    const waits = gatherer.ask('b', 2);
    await eventually(() => expect(runs).toHaveLength(1));
    runs[0]?.end(new Error('away'));
    await expect(failed).rejects.toThrow('away');
    await eventually(() => expect(runs).toHaveLength(2));
    runs[1]?.end();
    expect(await waits).toBe(1);
    const again = gatherer.ask('a', 3);
    await eventually(() => expect(runs).toHaveLength(3));
    runs[2]?.end();
    expect(await again).toBe(1);
  });
});

it('slots let so many in, and each leaves once', async () => {
  const slots = new Slots(1);
  const leave = await slots.enter();
  const order: string[] = [];
  const next = slots.enter().then((go) => {
    order.push('second');
    go();
  });
  const last = slots.enter().then(() => order.push('third'));
  order.push('first');
  leave();
  leave();
  await Promise.all([next, last]);
  expect(order).toEqual(['first', 'second', 'third']);
});

describe('reports that wait', () => {
  const acked: HeardReport = { appliedRevision: 2, isApplied: true, lastNack: null, heardAt: 1 };

  it('are one of each node, the later over the earlier', () => {
    const queue = new ReportQueue();
    queue.add('t', 'n', acked, true);
    queue.add('t', 'n', { appliedRevision: 3, heardAt: 2 }, false);
    expect(queue.tenants('urgent')).toEqual(['t']);
    expect([...queue.take('t')]).toEqual([['n', { ...acked, appliedRevision: 3, heardAt: 2 }]]);
    expect(queue.tenants('all')).toEqual([]);
    expect(queue.tenants('urgent')).toEqual([]);
  });

  it('are put back behind what came since', () => {
    const queue = new ReportQueue();
    queue.add('t', 'n', acked, true);
    const taken = queue.take('t');
    queue.add('t', 'n', { appliedRevision: 5, heardAt: 9 }, false);
    queue.add('t', 'm', { appliedRevision: 1, heardAt: 9 }, false);
    queue.putBack('t', taken);
    expect(Object.fromEntries(queue.take('t'))).toEqual({
      n: { ...acked, appliedRevision: 5, heardAt: 9 },
      m: { appliedRevision: 1, heardAt: 9 },
    });
  });
});
