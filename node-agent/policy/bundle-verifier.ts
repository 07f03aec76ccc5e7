import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { decodeBundle } from '../../proto/ts/policy/decode.js';
import type { PolicyBundle } from '../../proto/ts/policy/model.js';
import { type VerifyingKeys, verifyEnvelope } from '../../proto/ts/wire/dsse.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';

const unzip = promisify(gunzip);

/** Whose bundles this node takes. */
export interface BundleTrust {
  readonly tenantId: string;
  readonly clusterId: string;
  readonly keys: VerifyingKeys;
}

/**
 * Unpacks a bundle as it travels, and gives it back only if a known key signed exactly these bytes
 * for this tenant and cluster. Nothing of it is parsed before that.
 * @throws BulkheadError BUNDLE_MALFORMED, BUNDLE_UNSIGNED, BUNDLE_SIGNATURE_INVALID, BUNDLE_OTHER_CLUSTER
 */
export async function verifyBundle(
  envelopeGzip: Uint8Array,
  trust: BundleTrust,
): Promise<PolicyBundle> {
  const bundle = decodeBundle(verifyEnvelope(await unpack(envelopeGzip), trust.keys));
  if (bundle.tenantId !== trust.tenantId || bundle.clusterId !== trust.clusterId) {
    throw new BulkheadError('BUNDLE_OTHER_CLUSTER');
  }
  return bundle;
}

async function unpack(envelopeGzip: Uint8Array): Promise<Buffer> {
  if (envelopeGzip.byteLength > LIMITS.bundleGzipBytes) {
    throw new BulkheadError('BUNDLE_MALFORMED', 'the packed bundle is too large');
  }
  try {
    return await unzip(envelopeGzip, { maxOutputLength: LIMITS.bundleBytes });
  } catch (cause) {
    throw new BulkheadError('BUNDLE_MALFORMED', 'the bundle cannot be unpacked', { cause });
  }
}
