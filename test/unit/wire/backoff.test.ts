import { describe, expect, it } from '@jest/globals';
import { backoffMs, sleep } from '../../../proto/ts/wire/backoff.js';

describe('backoffMs', () => {
  it('doubles from half of the first wait up to the longest', () => {
    const low = { initialMs: 100, maxMs: 1000, random: () => 0 };
    const high = { initialMs: 100, maxMs: 1000, random: () => 1 };
    expect([0, 1, 2, 3, 4, 99].map((attempt) => backoffMs(attempt, low))).toEqual([
      50, 100, 200, 400, 500, 500,
    ]);
    expect([0, 1, 2, 3, 4, 99].map((attempt) => backoffMs(attempt, high))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ]);
  });
});

describe('sleep', () => {
  it('ends at once, without an error, when the signal aborts', async () => {
    const stopped = new AbortController();
    const sleeping = sleep(3_600_000, stopped.signal);
    stopped.abort();
    await expect(sleeping).resolves.toBeUndefined();
  });
});
