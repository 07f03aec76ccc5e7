import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { NodeIdentity } from '../domain/certificates.js';
import { cloneAlert } from '../domain/clone-alert.js';
import {
  type CertificatePlace,
  type CertificateVerdict,
  judgeCertificate,
  placeOfSerial,
} from '../domain/node-certificates.js';
import { enqueueNotices } from '../store/alert-notices.js';
import { openAlert } from '../store/alerts.js';
import { appendAudit } from '../store/audit-log.js';
import { getAnyCluster } from '../store/clusters.js';
import type { Database } from '../store/database.js';
import {
  listStandings,
  type NodeStanding,
  recordShownCertificate,
} from '../store/node-certificates.js';
import { quarantineNode } from '../store/node-revocations.js';
import { checkLive, getNode } from '../store/nodes.js';
import type { TenantTx } from '../store/transaction.js';

/** Whom a call's certificate speaks for, and which certificate it is. */
export interface ShownIdentity {
  readonly identity: NodeIdentity;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  readonly address: string;
}

/** A node that shows its next certificate on two streams at once reads anew once; others change it seldom. */
const TRIES = 4;

/**
 * Where the certificate stands if it is the one that the node showed last: then there is nothing to
 * write. undefined: it is for admitNode to judge.
 * @param standing undefined: there is no such node
 * @throws BulkheadError NODE_REVOKED, NODE_QUARANTINED
 */
export function placeOfKnown(
  standing: NodeStanding | undefined,
  serial: string,
): CertificatePlace | undefined {
  if (!standing) throw new BulkheadError('NODE_REVOKED');
  checkLive(standing);
  const { join, generation } = standing;
  // One that says nothing of its place is taken for the newest.
  const isNewest = serial === standing.serial || !placeOfSerial(serial);
  return isNewest ? { join, generation } : undefined;
}

/**
 * Lets a call in whose certificate is the node's current or next one, which is the current one from now
 * on. One that is a clone's quarantines the node: state, alert, notices and audit record in one
 * transaction. Returns where the certificate stands among the node's.
 * @throws BulkheadError NODE_REVOKED (also one of a former join, or of a node that never was),
 *   NODE_QUARANTINED, UNAVAILABLE where a newer one was shown just now
 */
export async function admitNode(
  database: Database,
  shown: ShownIdentity,
): Promise<CertificatePlace> {
  const { verdict, place } = await database.withTenant(shown.identity, (tx) => judge(tx, shown));
  switch (verdict) {
    case 'current':
    case 'next':
      return place;
    case 'late':
      throw new BulkheadError('UNAVAILABLE', 'the node has shown a newer certificate just now');
    case 'cloned':
      throw new BulkheadError('NODE_QUARANTINED');
    case 'former':
      throw joinedAgain();
  }
}

/** The certificate is of a former join: whoever has the name now has another. */
export function joinedAgain(): BulkheadError {
  return new BulkheadError('NODE_REVOKED', 'the node has joined again since');
}

interface Judgement {
  readonly verdict: CertificateVerdict;
  readonly place: CertificatePlace;
}

async function judge(tx: TenantTx, shown: ShownIdentity): Promise<Judgement> {
  const { nodeId } = shown.identity;
  const { serial } = shown;
  const place = placeOfSerial(serial);
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const newest = (await listStandings(tx, [nodeId])).get(nodeId);
    const known = placeOfKnown(newest, serial);
    if (known) return { verdict: 'current', place: known };
    if (!newest || !place) throw new BulkheadError('NODE_REVOKED');
    const verdict = judgeCertificate(serial, place, newest);
    switch (verdict) {
      case 'next':
        if (await recordShownCertificate(tx, nodeId, serial, place)) return { verdict, place };
        break;
      case 'cloned':
        if (await quarantine(tx, shown, newest.join)) return { verdict, place };
        break;
      default:
        return { verdict, place };
    }
  }
  throw new BulkheadError('UNAVAILABLE', 'the node changes too often at the same time');
}

/** false: somebody else was quicker, or the node has joined again. */
async function quarantine(
  tx: TenantTx,
  { identity, serial, address }: ShownIdentity,
  joinNumber: number,
): Promise<boolean> {
  const { tenantId, nodeId } = identity;
  const before = await getNode(tx, nodeId);
  const after = await quarantineNode(tx, nodeId, joinNumber);
  if (!after) return false;
  const { name: clusterName } = await getAnyCluster(tx, after.clusterId);
  const cluster = { id: after.clusterId, name: clusterName };
  const alertId = await openAlert(
    tx,
    cloneAlert({ node: after, cluster, tenantId, joinNumber, serial, address }, new Date()),
  );
  if (alertId) await enqueueNotices(tx, alertId);
  await appendAudit(tx, {
    actor: { kind: 'node', id: nodeId, name: after.name },
    action: 'node.quarantine',
    target: { kind: 'node', id: nodeId },
    before,
    after,
    details: { name: after.name, clusterId: after.clusterId, serial },
    origin: { address },
  });
  return true;
}
