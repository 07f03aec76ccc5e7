import type { JoinRequest__Output } from '../../proto/ts/gen/bulkhead/v1/JoinRequest.js';
import type { JoinResponse } from '../../proto/ts/gen/bulkhead/v1/JoinResponse.js';
import type { RenewRequest__Output } from '../../proto/ts/gen/bulkhead/v1/RenewRequest.js';
import type { RenewResponse } from '../../proto/ts/gen/bulkhead/v1/RenewResponse.js';
import { BulkheadError, type ErrorCode } from '../../proto/ts/wire/errors.js';
import { isUuid } from '../../proto/ts/wire/ids.js';
import {
  issueNodeCertificate,
  type NodeIdentity,
  requestKeySha256,
} from '../domain/certificates.js';
import type { KeySource } from '../domain/keyring.js';
import { type CertificatePlace, newNodeSerial } from '../domain/node-certificates.js';
import { nodeFactsFromWire } from '../domain/node-info.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import type { Database } from '../store/database.js';
import { recordCertificate } from '../store/nodes.js';
import { type CallContext, nodeOf, placeOf } from './calls.js';
import { proofOf } from './join-proofs.js';
import type { JoinLimits } from './rate-limits.js';
import { trustToWire } from './trust.js';

export interface JoinDependencies {
  readonly database: Database;
  readonly metrics: Pick<RpcMetrics, 'joinAttempts'>;
  readonly limits: JoinLimits;
  readonly keys: KeySource;
  readonly trustDomain: string;
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
  dependencies.limits.ofAddress(context.peer);
  const redeem = await proofOf(dependencies, request);
  if (!isUuid(request.enrollmentId)) {
    throw new BulkheadError('INVALID_ARGUMENT', 'the enrollment id is not a UUID');
  }
  const facts = nodeFactsFromWire(request.node);
  const { identity, place } = await redeem({
    ...facts,
    enrollmentId: request.enrollmentId,
    publicKeySha256: await requestKeySha256(request.csrDer),
    origin: { address: context.peer, requestId: request.enrollmentId },
  });
  const certificateDer = await issueFor(dependencies, identity, place, request.csrDer);
  context.log.info({ ...identity, node: facts.name }, 'node joined');
  return { ...identity, certificateDer, ...trustOf(dependencies) };
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
  { keys, database, trustDomain }: JoinDependencies,
  identity: NodeIdentity,
  place: CertificatePlace,
  csrDer: Uint8Array,
): Promise<Buffer> {
  const { authority } = keys.current;
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

function trustOf({ keys }: JoinDependencies) {
  return trustToWire(keys.current.trust);
}
