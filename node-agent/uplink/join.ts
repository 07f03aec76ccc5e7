import type { JoinRequest } from '../../proto/ts/gen/bulkhead/v1/JoinRequest.js';
import type { JoinResponse__Output } from '../../proto/ts/gen/bulkhead/v1/JoinResponse.js';
import type { NodeInfo } from '../../proto/ts/gen/bulkhead/v1/NodeInfo.js';
import type { RenewResponse__Output } from '../../proto/ts/gen/bulkhead/v1/RenewResponse.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { fetchPinnedAuthority } from './ca-pin.js';
import { createRequest } from './certificates.js';
import { errorFromGrpc } from './errors.js';
import type { Identity, IdentityStore } from './identity.js';
import { type AgentServiceClient, openClient } from './service.js';
import { trustFromWire } from './trust.js';

export interface JoinOptions {
  readonly controlPlane: { readonly host: string; readonly port: number };
  /** One of the two. */
  readonly joinToken?: string | undefined;
  readonly serviceAccount?: { readonly clusterId: string; readonly token: string } | undefined;
  /** One pin, or several with commas between them: each of the authorities that may be shown. */
  readonly caPin: string;
  readonly node: NodeInfo;
  readonly store: IdentityStore;
}

const CALL_TIMEOUT_MS = 30_000;

/**
 * Joins with a token; safe to repeat after a lost answer.
 * @throws BulkheadError of the JOIN_TOKEN_ and SERVICE_ACCOUNT_TOKEN_ codes, NODE_NAME_IN_USE,
 *   NODE_REVOKED, NODE_QUARANTINED, CA_PIN_MISMATCH, UNAVAILABLE: nothing is left behind but the node's
 *   key and the name of the try
 */
export async function join(options: JoinOptions): Promise<Identity> {
  const { controlPlane, caPin, joinToken = '', serviceAccount } = options;
  const authority = await fetchPinnedAuthority(controlPlane, caPin);
  const proof = serviceAccount
    ? { serviceAccountToken: serviceAccount.token, clusterId: serviceAccount.clusterId }
    : { joinToken };
  return ask(options, [authority], proof);
}

/**
 * Joins with the certificate that has run out: the control plane takes it for some days.
 * @throws BulkheadError CERTIFICATE_REQUIRED where it is too old, NODE_REVOKED, NODE_QUARANTINED, UNAVAILABLE
 */
export async function rejoin(
  options: Pick<JoinOptions, 'controlPlane' | 'node' | 'store'>,
  former: Identity,
): Promise<Identity> {
  return ask(options, former.caCertificatesDer, { formerCertificateDer: former.certificateDer });
}

async function ask(
  { controlPlane, node, store }: Pick<JoinOptions, 'controlPlane' | 'node' | 'store'>,
  caCertificatesDer: readonly Buffer[],
  proof: JoinRequest,
): Promise<Identity> {
  const csrDer = await createRequest(await store.ensureKey());
  const enrollmentId = await store.ensureEnrollmentId();
  const client = openClient(addressOf(controlPlane), { caCertificatesDer });
  try {
    const answer = await new Promise<JoinResponse__Output>((resolve, reject) => {
      const deadline = { deadline: Date.now() + CALL_TIMEOUT_MS };
      client.Join({ ...proof, enrollmentId, csrDer, node }, deadline, (error, response) => {
        if (response) resolve(response);
        else reject(errorFromGrpc(error));
      });
    });
    const { tenantId, clusterId, nodeId } = answer;
    const identity = { tenantId, clusterId, nodeId, ...trustFrom(answer) };
    await store.save(identity);
    return identity;
  } finally {
    client.close();
  }
}

/** The next certificate for the same key. */
export async function renew(
  client: AgentServiceClient,
  identity: Identity,
  privateKeyPem: string,
): Promise<Identity> {
  const csrDer = await createRequest(privateKeyPem);
  const answer = await new Promise<RenewResponse__Output>((resolve, reject) => {
    client.Renew({ csrDer }, { deadline: Date.now() + CALL_TIMEOUT_MS }, (error, response) => {
      if (response) resolve(response);
      else reject(errorFromGrpc(error));
    });
  });
  return { ...identity, ...trustFrom(answer) };
}

export function addressOf({ host, port }: JoinOptions['controlPlane']): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function trustFrom(answer: JoinResponse__Output | RenewResponse__Output) {
  if (answer.certificateDer.length === 0) {
    throw new BulkheadError('UNAVAILABLE', 'the control plane answered without a certificate');
  }
  return { certificateDer: answer.certificateDer, ...trustFromWire(answer) };
}
