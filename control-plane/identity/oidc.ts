/** What a provider must be told and asked; openid-client does the protocol. */
export interface OidcProvider {
  /** Another one after every edit: what was discovered is kept under it. */
  readonly key: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

/** What the answer is held to. */
export interface OidcChecks {
  readonly nonce: string;
  readonly codeVerifier: string;
}

export interface OidcIdentity {
  /** As its metadata spells it. */
  readonly issuer: string;
  readonly subject: string;
  /** Of the ID token, and of the user info where that has more. */
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface OidcClient {
  /** Where the browser is to go, and what its answer is held to. @throws OidcFailure */
  begin(
    provider: OidcProvider,
    request: { readonly redirectUri: string; readonly state: string },
  ): Promise<OidcChecks & { readonly url: URL }>;
  /** `answer` is the address that the browser came back to. @throws OidcFailure */
  complete(
    provider: OidcProvider,
    answer: URL,
    checks: OidcChecks & { readonly state: string },
    wantedClaims: readonly string[],
  ): Promise<OidcIdentity>;
  close(): Promise<void>;
}

/** Its text names what failed, and holds nothing of an answer: tokens and claims are not for the log. */
export class OidcFailure extends Error {
  constructor(
    readonly reason: 'unreachable' | 'denied' | 'invalid',
    error: unknown,
  ) {
    super(textOf(error));
    this.name = 'OidcFailure';
  }
}

/**
 * A client that is loaded with the first login: what it is made of costs each start some 100 ms and 18 MiB.
 */
export function createOidcClient(options: { readonly allowPrivateAddresses: boolean }): OidcClient {
  let opened: Promise<OidcClient> | undefined;
  const open = async () => {
    const { openOidcClient } = await import('./oidc-client.js');
    return openOidcClient(options);
  };
  return {
    async begin(...request) {
      opened ??= open();
      return (await opened).begin(...request);
    },
    async complete(...answer) {
      opened ??= open();
      return (await opened).complete(...answer);
    },
    async close() {
      await (await opened)?.close();
    },
  };
}

/** An error and what caused it. */
export function chainOf(error: unknown): readonly Error[] {
  const chain: Error[] = [];
  let link = error;
  while (link instanceof Error && chain.length < 5) {
    chain.push(link);
    link = link.cause;
  }
  return chain;
}

/** `error` is a code of RFC 6749, or whatever stands in its place. */
function textOf(error: unknown): string {
  const texts = chainOf(error).map((link) => {
    const code = 'error' in link && typeof link.error === 'string' ? ` (${link.error})` : '';
    return `${link.message}${code}`.slice(0, 200);
  });
  return texts.join(': ');
}
