import { encodeBundle } from '../../proto/ts/policy/canonical.js';
import { decodePolicy } from '../../proto/ts/policy/decode.js';
import { contentSha256, packBundle } from '../domain/bundles.js';
import type { Keyring } from '../domain/keyring.js';
import { type Bundle, insertBundle, latestBundle, latestBundleHead } from '../store/bundles.js';
import type { Database } from '../store/database.js';
import { type DesiredPolicy, listDesiredForCluster } from '../store/desired-state.js';
import type { TenantTx } from '../store/transaction.js';

type SigningKeys = Pick<Keyring, 'signingKeys' | 'formerSigningKeyIds'>;

/**
 * The bundle that says what the cluster is to run. Looks without a lock first: nearly always the
 * latest one says it already, and is the one that is `known`. Where desired state or the signing key
 * changed, one replica renders the next revision.
 */
export async function ensureBundle(
  database: Database,
  keys: SigningKeys,
  cluster: { readonly tenantId: string; readonly clusterId: string },
  known: Bundle | undefined,
  onComposed: () => void,
): Promise<Bundle | undefined> {
  return database.withTenant(cluster, async (tx) => {
    const latest = await latestBundleHead(tx, cluster.clusterId);
    const desired = await listDesiredForCluster(tx, cluster.clusterId);
    if (isStillGood(latest, desired, keys)) {
      return latest?.revision === known?.revision ? known : latestBundle(tx, cluster.clusterId);
    }
    return insertBundle(tx, cluster.clusterId, async (revision, locked) => {
      const rendered = await render(tx, keys, cluster, revision, locked);
      if (rendered) onComposed();
      return rendered;
    });
  });
}

async function render(
  tx: TenantTx,
  keys: SigningKeys,
  cluster: { readonly tenantId: string; readonly clusterId: string },
  revision: number,
  latest: Bundle | undefined,
) {
  const desired = await listDesiredForCluster(tx, cluster.clusterId);
  if (isStillGood(latest, desired, keys)) return undefined;
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
    envelopeGzip: packBundle(payload, keys.signingKeys),
    signingKeyId: keys.signingKeys[0].keyId,
  };
}

/**
 * A cluster to which nothing was ever assigned needs no bundle; one whose last policy went needs an
 * empty one. Only a key known to be a former one makes a bundle old: what a replica signed that knows of
 * a change before this one does is left alone.
 */
function isStillGood(
  latest: Pick<Bundle, 'contentSha256' | 'signingKeyId'> | undefined,
  desired: readonly DesiredPolicy[],
  keys: SigningKeys,
): boolean {
  if (!latest) return desired.length === 0;
  if (keys.formerSigningKeyIds.has(latest.signingKeyId)) return false;
  return contentSha256(desired).equals(latest.contentSha256);
}
