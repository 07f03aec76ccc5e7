import { parseToken, TOKEN_KINDS } from '../../../proto/ts/wire/tokens.js';
import { EXIT, Failure, UsageError } from '../command.js';

/** A control plane and how to be known there. */
export interface Target {
  /** Its address, without a slash at the end. */
  readonly server: string;
  readonly apiKey: string;
  /** PEM; instead of the authorities that the system trusts. */
  readonly ca: Uint8Array | undefined;
}

/**
 * The address of a control plane in its one form. Without TLS anybody on the way reads the key, so
 * that http is for this machine only, unless it is asked for.
 * @throws UsageError
 */
export function serverFromText(text: string, insecureHttp: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new UsageError('the server is an address as in https://bulkhead.example.com');
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new UsageError('the address of the server has no user, no query and no fragment');
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !insecureHttp) {
    throw new UsageError(
      'http shows the API key to whoever is on the way: use https, or --insecure-http',
    );
  }
  return url.href.replace(/\/+$/, '');
}

/** Of a tenant, or of the platform. Told apart before it goes anywhere; the text of a refusal does not repeat it. @throws Failure */
export function apiKeyFromText(text: string): string {
  const token = parseToken(TOKEN_KINDS.apiKey, text) ?? parseToken(TOKEN_KINDS.platform, text);
  if (token) return token.text;
  throw new Failure(EXIT.usage, [
    'the API key is not of the form bkh_ak_..., or a part of it is missing: copy it again, whole',
  ]);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
