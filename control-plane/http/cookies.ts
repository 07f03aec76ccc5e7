import type { CookieSerializeOptions } from '@fastify/cookie';

/**
 * The cookies of a browser, by where it reaches us. `__Host-`: over TLS only, of this host alone, so
 * that no neighbour below the same domain can set one. Plain HTTP is for loopback only, where there
 * is neither.
 */
export interface Cookies {
  /** Whose session this is. */
  readonly session: string;
  /** Which browser began a login. */
  readonly login: string;
  readonly options: CookieSerializeOptions;
}

export function cookiesOf(publicUrl: string): Cookies {
  const secure = publicUrl.startsWith('https://');
  const prefix = secure ? '__Host-' : '';
  return {
    session: `${prefix}bulkhead_session`,
    login: `${prefix}bulkhead_login`,
    options: { path: '/', httpOnly: true, sameSite: 'lax', secure },
  };
}
