import type { JoinRequest__Output } from '../../proto/ts/gen/bulkhead/v1/JoinRequest.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { isUuid } from '../../proto/ts/wire/ids.js';
import { hashSecret, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import type { NodeIdentity } from '../domain/certificates.js';
import { identityOfFormer } from '../domain/former-certificate.js';
import { type CertificatePlace, placeOfSerial } from '../domain/node-certificates.js';
import { type JoinRedemption, redeemJoinToken } from '../store/join-redemptions.js';
import { redeemServiceAccountToken } from '../store/kubernetes-join-uses.js';
import { findTrustOfCluster } from '../store/kubernetes-joins.js';
import type { JoinedNode } from '../store/node-joins.js';
import { admitNode } from './admission.js';
import type { JoinDependencies } from './join.js';

/** A proof whose form is good: what it is worth shows when the node is known. */
export type Redeem = (node: JoiningNode) => Promise<Redeemed>;

type JoiningNode = Omit<JoinRedemption, 'tokenId' | 'secretSha256' | 'admit'>;

/** Who has joined, and which certificate is to be issued. */
interface Redeemed {
  readonly identity: NodeIdentity;
  readonly place: CertificatePlace;
}

/**
 * What the request joins with: one proof, and no other beside it.
 * @throws BulkheadError INVALID_ARGUMENT, JOIN_TOKEN_MALFORMED, SERVICE_ACCOUNT_TOKEN_MALFORMED
 */
export async function proofOf(
  dependencies: JoinDependencies,
  request: JoinRequest__Output,
): Promise<Redeem> {
  const { joinToken, serviceAccountToken, formerCertificateDer } = request;
  const proofs = [joinToken, serviceAccountToken, formerCertificateDer];
  if (proofs.filter(({ length }) => length > 0).length > 1) {
    throw new BulkheadError('INVALID_ARGUMENT', 'more than one proof to join with');
  }
  if (serviceAccountToken) return byServiceAccount(dependencies, request);
  if (formerCertificateDer.length > 0) return byFormer(dependencies, formerCertificateDer);
  return byToken(dependencies, joinToken);
}

function byToken({ database, limits }: JoinDependencies, text: string): Redeem {
  const token = parseToken(TOKEN_KINDS.join, text);
  if (!token) throw new BulkheadError('JOIN_TOKEN_MALFORMED');
  const secretSha256 = hashSecret(token.secret);
  const admit = (tenantId: string) => limits.ofTenant(tenantId);
  return async (node) =>
    firstOf(await redeemJoinToken(database, { ...node, tokenId: token.id, secretSha256, admit }));
}

/** Every way in which a cluster can be unknown has one answer: nobody finds out which clusters there are. */
async function byServiceAccount(
  { database, limits }: JoinDependencies,
  { serviceAccountToken, clusterId }: JoinRequest__Output,
): Promise<Redeem> {
  if (!isUuid(clusterId)) {
    throw new BulkheadError('INVALID_ARGUMENT', 'the cluster id is not a UUID');
  }
  // With what it needs: a replica whose clusters take no such tokens does without 10 MB.
  const { checkTokenForm, verifyServiceAccountToken } = await import(
    '../domain/service-account-token.js'
  );
  checkTokenForm(serviceAccountToken);
  return async (node) => {
    const trust = await findTrustOfCluster(database, clusterId);
    if (!trust) throw new BulkheadError('SERVICE_ACCOUNT_TOKEN_UNKNOWN');
    const pod = await verifyServiceAccountToken(serviceAccountToken, trust, node.name, new Date());
    const { tenantId, revision } = trust;
    // Not before: who has no token of the cluster takes nothing of what its tenant may.
    limits.ofTenant(tenantId);
    return firstOf(
      await redeemServiceAccountToken(database, { ...node, ...pod, tenantId, clusterId, revision }),
    );
  };
}

/** A renewal that comes late: judged as a call with the certificate would be, so that a clone is found here too. */
function byFormer({ database, keys, limits, trustDomain }: JoinDependencies, der: Buffer): Redeem {
  return async ({ publicKeySha256, origin }) => {
    const trust = { authorities: keys.current.trustedAuthorities, trustDomain };
    const shown = identityOfFormer(der, trust, publicKeySha256, new Date());
    if (!placeOfSerial(shown.serial)) throw new BulkheadError('CERTIFICATE_REQUIRED');
    limits.ofTenant(shown.identity.tenantId);
    const { join, generation } = await admitNode(database, {
      ...shown,
      address: origin?.address ?? '',
    });
    return { identity: shown.identity, place: { join, generation: generation + 1 } };
  };
}

function firstOf({ joinNumber, ...identity }: JoinedNode): Redeemed {
  return { identity, place: { join: joinNumber, generation: 1 } };
}
