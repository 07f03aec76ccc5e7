import type { JoinRequest__Output } from '../../proto/ts/gen/bulkhead/v1/JoinRequest.js';
import type { JoinResponse } from '../../proto/ts/gen/bulkhead/v1/JoinResponse.js';
import type { RenewRequest__Output } from '../../proto/ts/gen/bulkhead/v1/RenewRequest.js';
import type { RenewResponse } from '../../proto/ts/gen/bulkhead/v1/RenewResponse.js';
import { BulkheadError, type ErrorCode } from '../../proto/ts/wire/errors.js';
import { isUuid } from '../../proto/ts/wire/ids.js';
import { hashSecret, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import {
  type CertificateAuthority,
  issueNodeCertificate,
  type NodeIdentity,
  requestKeySha256,
} from '../domain/certificates.js';
import { type CertificatePlace, newNodeSerial } from '../domain/node-certificates.js';
import { nodeFactsFromWire } from '../domain/node-info.js';
import { checkTokenForm, verifyServiceAccountToken } from '../domain/service-account-token.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import type { Database } from '../store/database.js';
import { type JoinRedemption, redeemJoinToken } from '../store/join-redemptions.js';
import { redeemServiceAccountToken } from '../store/kubernetes-join-uses.js';
import { findTrustOfCluster } from '../store/kubernetes-joins.js';
import type { JoinedNode } from '../store/node-joins.js';
import { recordCertificate } from '../store/nodes.js';
import { type CallContext, nodeOf, placeOf } from './calls.js';

export interface JoinDependencies {
  readonly database: Database;
  readonly metrics: Pick<RpcMetrics, 'joinAttempts'>;
  readonly authority: CertificateAuthority;
  readonly trustDomain: string;
  /** SubjectPublicKeyInfo and id of every key that may sign a bundle. */
  readonly signingKeys: readonly { readonly keyId: string; readonly publicKeyDer: Buffer }[];
}

export async function join(
  dependencies: JoinDependencies,
  request: JoinRequest__Output,
  context: CallContext,
): Promise<JoinResponse> {
  let code: ErrorCode | 'OK' = 'INTERNAL';
  try {
    const response = await admit(dependencies, request, context);
    code = 'OK';
    return response;
  } catch (error) {
    if (error instanceof BulkheadError) ({ code } = error);
    throw error;
  } finally {
    dependencies.metrics.joinAttempts.inc({ code });
  }
}

/** Everything of the request is checked before the token is touched: a bad request costs no use. */
async function admit(
  dependencies: JoinDependencies,
  request: JoinRequest__Output,
  context: CallContext,
): Promise<JoinResponse> {
  const redeem = request.serviceAccountToken
    ? byServiceAccount(dependencies.database, request)
    : byToken(dependencies.database, request.joinToken);
  if (!isUuid(request.enrollmentId)) {
    throw new BulkheadError('INVALID_ARGUMENT', 'the enrollment id is not a UUID');
  }
  const facts = nodeFactsFromWire(request.node);
  const { joinNumber, ...identity } = await redeem({
    ...facts,
    enrollmentId: request.enrollmentId,
    publicKeySha256: await requestKeySha256(request.csrDer),
    origin: { address: context.address, requestId: request.enrollmentId },
  });
  const place = { join: joinNumber, generation: 1 };
  const certificateDer = await issueFor(dependencies, identity, place, request.csrDer);
  context.log.info({ ...identity, node: facts.name }, 'node joined');
  return { ...identity, certificateDer, ...trustOf(dependencies) };
}

/** A proof whose form is good: what it is worth shows when the node is known. */
type Redeem = (node: Omit<JoinRedemption, 'tokenId' | 'secretSha256'>) => Promise<JoinedNode>;

/** @throws BulkheadError JOIN_TOKEN_MALFORMED */
function byToken(database: Database, text: string): Redeem {
  const token = parseToken(TOKEN_KINDS.join, text);
  if (!token) throw new BulkheadError('JOIN_TOKEN_MALFORMED');
  const secretSha256 = hashSecret(token.secret);
  return (node) => redeemJoinToken(database, { ...node, tokenId: token.id, secretSha256 });
}

/**
 * Every way in which a cluster can be unknown has one answer: nobody finds out which clusters there are.
 * @throws BulkheadError INVALID_ARGUMENT, SERVICE_ACCOUNT_TOKEN_MALFORMED
 */
function byServiceAccount(
  database: Database,
  { serviceAccountToken, clusterId, joinToken }: JoinRequest__Output,
): Redeem {
  if (joinToken !== '') {
    throw new BulkheadError('INVALID_ARGUMENT', 'a join token and one of a service account');
  }
  if (!isUuid(clusterId)) {
    throw new BulkheadError('INVALID_ARGUMENT', 'the cluster id is not a UUID');
  }
  checkTokenForm(serviceAccountToken);
  return async (node) => {
    const trust = await findTrustOfCluster(database, clusterId);
    if (!trust) throw new BulkheadError('SERVICE_ACCOUNT_TOKEN_UNKNOWN');
    const pod = await verifyServiceAccountToken(serviceAccountToken, trust, node.name, new Date());
    const { tenantId, revision } = trust;
    return redeemServiceAccountToken(database, { ...node, ...pod, tenantId, clusterId, revision });
  };
}

export async function renew(
  dependencies: JoinDependencies,
  request: RenewRequest__Output,
  context: CallContext,
): Promise<RenewResponse> {
  const identity = nodeOf(context);
  const { join, generation } = placeOf(context);
  const place = { join, generation: generation + 1 };
  const certificateDer = await issueFor(dependencies, identity, place, request.csrDer);
  context.log.info(identity, 'certificate renewed');
  return { certificateDer, ...trustOf(dependencies) };
}

async function issueFor(
  { authority, database, trustDomain }: JoinDependencies,
  identity: NodeIdentity,
  place: CertificatePlace,
  csrDer: Uint8Array,
): Promise<Buffer> {
  const serial = newNodeSerial(place);
  const now = new Date();
  const issued = await issueNodeCertificate(authority, csrDer, trustDomain, identity, serial, now);
  await database.withTenant(identity, (tx) =>
    recordCertificate(tx, identity.nodeId, {
      serialNumber: issued.serialNumber,
      notAfter: issued.notAfter,
    }),
  );
  return issued.der;
}

function trustOf({ authority, signingKeys }: JoinDependencies) {
  return {
    caCertificatesDer: [Buffer.from(authority.certificate.rawData)],
    signingKeys: [...signingKeys],
  };
}
