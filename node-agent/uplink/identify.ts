import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { NodeInfo } from '../../proto/ts/gen/bulkhead/v1/NodeInfo.js';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { BulkheadError, type ErrorCode } from '../../proto/ts/wire/errors.js';
import { type Identity, type IdentityStore, validityOf } from './identity.js';
import { join } from './join.js';

export interface IdentifyOptions {
  readonly controlPlane: { readonly host: string; readonly port: number };
  /** Needed only to join; one of the two. */
  readonly joinToken: string | undefined;
  /** Where kubelet keeps a token of the pod's service account, and the cluster that believes it. */
  readonly serviceAccount?: { readonly clusterId: string; readonly tokenFile: string } | undefined;
  readonly caPin: string | undefined;
  readonly node: NodeInfo;
  readonly store: IdentityStore;
  readonly log: Logger;
}

const RETRY = { initialMs: 500, maxMs: 30_000 };
/** What passes without a change of the settings. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'NODE_NAME_IN_USE',
  'NODE_QUARANTINED',
  // Read again, the file has another one.
  'SERVICE_ACCOUNT_TOKEN_EXPIRED',
  'SERVICE_ACCOUNT_TOKEN_USED',
]);

/**
 * The identity that is on disk, or, where there is none or its certificate has run out, a new one.
 * Waits for a control plane that does not answer, and while another node has the name or is held
 * in quarantine under it. undefined: the signal aborted before.
 * @throws BulkheadError CERTIFICATE_REQUIRED where a token is needed and there is none; others where
 * it is refused
 */
export async function identify(
  options: IdentifyOptions,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  const { joinToken, serviceAccount, caPin, store, log } = options;
  const stored = await store.load();
  if (stored && validityOf(stored).notAfter.getTime() > Date.now()) {
    await store.endEnrollment();
    return stored;
  }
  if (!(joinToken || serviceAccount) || !caPin) {
    const why = stored ? "this node's certificate has run out" : 'this node has not joined';
    const message = `${why}: set BULKHEAD_JOIN_TOKEN, or BULKHEAD_SERVICE_ACCOUNT_TOKEN_FILE, and BULKHEAD_CA_PIN`;
    throw new BulkheadError('CERTIFICATE_REQUIRED', message);
  }
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return await join({
        ...options,
        caPin,
        serviceAccount: serviceAccount && (await readToken(serviceAccount)),
      });
    } catch (error) {
      if (!(error instanceof BulkheadError) || !PASSING.has(error.code)) throw error;
      const waitMs = backoffMs(attempt, RETRY);
      log.warn({ reason: error.message, waitMs }, 'not joined yet');
      await sleep(waitMs, signal);
    }
  }
  return undefined;
}

/** At each try: kubelet renews it. */
async function readToken({ clusterId, tokenFile }: { clusterId: string; tokenFile: string }) {
  try {
    return { clusterId, token: (await readFile(tokenFile, 'utf8')).trim() };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BulkheadError('UNAVAILABLE', `no service account token yet: ${reason}`, { cause });
  }
}
