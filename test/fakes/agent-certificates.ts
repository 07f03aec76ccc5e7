import {
  issueNodeCertificate,
  type NodeIdentity,
} from '../../control-plane/domain/certificates.js';
import type { Keyring } from '../../control-plane/domain/keyring.js';
import { newNodeSerial } from '../../control-plane/domain/node-certificates.js';
import { createNodeKey, createRequest } from '../../node-agent/uplink/certificates.js';
import { pemFromDer } from '../../proto/ts/wire/pem.js';

export interface AgentCredentials {
  readonly caPem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/**
 * A certificate of its own for each node, straight from the authority. One private key for all of them:
 * the control plane does not see that, and 10 000 keys take a minute.
 */
export async function issueCredentials(
  { authority }: Keyring,
  nodes: readonly NodeIdentity[],
): Promise<AgentCredentials[]> {
  const privateKeyPem = createNodeKey();
  const request = await createRequest(privateKeyPem);
  const caPem = pemFromDer('CERTIFICATE', Buffer.from(authority.certificate.rawData));
  const credentials: AgentCredentials[] = [];
  for (const node of nodes) {
    const { der } = await issueNodeCertificate(
      authority,
      request,
      'bulkhead',
      node,
      newNodeSerial({ join: 1, generation: 1 }),
      new Date(),
    );
    credentials.push({ caPem, certificatePem: pemFromDer('CERTIFICATE', der), privateKeyPem });
  }
  return credentials;
}
