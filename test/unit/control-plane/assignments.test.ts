import { describe, expect, it } from '@jest/globals';
import { type Assigning, decide } from '../../../control-plane/domain/assignments.js';
import {
  CLUSTER_ID_LABEL,
  CLUSTER_NAME_LABEL,
  checkGivenLabels,
  selectableLabels,
} from '../../../control-plane/domain/clusters.js';

const CLUSTERS = [
  { id: 'c1', name: 'one', labels: { env: 'prod' } },
  { id: 'c2', name: 'two', labels: {} },
];

const assigning = (id: string, more: Partial<Assigning> = {}): Assigning => ({
  id,
  policyId: 'p',
  version: 1,
  mode: 'enforce',
  clusters: '',
  priority: 0,
  createdAt: new Date(0),
  ...more,
});

/** By cluster, then by policy: which assignment has its way. */
const winners = (...assignments: readonly Assigning[]): string[] =>
  decide(assignments, CLUSTERS)
    .map(({ clusterId, policyId, assignmentId }) => `${clusterId} ${policyId} ${assignmentId}`)
    .sort();

describe('which assignment has its way', () => {
  it.each<[string, Partial<Assigning>, Partial<Assigning>]>([
    ['the one with the highest priority', { priority: 1 }, { createdAt: new Date(9) }],
    ['of the same priority the newest', { createdAt: new Date(2) }, { createdAt: new Date(1) }],
    ['of the same moment the one whose id comes later', { id: 'b' }, { id: 'a' }],
  ])('%s', (_what, winner, loser) => {
    const [win, lose] = [assigning('w', winner), assigning('l', loser)];
    for (const order of [
      [win, lose],
      [lose, win],
    ]) {
      expect(winners(...order)).toEqual([`c1 p ${win.id}`, `c2 p ${win.id}`]);
    }
  });

  it('is told of each policy and each cluster apart', () => {
    const everywhere = assigning('all', { priority: -5 });
    const prod = assigning('prod', { clusters: 'env=prod', priority: -4 });
    const other = assigning('other', { policyId: 'q', clusters: '!env', priority: 9 });
    expect(winners(everywhere, prod, other)).toEqual(['c1 p prod', 'c2 p all', 'c2 q other']);
    expect(winners()).toEqual([]);
  });
});

describe('the labels of a cluster', () => {
  it('are what it was given and what it has of itself, which nothing given hides', () => {
    const labels = { env: 'prod', [CLUSTER_ID_LABEL]: 'c2' };
    expect(selectableLabels({ id: 'c1', name: 'one', labels })).toEqual({
      env: 'prod',
      [CLUSTER_ID_LABEL]: 'c1',
      [CLUSTER_NAME_LABEL]: 'one',
    });
  });

  it('are not given where they would be ours', () => {
    expect(() => checkGivenLabels({ env: 'prod', 'x.bulkhead.io/a': 'b' })).not.toThrow();
    expect(() => checkGivenLabels({ 'bulkhead.io/anything': '' })).toThrow(
      'labels: bulkhead.io/anything: a cluster has it of itself',
    );
  });
});
