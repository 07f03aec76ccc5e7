import { createHash, randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { KubernetesJoin } from '../../control-plane/store/kubernetes-joins.js';

/** What a kube-apiserver signs tokens with, and what it tells at /openid/v1/jwks. */
export interface FakeApiServer {
  readonly issuer: string;
  readonly jwks: KubernetesJoin['jwks'];
  /** A token as a projected volume has it, on Kubernetes 1.30; `claims` stand over it, undefined takes one away. */
  token(more?: TokenOptions): Promise<string>;
}

export interface TokenOptions {
  readonly podUid?: string;
  readonly nodeName?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly audience?: string | string[];
  readonly lifetimeS?: number;
  /** Seconds ago. */
  readonly issuedAgoS?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Over what stands under kubernetes.io. */
  readonly bound?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, string>>;
}

export async function createApiServer(algorithm = 'RS256'): Promise<FakeApiServer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  // The parameters of a public key are all text.
  const jwk = (await exportJWK(publicKey)) as { kty: string; [parameter: string]: string };
  const kid = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
  const issuer = 'https://kubernetes.default.svc.cluster.local';
  return {
    issuer,
    jwks: { keys: [{ use: 'sig', kid, alg: algorithm, ...jwk }] },
    token({
      podUid = randomUUID(),
      nodeName = 'worker-1',
      namespace = 'bulkhead',
      serviceAccount = 'bulkhead-agent',
      audience = ['bulkhead'],
      lifetimeS = 600,
      issuedAgoS = 0,
      claims = {},
      bound = {},
      header = {},
    } = {}) {
      const iat = Math.floor(Date.now() / 1000) - issuedAgoS;
      const payload: JWTPayload = {
        aud: audience,
        exp: iat + lifetimeS,
        iat,
        iss: issuer,
        jti: randomUUID(),
        'kubernetes.io': {
          namespace,
          node: { name: nodeName, uid: randomUUID() },
          pod: { name: 'bulkhead-agent-x7k2p', uid: podUid },
          serviceaccount: { name: serviceAccount, uid: randomUUID() },
          ...bound,
        },
        nbf: iat,
        sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
        ...claims,
      };
      return new SignJWT(JSON.parse(JSON.stringify(payload)))
        .setProtectedHeader({ alg: algorithm, kid, ...header })
        .sign(privateKey);
    },
  };
}
