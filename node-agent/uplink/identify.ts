import type { Logger } from 'pino';
import type { NodeInfo } from '../../proto/ts/gen/bulkhead/v1/NodeInfo.js';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { BulkheadError, type ErrorCode } from '../../proto/ts/wire/errors.js';
import { type Identity, type IdentityStore, validityOf } from './identity.js';
import { join } from './join.js';

export interface IdentifyOptions {
  readonly controlPlane: { readonly host: string; readonly port: number };
  /** Needed only to join. */
  readonly joinToken: string | undefined;
  readonly caPin: string | undefined;
  readonly node: NodeInfo;
  readonly store: IdentityStore;
  readonly log: Logger;
}

const RETRY = { initialMs: 500, maxMs: 30_000 };
/** It may be otherwise at the next try. */
const PASSES: readonly ErrorCode[] = ['UNAVAILABLE', 'RESOURCE_EXHAUSTED'];
/** However long the control plane would have it wait. */
const WAIT_MAX_MS = 5 * 60_000;

/**
 * The identity that is on disk, or, where there is none or its certificate has run out, a new one.
 * Waits for a control plane that does not answer, or cannot take it now. undefined: the signal aborted before.
 * @throws BulkheadError CERTIFICATE_REQUIRED where a token is needed and there is none; others where
 * it is refused
 */
export async function identify(
  options: IdentifyOptions,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  const { joinToken, caPin, store, log } = options;
  const stored = await store.load();
  if (stored && validityOf(stored).notAfter.getTime() > Date.now()) return stored;
  if (!joinToken || !caPin) {
    const why = stored ? "this node's certificate has run out" : 'this node has not joined';
    const message = `${why}: set BULKHEAD_JOIN_TOKEN and BULKHEAD_CA_PIN`;
    throw new BulkheadError('CERTIFICATE_REQUIRED', message);
  }
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return await join({ ...options, joinToken, caPin });
    } catch (error) {
      if (!(error instanceof BulkheadError) || !PASSES.includes(error.code)) throw error;
      const waitMs = Math.max(backoffMs(attempt, RETRY), waitAskedFor(error));
      log.warn({ reason: error.message, waitMs }, 'not joined yet');
      await sleep(waitMs, signal);
    }
  }
  return undefined;
}

/** Each node at another moment, since many were told the same. */
function waitAskedFor({ details }: BulkheadError): number {
  const { retryAfterMs } = details;
  if (typeof retryAfterMs !== 'number') return 0;
  return Math.min(retryAfterMs, WAIT_MAX_MS) * (1 + Math.random() / 2);
}
