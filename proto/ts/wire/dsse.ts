import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { BulkheadError } from './errors.js';

/**
 * DSSE v1.0.2 (https://github.com/secure-systems-lab/dsse) with Ed25519: the signature covers the
 * payload's type and its bytes, so that no parser runs before the signature is known to be good.
 */
export const BUNDLE_PAYLOAD_TYPE = 'application/vnd.bulkhead.policy-bundle.v1+protobuf';

export interface SigningKeyPair {
  readonly keyId: string;
  readonly privateKey: KeyObject;
}

/** Key id -> Ed25519 public key. */
export type VerifyingKeys = ReadonlyMap<string, KeyObject>;

interface Envelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** sha256 of the key's SubjectPublicKeyInfo, base64url. */
export function keyIdOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64url');
}

export function publicKeyFromDer(der: Uint8Array): KeyObject {
  const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new BulkheadError('BUNDLE_UNSIGNED', 'a signing key is not Ed25519');
  }
  return key;
}

/** The envelope as JSON, UTF-8. */
export function signEnvelope(payload: Uint8Array, keys: readonly SigningKeyPair[]): Buffer {
  const message = preAuthenticationEncoding(BUNDLE_PAYLOAD_TYPE, payload);
  const envelope: Envelope = {
    payloadType: BUNDLE_PAYLOAD_TYPE,
    payload: Buffer.from(payload).toString('base64'),
    signatures: keys.map((key) => ({
      keyid: key.keyId,
      sig: sign(null, message, key.privateKey).toString('base64'),
    })),
  };
  return Buffer.from(JSON.stringify(envelope));
}

/**
 * The payload, once one known key's signature is good. A bad signature under a known key refuses
 * the whole envelope; signatures by unknown keys are passed over.
 * @throws BulkheadError BUNDLE_MALFORMED, BUNDLE_UNSIGNED, BUNDLE_SIGNATURE_INVALID
 */
export function verifyEnvelope(bytes: Uint8Array, keys: VerifyingKeys): Buffer {
  const envelope = parseEnvelope(bytes);
  const payload = Buffer.from(envelope.payload, 'base64');
  const message = preAuthenticationEncoding(envelope.payloadType, payload);
  let good = 0;
  for (const signature of envelope.signatures) {
    const key = keys.get(signature.keyid);
    if (!key) continue;
    if (!verify(null, message, key, Buffer.from(signature.sig, 'base64'))) {
      throw new BulkheadError('BUNDLE_SIGNATURE_INVALID');
    }
    good += 1;
  }
  if (good === 0) throw new BulkheadError('BUNDLE_UNSIGNED');
  return payload;
}

function preAuthenticationEncoding(type: string, payload: Uint8Array): Buffer {
  const typeBytes = Buffer.byteLength(type);
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${typeBytes} ${type} ${payload.byteLength} `),
    Buffer.from(payload),
  ]);
}

function parseEnvelope(bytes: Uint8Array): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new BulkheadError('BUNDLE_MALFORMED', 'the envelope is not JSON', { cause });
  }
  if (!isEnvelope(value)) throw new BulkheadError('BUNDLE_MALFORMED', 'not a DSSE envelope');
  if (value.payloadType !== BUNDLE_PAYLOAD_TYPE) {
    throw new BulkheadError('BUNDLE_MALFORMED', 'the envelope holds another type of payload');
  }
  return value;
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false;
  if (!('payloadType' in value && 'payload' in value && 'signatures' in value)) return false;
  const { payloadType, payload, signatures } = value;
  return (
    typeof payloadType === 'string' &&
    typeof payload === 'string' &&
    Array.isArray(signatures) &&
    signatures.length <= 16 &&
    signatures.every(
      (entry: unknown) =>
        typeof entry === 'object' &&
        entry !== null &&
        'keyid' in entry &&
        typeof entry.keyid === 'string' &&
        'sig' in entry &&
        typeof entry.sig === 'string',
    )
  );
}
