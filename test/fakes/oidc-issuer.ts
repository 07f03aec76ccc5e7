import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** What an identity provider must never do, which a real one cannot be made to: each is said per test. */
export interface Misbehaviour {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Signs with a key that it does not publish. */
  readonly foreignKey?: boolean;
  /** Instead of all that: what it answers at a path. */
  readonly raw?: Readonly<Record<string, RawAnswer>>;
}

export interface RawAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface FakeIssuer {
  readonly issuer: string;
  misbehave(how: Misbehaviour): void;
  /** `METHOD path`, and what stood in the header and the body. */
  readonly requests: {
    readonly line: string;
    readonly authorization: string;
    readonly body: string;
  }[];
  close(): Promise<void>;
}

/** Answers every code with an ID token for subject `sub` and nonce `nonce`. */
export async function startFakeIssuer(clientId: string): Promise<FakeIssuer> {
  const own = await generateKeyPair('RS256');
  const foreign = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(own.publicKey)), kid: 'key', alg: 'RS256', use: 'sig' };
  const requests: FakeIssuer['requests'] = [];
  let how: Misbehaviour = {};
  let issuer = '';

  const idToken = async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: 'sub',
      aud: clientId,
      nonce: 'nonce',
      iat: now,
      exp: now + 60,
    };
    return new SignJWT({ ...claims, ...how.claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'key' })
      .sign(how.foreignKey ? foreign.privateKey : own.privateKey);
  };
  const answers: Readonly<Record<string, () => object | Promise<object>>> = {
    '/.well-known/openid-configuration': () => ({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/keys`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      ...how.metadata,
    }),
    '/keys': () => ({ keys: [jwk] }),
    '/token': async () => ({
      access_token: 'access-token',
      token_type: 'Bearer',
      expires_in: 60,
      id_token: await idToken(),
    }),
    '/userinfo': () => ({ sub: 'sub', email: 'info@example.org', groups: ['info'] }),
  };
  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    const { authorization = '' } = request.headers;
    requests.push({
      line: `${request.method} ${path}`,
      authorization,
      body: await bodyOf(request),
    });
    const raw = how.raw?.[path];
    const answer = answers[path];
    if (raw) {
      response.writeHead(raw.status ?? 200, { 'content-type': 'application/json', ...raw.headers });
      response.end(raw.body ?? '{}');
    } else if (answer) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(await answer()));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    requests,
    misbehave: (next) => {
      how = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
