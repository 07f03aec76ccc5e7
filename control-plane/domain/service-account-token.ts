import { createHash } from 'node:crypto';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  importJWK,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

/** Whose tokens a cluster believes. */
export interface ServiceAccountTrust {
  readonly issuer: string;
  readonly audience: string;
  /** The API server's public keys, captured: nothing is fetched, whatever a token names. */
  readonly jwks: { readonly keys: readonly { readonly [parameter: string]: string }[] };
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** The pod that a token is bound to. */
export interface BoundPod {
  readonly podUid: string;
  readonly podName: string;
  /** sha256 of header and payload: the same for every way to write the signature. */
  readonly tokenSha256: Buffer;
}

/** With what the API server signs (--service-account-signing-key-file). */
const ALGORITHMS = ['RS256', 'ES256', 'ES384', 'ES512'];
const RSA_MIN_BITS = 2048;
/** A token in use is worth a node: what is longer lived than kubelet needs is not taken. */
const TOKEN_LIFETIME_MAX_S = 30 * 60;
const CLOCK_SKEW_S = 60;
const TOKEN_MAX_BYTES = 16 * 1024;
const UID = /^[A-Za-z0-9-]{1,64}$/;

/** @throws BulkheadError SERVICE_ACCOUNT_TOKEN_MALFORMED */
export function checkTokenForm(token: string): void {
  if (token.length > TOKEN_MAX_BYTES) throw new BulkheadError('SERVICE_ACCOUNT_TOKEN_MALFORMED');
  try {
    decodeProtectedHeader(token);
    decodeJwt(token);
  } catch (cause) {
    throw new BulkheadError('SERVICE_ACCOUNT_TOKEN_MALFORMED', undefined, { cause });
  }
}

/**
 * The pod that the token is bound to, where it is one of the cluster's service account, and of the node
 * where it says one (Kubernetes 1.30). Whoever has no token that the cluster's API server signed learns
 * nothing but that.
 * @throws BulkheadError SERVICE_ACCOUNT_TOKEN_UNKNOWN, _EXPIRED, _REFUSED
 */
export async function verifyServiceAccountToken(
  token: string,
  trust: ServiceAccountTrust,
  nodeName: string,
  now: Date,
): Promise<BoundPod> {
  const payload = await verifySignature(token, trust, now);
  checkLifetime(payload, now);
  const { aud, sub } = payload;
  const audiences = [aud].flat();
  refuseUnless(
    audiences.length === 1 && audiences[0] === trust.audience,
    `the audience is not ${trust.audience} alone`,
  );
  const claims = payload['kubernetes.io'];
  const { namespace, serviceAccount } = trust;
  refuseUnless(
    sub === `system:serviceaccount:${namespace}:${serviceAccount}` &&
      textAt(claims, 'namespace') === namespace &&
      textAt(claims, 'serviceaccount', 'name') === serviceAccount,
    `the service account is not ${serviceAccount} in the namespace ${namespace}`,
  );
  const podName = textAt(claims, 'pod', 'name');
  const podUid = textAt(claims, 'pod', 'uid');
  if (!podName || !podUid || !UID.test(podUid)) {
    throw refusal('it is not bound to a pod: use a projected volume');
  }
  const boundNode = textAt(claims, 'node', 'name');
  refuseUnless(
    boundNode === undefined || boundNode === nodeName,
    'its pod runs on a node of another name',
  );
  const signed = token.slice(0, token.lastIndexOf('.'));
  const tokenSha256 = createHash('sha256').update(signed).digest();
  return { podUid, podName, tokenSha256 };
}

/** @throws BulkheadError INVALID_ARGUMENT with the place of the key that cannot be used */
export async function checkJwks(jwks: ServiceAccountTrust['jwks']): Promise<void> {
  for (const [at, jwk] of jwks.keys.entries()) {
    const wrong = (why: string, cause?: unknown) =>
      new BulkheadError('INVALID_ARGUMENT', `jwks.keys[${at}]: ${why}`, { cause });
    const alg = jwk.alg ?? algorithmOf(jwk);
    if (alg === undefined || !ALGORITHMS.includes(alg)) {
      throw wrong(`the algorithm is none of ${ALGORITHMS.join(', ')}`);
    }
    try {
      await importJWK({ ...jwk }, alg);
    } catch (cause) {
      throw wrong('it is no public key', cause);
    }
    const bits = Buffer.from(jwk.n ?? '', 'base64url').byteLength * 8;
    if (jwk.kty === 'RSA' && bits < RSA_MIN_BITS)
      throw wrong(`it has less than ${RSA_MIN_BITS} bits`);
  }
}

function algorithmOf({ kty, crv }: { readonly [parameter: string]: string }): string | undefined {
  if (kty === 'RSA') return 'RS256';
  return { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }[crv ?? ''];
}

async function verifySignature(
  token: string,
  trust: ServiceAccountTrust,
  now: Date,
): Promise<JWTPayload> {
  const keys = { keys: trust.jwks.keys.map((key) => ({ ...key })) } as JSONWebKeySet;
  try {
    // The signature comes first, then the claims.
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
      algorithms: ALGORITHMS,
      issuer: trust.issuer,
      requiredClaims: ['exp', 'iat', 'sub', 'aud'],
      clockTolerance: CLOCK_SKEW_S,
      currentDate: now,
    });
    return payload;
  } catch (cause) {
    if (cause instanceof errors.JWTExpired) {
      throw new BulkheadError('SERVICE_ACCOUNT_TOKEN_EXPIRED', undefined, { cause });
    }
    if (cause instanceof errors.JWTClaimValidationFailed && cause.claim !== 'iss') {
      throw refusal(
        `its claim ${cause.claim} is ${cause.reason === 'missing' ? 'missing' : 'wrong'}`,
      );
    }
    throw new BulkheadError('SERVICE_ACCOUNT_TOKEN_UNKNOWN', undefined, { cause });
  }
}

function checkLifetime({ exp = 0, iat = 0 }: JWTPayload, now: Date): void {
  refuseUnless(iat <= now.getTime() / 1000 + CLOCK_SKEW_S, 'it was issued in the future');
  refuseUnless(
    exp - iat <= TOKEN_LIFETIME_MAX_S,
    `it lives for ${exp - iat} s: set expirationSeconds of the projected volume to at most ${TOKEN_LIFETIME_MAX_S}`,
  );
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  let at: unknown = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[key];
  }
  return typeof at === 'string' && at !== '' ? at : undefined;
}

function refuseUnless(holds: boolean, why: string): void {
  if (!holds) throw refusal(why);
}

function refusal(why: string): BulkheadError {
  return new BulkheadError('SERVICE_ACCOUNT_TOKEN_REFUSED', why);
}
