import * as openid from 'openid-client';
import {
  checkProtocol,
  createGuardedFetch,
  OIDC_TIMEOUT_MS,
  UnreachableError,
} from './guarded-fetch.js';
import { chainOf, type OidcClient, OidcFailure, type OidcProvider } from './oidc.js';

/** OpenID Connect Core, 2: at most 255 characters of ASCII. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;
const DISCOVERY_KEPT_MS = 5 * 60_000;
/** A provider that is away is not asked at every click. */
const FAILURE_KEPT_MS = 5_000;
const KEPT_MAX = 1000;

/** Authorization code flow with PKCE. Keys are read again by openid-client where a token names an unknown one. */
export function openOidcClient(options: { readonly allowPrivateAddresses: boolean }): OidcClient {
  const guarded = createGuardedFetch(options);
  const kept = new Map<string, Kept>();

  const discover = async (provider: OidcProvider): Promise<openid.Configuration> => {
    const issuer = new URL(provider.issuer);
    checkProtocol(issuer, options.allowPrivateAddresses);
    const configuration = await openid.discovery(
      issuer,
      provider.clientId,
      {},
      clientAuthentication(provider.clientSecret),
      {
        [openid.customFetch]: guarded.fetch,
        timeout: OIDC_TIMEOUT_MS / 1000,
        execute: [
          // Without it the ID token of the token endpoint is taken without a look at its signature.
          openid.enableNonRepudiationChecks,
          // guarded.fetch lets plain HTTP through on loopback only.
          ...(issuer.protocol === 'http:' ? [openid.allowInsecureRequests] : []),
        ],
      },
    );
    checkMetadata(configuration.serverMetadata(), issuer, options.allowPrivateAddresses);
    return configuration;
  };

  const configurationOf = (provider: OidcProvider): Promise<openid.Configuration> => {
    const known = kept.get(provider.key);
    if (known && known.until > Date.now()) return known.configuration;
    const entry: Kept = {
      configuration: discover(provider).catch((error) => {
        entry.until = Date.now() + FAILURE_KEPT_MS;
        throw new OidcFailure('unreachable', error);
      }),
      until: Date.now() + DISCOVERY_KEPT_MS,
    };
    kept.delete(provider.key);
    kept.set(provider.key, entry);
    const [oldest] = kept.keys();
    if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
    return entry.configuration;
  };

  return {
    async begin(provider, { redirectUri, state }) {
      const configuration = await configurationOf(provider);
      const codeVerifier = openid.randomPKCECodeVerifier();
      const nonce = openid.randomNonce();
      const url = openid.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: provider.scopes.join(' '),
        state,
        nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(codeVerifier),
        code_challenge_method: 'S256',
      });
      return { url, nonce, codeVerifier };
    },

    async complete(provider, answer, { state, nonce, codeVerifier }, wantedClaims) {
      const configuration = await configurationOf(provider);
      try {
        const tokens = await openid.authorizationCodeGrant(configuration, answer, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
        });
        const idToken = tokens.claims();
        if (!idToken) throw new Error('there is no ID token in the answer');
        if (!SUBJECT.test(idToken.sub)) throw new Error('its "sub" is not what one may be');
        const complete = wantedClaims.every((name) => name in idToken);
        const hasUserInfo = configuration.serverMetadata().userinfo_endpoint !== undefined;
        const userInfo =
          complete || !hasUserInfo
            ? {}
            : await openid.fetchUserInfo(configuration, tokens.access_token, idToken.sub);
        return { issuer: idToken.iss, subject: idToken.sub, claims: { ...userInfo, ...idToken } };
      } catch (error) {
        throw new OidcFailure(reasonOf(error), error);
      }
    },

    close: () => guarded.close(),
  };
}

interface Kept {
  readonly configuration: Promise<openid.Configuration>;
  until: number;
}

/** RFC 6749, 2.3.1: basic is what every server has; where it says otherwise, the body. */
function clientAuthentication(secret: string): openid.ClientAuth {
  const basic = openid.ClientSecretBasic(secret);
  const post = openid.ClientSecretPost(secret);
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const authenticate = methods.includes('client_secret_basic') ? basic : post;
    authenticate(server, client, body, headers);
  };
}

/** openid-client lets some well-known hosts and paths name another issuer: here none may. */
function checkMetadata(metadata: openid.ServerMetadata, issuer: URL, allowPrivate: boolean): void {
  if (!URL.canParse(metadata.issuer) || new URL(metadata.issuer).href !== issuer.href) {
    throw new Error('its metadata name another issuer');
  }
  const { authorization_endpoint: endpoint } = metadata;
  if (endpoint === undefined) throw new Error('its metadata name no authorization endpoint');
  checkProtocol(new URL(endpoint), allowPrivate);
}

function reasonOf(error: unknown): OidcFailure['reason'] {
  if (error instanceof openid.AuthorizationResponseError) return 'denied';
  return chainOf(error).some(isUnreachable) ? 'unreachable' : 'invalid';
}

function isUnreachable(error: Error): boolean {
  return error instanceof UnreachableError || ('code' in error && error.code === 'OAUTH_TIMEOUT');
}
