import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { NodeInfo } from '../../proto/ts/gen/bulkhead/v1/NodeInfo.js';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { BulkheadError, type ErrorCode } from '../../proto/ts/wire/errors.js';
import { type Identity, type IdentityStore, validityOf } from './identity.js';
import { join, rejoin } from './join.js';

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
  'RESOURCE_EXHAUSTED',
  'NODE_NAME_IN_USE',
  'NODE_QUARANTINED',
  // Read again, the file has another one.
  'SERVICE_ACCOUNT_TOKEN_EXPIRED',
  'SERVICE_ACCOUNT_TOKEN_USED',
]);

/** However long the control plane would have it wait. */
const WAIT_MAX_MS = 5 * 60_000;

type Way = () => Promise<Identity>;

/**
 * The identity that is on disk. Where its certificate has run out a new one for it, which the control
 * plane gives for some days; else, or where there is none, a new one for a token. Waits for a control
 * plane that does not answer or cannot take it now, and while another node has the name or is held in quarantine under it.
 * undefined: the signal aborted before.
 * @throws BulkheadError CERTIFICATE_REQUIRED where a token is needed and there is none; others where
 * it is refused
 */
export async function identify(
  options: IdentifyOptions,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  const { joinToken, serviceAccount, caPin, store } = options;
  const stored = await store.load();
  if (stored && validityOf(stored).notAfter.getTime() > Date.now()) {
    await store.endEnrollment();
    return stored;
  }
  const ways: Way[] = [];
  if (stored) ways.push(() => rejoin(options, stored));
  if (caPin && (joinToken || serviceAccount)) {
    ways.push(async () => {
      const account = serviceAccount && (await readToken(serviceAccount));
      return join({ ...options, caPin, serviceAccount: account });
    });
  }
  try {
    return await untilAnswered(ways, options.log, signal);
  } catch (error) {
    if (!(error instanceof BulkheadError) || error.code !== 'CERTIFICATE_REQUIRED') throw error;
    const why = stored ? "this node's certificate has run out" : 'this node has not joined';
    const message = `${why}: set BULKHEAD_JOIN_TOKEN, or BULKHEAD_SERVICE_ACCOUNT_TOKEN_FILE, and BULKHEAD_CA_PIN`;
    throw new BulkheadError('CERTIFICATE_REQUIRED', message, { cause: error });
  }
}

async function untilAnswered(
  ways: readonly Way[],
  log: Logger,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      return await firstOf(ways);
    } catch (error) {
      if (!(error instanceof BulkheadError) || !PASSING.has(error.code)) throw error;
      const waitMs = Math.max(backoffMs(failures, RETRY), waitAskedFor(error));
      log.warn({ code: error.code, reason: error.message, waitMs }, 'not joined yet');
      await sleep(waitMs, signal);
    }
  }
  return undefined;
}

/** Of several that fail the last one tells why. */
async function firstOf(ways: readonly Way[]): Promise<Identity> {
  let failure: unknown = new BulkheadError('CERTIFICATE_REQUIRED');
  for (const way of ways) {
    try {
      return await way();
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
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

/** Each node at another moment, since many were told the same. */
function waitAskedFor({ details }: BulkheadError): number {
  const { retryAfterMs } = details;
  if (typeof retryAfterMs !== 'number') return 0;
  return Math.min(retryAfterMs, WAIT_MAX_MS) * (1 + Math.random() / 2);
}
