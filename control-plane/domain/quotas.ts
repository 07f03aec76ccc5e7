import { BulkheadError } from '../../proto/ts/wire/errors.js';

/** How many a tenant may have, where the platform has not said otherwise. Exact, over all replicas. */
export const QUOTAS = {
  clusters: 500,
  /** Revoked ones do not count. */
  nodes: 20_000,
  /** Archived ones do not count. */
  policies: 1_000,
  /** Of one policy. */
  policyVersions: 1_000,
  /** A cluster that is made or edited is held against each. */
  assignments: 1_000,
  webhooks: 50,
  /** Neither revoked nor expired. */
  apiKeys: 1_000,
  /** Not disabled. */
  members: 1_000,
  /** That somebody could join with. */
  joinTokens: 1_000,
  /** Streams of live updates that are open at one replica. */
  liveStreams: 200,
} as const;
export type Quota = keyof typeof QUOTAS;
export const QUOTA_NAMES = Object.keys(QUOTAS) as readonly Quota[];

/** Those that the database counts over a tenant. */
export type CountedQuota = Exclude<Quota, 'policyVersions' | 'liveStreams'>;

/** No waiting helps, so it says nothing of when to repeat. */
export function quotaReached(quota: Quota, maximum: number): BulkheadError {
  return new BulkheadError('RESOURCE_EXHAUSTED', `quota ${quota}: at most ${maximum}`, {
    details: { quota, maximum },
  });
}
