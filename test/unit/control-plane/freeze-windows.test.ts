import { describe, expect, it } from '@jest/globals';
import {
  checkFreezeWindows,
  type FreezeWindow,
  frozenBy,
  type WeeklyWindow,
} from '../../../control-plane/domain/freeze-windows.js';

const weekly = (more: Partial<WeeklyWindow> = {}): FreezeWindow => ({
  name: 'weekend',
  weekly: { days: ['fri'], start: '18:00', minutes: 62 * 60, ...more },
});
const once: FreezeWindow = {
  name: 'holidays',
  once: { from: '2026-12-20T00:00:00Z', until: '2027-01-04T00:00:00+01:00' },
};
const isFrozen = (window: FreezeWindow, at: string, labels = {}) =>
  frozenBy([window], labels, new Date(at)) !== undefined;

describe('a freeze window', () => {
  it.each([
    ['2026-12-19T23:59:59.999Z', false],
    ['2026-12-20T00:00:00Z', true],
    ['2027-01-03T22:59:59.999Z', true],
    ['2027-01-03T23:00:00Z', false],
  ])('once: %s is %s', (at, frozen) => {
    expect(isFrozen(once, at)).toBe(frozen);
  });

  it.each([
    // 2026-11-27 is a Friday.
    ['2026-11-27T17:59:59Z', false],
    ['2026-11-27T18:00:00Z', true],
    ['2026-11-29T12:00:00Z', true],
    // Over the end of the week, into Monday.
    ['2026-11-30T07:59:59Z', true],
    ['2026-11-30T08:00:00Z', false],
  ])('weekly: %s is %s', (at, frozen) => {
    expect(isFrozen(weekly(), at)).toBe(frozen);
  });

  it('goes by the clock on the wall, in summer and in winter', () => {
    const berlin = weekly({ timeZone: 'Europe/Berlin' });
    expect(isFrozen(berlin, '2026-11-27T16:59:00Z')).toBe(false);
    expect(isFrozen(berlin, '2026-11-27T17:00:00Z')).toBe(true);
    expect(isFrozen(berlin, '2026-07-03T15:59:00Z')).toBe(false);
    expect(isFrozen(berlin, '2026-07-03T16:00:00Z')).toBe(true);
  });

  it('of a whole week never ends', () => {
    const always = weekly({ minutes: 7 * 24 * 60 });
    for (let hour = 0; hour < 7 * 24; hour += 1) {
      const at = new Date(Date.UTC(2026, 10, 23, hour)).toISOString();
      expect([at, isFrozen(always, at)]).toEqual([at, true]);
    }
  });

  it('holds the clusters that it chooses', () => {
    const production = { ...once, clusters: 'env=prod' };
    expect(isFrozen(production, '2026-12-24T00:00:00Z', { env: 'prod' })).toBe(true);
    expect(isFrozen(production, '2026-12-24T00:00:00Z', { env: 'dev' })).toBe(false);
  });

  it.each<[RegExp, FreezeWindow]>([
    [/either once or weekly/, { name: 'neither' }],
    [/either once or weekly/, { ...once, ...weekly() }],
    [/from is not before until/, { name: 'a', once: { from: '2027-01-01', until: '2027-01-01' } }],
    [/no such time zone/, weekly({ timeZone: 'Europe/Nowhere' })],
    [/clusters: no requirement at character 1/, { ...once, clusters: '=' }],
  ])('is refused: %s', (message, window) => {
    expect(() => checkFreezeWindows([window])).toThrow(message);
  });

  it('is refused where there are two of a name', () => {
    expect(() => checkFreezeWindows([once, once])).toThrow(/two of that name/);
    expect(() => checkFreezeWindows([once, weekly()])).not.toThrow();
  });
});
