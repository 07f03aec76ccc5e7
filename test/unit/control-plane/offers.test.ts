import { describe, expect, it } from '@jest/globals';
import { Offers } from '../../../control-plane/domain/offers.js';

describe('what a node is offered', () => {
  it('is nothing before it said what it runs, and nothing older than that', () => {
    const offers = new Offers();
    expect(offers.isNews(9)).toBe(false);
    offers.hello(5);
    expect([4, 5, 6].map((revision) => offers.isNews(revision))).toEqual([false, false, true]);
  });

  it('is one bundle at a time', () => {
    const offers = new Offers();
    offers.hello(0);
    const nonce = offers.offer(1);
    expect(offers.isNews(2)).toBe(false);
    expect(offers.acknowledge(nonce)).toBe(1);
    expect([1, 2].map((revision) => offers.isNews(revision))).toEqual([false, true]);
  });

  it('is not again what it refused', () => {
    const offers = new Offers();
    offers.hello(1);
    expect(offers.refuse(offers.offer(2))).toBe(2);
    expect([1, 2, 3].map((revision) => offers.isNews(revision))).toEqual([false, false, true]);
  });

  it('is again what a heartbeat says is not in force any more', () => {
    const offers = new Offers();
    offers.hello(0);
    offers.acknowledge(offers.offer(2));
    offers.heartbeat(2);
    expect(offers.isNews(2)).toBe(false);
    offers.heartbeat(1);
    expect([1, 2].map((revision) => offers.isNews(revision))).toEqual([false, true]);
    const nonce = offers.offer(2);
    // Sent before the answer to the offer.
    offers.heartbeat(1);
    offers.acknowledge(nonce);
    expect(offers.isNews(2)).toBe(false);
  });

  it('is not what it refused, whatever a heartbeat says', () => {
    const offers = new Offers();
    offers.hello(1);
    offers.refuse(offers.offer(2));
    offers.heartbeat(0);
    expect([1, 2].map((revision) => offers.isNews(revision))).toEqual([true, false]);
  });

  it('is answered by its nonce, once', () => {
    const offers = new Offers();
    offers.hello(0);
    const nonce = offers.offer(1);
    expect(() => offers.acknowledge('another')).toThrow('was not sent');
    offers.acknowledge(nonce);
    expect(() => offers.refuse(nonce)).toThrow('was not sent');
  });
});
