import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

const TIMEOUT_MS = 10_000;
const CHAIN_MAX = 8;

/**
 * The control plane's authority, as its server shows it, if it is a pinned one. Nothing is sent and
 * nothing believed on this connection: the next one is verified against what is returned.
 * @param pins sha256:<base64url of the sha256 of the authority's SubjectPublicKeyInfo>; while the
 *   authority is changed there are two, with a comma between them
 * @throws BulkheadError CA_PIN_MISMATCH, UNAVAILABLE
 */
export async function fetchPinnedAuthority(
  address: { readonly host: string; readonly port: number },
  pins: string,
): Promise<Buffer> {
  const pinned = new Set(pins.split(','));
  const socket = connect({ ...address, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    socket.destroy();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BulkheadError(
      'UNAVAILABLE',
      `cannot reach the control plane at ${address.host}:${address.port}: ${reason}`,
      { cause },
    );
  }
  const chain = chainOf(socket.getPeerCertificate(true));
  socket.destroy();
  const authority = chain.find((certificate) => certificate.ca && pinned.has(pinOf(certificate)));
  if (!authority) throw new BulkheadError('CA_PIN_MISMATCH');
  return authority.raw;
}

function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = leaf;
  while (next?.raw && chain.length < CHAIN_MAX) {
    chain.push(new X509Certificate(next.raw));
    // A self-signed certificate is its own issuer.
    next = next.issuerCertificate === next ? undefined : next.issuerCertificate;
  }
  return chain;
}

function pinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('base64url')}`;
}
