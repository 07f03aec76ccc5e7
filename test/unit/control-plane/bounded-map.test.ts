import { expect, it } from '@jest/globals';
import { BoundedMap } from '../../../control-plane/domain/bounded-map.js';

it('a bounded map keeps what it has until one more would be too many', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1).set('b', 2).set('a', 3);
  expect([...map]).toEqual([
    ['a', 3],
    ['b', 2],
  ]);
  map.set('c', 4);
  expect([...map]).toEqual([['c', 4]]);
});
