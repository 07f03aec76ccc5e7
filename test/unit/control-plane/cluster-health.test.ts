import { describe, expect, it } from '@jest/globals';
import { clusterStatus } from '../../../control-plane/domain/cluster-health.js';
import {
  compareKubernetesVersions,
  isKubernetesVersion,
} from '../../../proto/ts/wire/kubernetes-version.js';

const nodes = { total: 3, silent: 0, behind: 0, refusing: 0, losing: 0, quarantined: 0 };

describe('the health of a cluster', () => {
  it.each([
    ['empty', { total: 0 }],
    ['healthy', {}],
    ['healthy', { losing: 3 }],
    ['degraded', { silent: 1 }],
    ['degraded', { behind: 1 }],
    ['degraded', { refusing: 1 }],
    ['degraded', { quarantined: 1 }],
    ['down', { silent: 3, behind: 3 }],
  ])('is %s with %j', (health, more) => {
    expect(clusterStatus({ ...nodes, ...more }, [])).toEqual({
      health,
      nodes: { ...nodes, ...more },
    });
  });

  it('has the oldest version of Kubernetes that a node says', () => {
    const versions = ['v1.31.2', 'v1.9.11', 'v1.30.4-gke.1'];
    expect(clusterStatus(nodes, versions).kubernetesVersion).toBe('v1.9.11');
  });
});

describe('versions of Kubernetes', () => {
  it('are those that an API server says', () => {
    const good = ['v1.31.2', 'v1.30.4-gke.1348000', 'v1.29.3+k3s1', 'v1.28.9-eks-036c24b'];
    const bad = ['', '1.31.2', 'v1.31', 'v1.31.2\n', 'v1.31.2 ', `v1.31.2-${'a'.repeat(60)}`];
    expect(good.filter((version) => !isKubernetesVersion(version))).toEqual([]);
    expect(bad.filter(isKubernetesVersion)).toEqual([]);
  });

  it('are sorted by their numbers', () => {
    const sorted = ['v1.9.0', 'v1.10.0', 'v1.10.2-a', 'v1.10.2-b', 'v2.0.0'];
    expect([...sorted].reverse().sort(compareKubernetesVersions)).toEqual(sorted);
  });
});
