import { describe, expect, it } from '@jest/globals';
import { retryAfterSeconds, siteOf, tooMany } from '../../../control-plane/domain/rates.js';
import { perMinute, TokenBuckets } from '../../../control-plane/domain/token-buckets.js';

describe('a token bucket', () => {
  let nowMs = 0;
  const buckets = (rate = perMinute(60), maxKeys?: number) =>
    new TokenBuckets(rate, { now: () => nowMs, ...(maxKeys && { maxKeys }) });

  it('gives what it holds at once, then as fast as it fills', () => {
    const bucket = buckets();
    for (let n = 59; n >= 0; n -= 1) {
      expect(bucket.take('a')).toMatchObject({ allowed: true, remaining: n });
    }
    expect(bucket.take('a')).toMatchObject({ allowed: false, remaining: 0, waitMs: 1000 });
    nowMs += 999;
    expect(bucket.take('a').allowed).toBe(false);
    nowMs += 1;
    expect(bucket.take('a')).toMatchObject({ allowed: true, fullInMs: 60_000 });
    nowMs += 3_600_000;
    expect(bucket.take('a')).toMatchObject({ remaining: 59, fullInMs: 1000 });
  });

  it('says how long until there is enough, and takes nothing until then', () => {
    const bucket = buckets();
    bucket.take('a', 55);
    expect(bucket.take('a', 10)).toMatchObject({ allowed: false, remaining: 5, waitMs: 5000 });
    expect(bucket.take('a', 5).allowed).toBe(true);
  });

  it('is never too small for one thing', () => {
    expect(buckets(perMinute(10)).take('a', 50)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('can be owed to: each waits for those before it', () => {
    const bucket = buckets({ burst: 10, perSecond: 10 });
    expect([10, 5, 5].map((cost) => bucket.owe('a', cost))).toEqual([0, 500, 1000]);
    nowMs += 1000;
    expect(bucket.owe('a', 0)).toBe(0);
  });

  it('is one for each key, and there are not more than it may have', () => {
    const bucket = buckets(perMinute(1), 2);
    expect(bucket.take('a').allowed).toBe(true);
    expect(bucket.take('b').allowed).toBe(true);
    expect(bucket.take('a').allowed).toBe(false);
    // b was not asked for longest.
    bucket.take('c');
    expect(bucket.size).toBe(2);
    expect(bucket.take('a').allowed).toBe(false);
    expect(bucket.take('b').allowed).toBe(true);
    // To look makes none.
    expect(bucket.look('d').allowed).toBe(true);
    expect(bucket.size).toBe(2);
  });
});

describe('whom an address stands for', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::1', '0:0:0::/48'],
    ['2001:db8:1:2::5', '2001:db8:1::/48'],
    ['2001:0DB8:0001:ffff:0:0:0:9', '2001:db8:1::/48'],
    ['2001:db8::9', '2001:db8:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
  ])('%s: %s', (address, site) => expect(siteOf(address)).toBe(site));
});

it('a refusal that is over by itself says when, in whole seconds', () => {
  expect([0, 1, 1000, 1001].map((ms) => retryAfterSeconds(tooMany('x', ms)))).toEqual([1, 1, 1, 2]);
});
