import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

export const CSRF_HEADER = 'x-bulkhead-csrf';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Of one session, made of its secret: a page of another origin can read neither. */
export function csrfTokenOf(sessionSecret: string): string {
  return createHmac('sha256', sessionSecret).update('bulkhead csrf').digest('base64url');
}

/**
 * A browser sends its cookie along with whatever any page makes it ask. So what changes something must
 * say that it comes from a page of ours, and that the page could read the session's token.
 * @throws BulkheadError CSRF_REFUSED
 */
export function checkCsrf(request: FastifyRequest, publicUrl: string, sessionSecret: string): void {
  if (SAFE.has(request.method)) return;
  checkOrigin(request, publicUrl);
  const given = Buffer.from(String(request.headers[CSRF_HEADER] ?? ''));
  const wanted = Buffer.from(csrfTokenOf(sessionSecret));
  if (given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted)) return;
  throw new BulkheadError('CSRF_REFUSED', `${CSRF_HEADER} is missing, or is not this session's`);
}

/**
 * `Origin` decides where there is one; a browser that leaves it out says `Sec-Fetch-Site`.
 * @throws BulkheadError CSRF_REFUSED
 */
export function checkOrigin(request: FastifyRequest, publicUrl: string): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (origin === undefined ? site === 'same-origin' : origin === publicUrl) return;
  throw new BulkheadError('CSRF_REFUSED', 'the request does not come from a page of this origin');
}
