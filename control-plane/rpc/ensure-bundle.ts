import { encodeBundle } from '../../proto/ts/policy/canonical.js';
import { decodePolicy } from '../../proto/ts/policy/decode.js';
import type { SigningKeyPair } from '../../proto/ts/wire/dsse.js';
import { contentSha256, packBundle } from '../domain/bundles.js';
import { type Bundle, insertBundle, latestBundle } from '../store/bundles.js';
import type { Database } from '../store/database.js';
import { type DesiredPolicy, listDesiredForCluster } from '../store/desired-state.js';
import type { TenantTx } from '../store/transaction.js';

/**
 * The bundle that says what the cluster is to run. Looks without a lock first: nearly always the
 * latest one says it already. Where desired state changed, one replica renders the next revision.
 */
export async function ensureBundle(
  database: Database,
  signingKey: SigningKeyPair,
  cluster: { readonly tenantId: string; readonly clusterId: string },
  onComposed: () => void,
): Promise<Bundle | undefined> {
  return database.withTenant(cluster, async (tx) => {
    const latest = await latestBundle(tx, cluster.clusterId);
    const desired = await listDesiredForCluster(tx, cluster.clusterId);
    if (saysTheSame(latest, desired)) return latest;
    return insertBundle(tx, cluster.clusterId, async (revision, locked) => {
      const rendered = await render(tx, signingKey, cluster, revision, locked);
      if (rendered) onComposed();
      return rendered;
    });
  });
}

async function render(
  tx: TenantTx,
  signingKey: SigningKeyPair,
  cluster: { readonly tenantId: string; readonly clusterId: string },
  revision: number,
  latest: Bundle | undefined,
) {
  const desired = await listDesiredForCluster(tx, cluster.clusterId);
  if (saysTheSame(latest, desired)) return undefined;
  const payload = encodeBundle({
    ...cluster,
    revision: BigInt(revision),
    createdUnixMs: Date.now(),
    policies: desired.map(({ normalised, ...policy }) => ({
      ...policy,
      policy: decodePolicy(normalised),
    })),
  });
  return {
    contentSha256: contentSha256(desired),
    envelopeGzip: packBundle(payload, signingKey),
    signingKeyId: signingKey.keyId,
  };
}

/** A cluster to which nothing was ever published needs no bundle; one whose last policy went needs an empty one. */
function saysTheSame(latest: Bundle | undefined, desired: readonly DesiredPolicy[]): boolean {
  if (!latest) return desired.length === 0;
  return contentSha256(desired).equals(latest.contentSha256);
}
