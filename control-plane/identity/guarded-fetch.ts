import type { CustomFetch } from 'openid-client';
import { Agent, fetch } from 'undici';
import { isLoopback } from '../domain/origins.js';
import { createAddressGuard } from '../sinks/address-guard.js';

/** It was not asked, or did not answer: no fault of what it says. */
export class UnreachableError extends Error {
  constructor(cause: unknown) {
    super('the identity provider cannot be reached', { cause });
    this.name = 'UnreachableError';
  }
}

export interface GuardedFetch {
  readonly fetch: CustomFetch;
  close(): Promise<void>;
}

export const OIDC_TIMEOUT_MS = 10_000;
/** Metadata and key sets of the largest providers have some 20 kB. */
const RESPONSE_MAX_BYTES = 1024 * 1024;

/**
 * What asks a tenant's identity provider: over TLS, at public addresses only, with an end to how long
 * and how large an answer may be. Redirects are not followed: openid-client says so in each request.
 */
export function createGuardedFetch(options: {
  /** Private addresses too, and plain HTTP on loopback. */
  readonly allowPrivateAddresses: boolean;
}): GuardedFetch {
  const guard = createAddressGuard({
    allowPrivate: options.allowPrivateAddresses,
    connectTimeoutMs: OIDC_TIMEOUT_MS,
  });
  const dispatcher = new Agent({
    connect: guard.connector,
    headersTimeout: OIDC_TIMEOUT_MS,
    bodyTimeout: OIDC_TIMEOUT_MS,
    maxResponseSize: RESPONSE_MAX_BYTES,
  });
  return {
    // The types of undici's own fetch are not the global ones, which are what it is.
    fetch: (async (text, init) => {
      try {
        const url = new URL(text);
        checkProtocol(url, options.allowPrivateAddresses);
        guard.checkUrl(url);
        return await fetch(url, { ...(init as object), dispatcher });
      } catch (cause) {
        throw new UnreachableError(cause);
      }
    }) as CustomFetch,
    close: () => dispatcher.close(),
  };
}

/** Of an issuer, and of every address that its metadata names. @throws Error */
export function checkProtocol(url: URL, allowPrivate: boolean): void {
  if (url.protocol === 'https:') return;
  if (url.protocol === 'http:' && allowPrivate && isLoopback(url.hostname)) return;
  throw new Error('the address of an identity provider begins with https://');
}
