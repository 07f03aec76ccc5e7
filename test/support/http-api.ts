import { randomBytes } from 'node:crypto';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { createVault, type Vault } from '../../control-plane/domain/vault.js';
import { createHttpServer, type HttpDependencies } from '../../control-plane/http/server.js';
import { createOidcClient } from '../../control-plane/identity/oidc.js';
import { createApiKey, type Role } from '../../control-plane/store/api-keys.js';
import { createPlatformCredential } from '../../control-plane/store/platform-credentials.js';
import { updateTenantQuotas } from '../../control-plane/store/quotas.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { UNLIMITED } from './rates.js';
import { createWorld, JWKS, type World } from './store-world.js';

export const CA_PIN = `sha256:${'A'.repeat(43)}`;
/** Routes that are above tenants. */
export const PLATFORM_PREFIX = '/v1/platform/';
export const PUBLIC_URL = 'https://bulkhead.example';
export const NEVER_WAS = '00000000-0000-4000-8000-000000000000';

export type Injected = Awaited<ReturnType<FastifyInstance['inject']>>;

/** The API over a database of its own, with two tenants who have one of everything. */
export interface TestApi {
  readonly api: FastifyInstance;
  readonly database: TestDatabase;
  readonly vault: Vault;
  readonly ours: World;
  readonly theirs: World;
  /** Every line that the server logged. */
  readonly log: string[];
  newKey(tenantId: string, role: Role, expiresAt?: Date, clusters?: string): Promise<string>;
  newPlatformKey(expiresAt?: Date): Promise<string>;
  /** Another replica over the same database. */
  newReplica(): Promise<FastifyInstance>;
  /** Where no other key is given with that of our owner, or of the platform on its routes; '' is none. */
  call(method: string, url: string, more?: CallOptions): Promise<Injected>;
  close(): Promise<void>;
}

export interface CallOptions {
  readonly key?: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: 127.0.0.1. */
  readonly peer?: string;
}

export async function createTestApi(more: Partial<HttpDependencies> = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const log: string[] = [];
  const vault = createVault(randomBytes(32));
  const oidc = createOidcClient({ allowPrivateAddresses: true });
  const newReplica = () =>
    createTestServer(database, {
      vault,
      oidc,
      log: pino({ level: 'info' }, { write: (line) => log.push(line) }),
      // A thread runs compiled code: `npm run build` comes first.
      policyDiffWorker: new URL(
        '../../dist/control-plane/http/policy-diff-worker.js',
        import.meta.url,
      ),
      ...more,
    });
  const api = await newReplica();
  const ours = await createWorld(database);
  const theirs = await createWorld(database);
  for (const world of [ours, theirs]) {
    // A test may make a key for each role and route.
    const apiKeys = 100_000;
    await database.app.withPlatform((tx) => updateTenantQuotas(tx, world.tenantId, { apiKeys }));
  }

  const newKey: TestApi['newKey'] = async (tenantId, role, expiresAt, clusters) => {
    const { id, secret, text } = createToken(TOKEN_KINDS.apiKey);
    const key = { id, name: role, role, secretSha256: hashSecret(secret), createdBy: 'test' };
    await database.app.withTenant({ tenantId }, (tx) =>
      createApiKey(tx, { ...key, expiresAt, clusters }),
    );
    return text;
  };
  const newPlatformKey: TestApi['newPlatformKey'] = async (
    expiresAt = new Date(Date.now() + 3_600_000),
  ) => {
    const { id, secret, text } = createToken(TOKEN_KINDS.platform);
    const key = { id, name: 'platform', secretSha256: hashSecret(secret), expiresAt };
    await database.app.withPlatform((tx) => createPlatformCredential(tx, key));
    return text;
  };
  const owner = await newKey(ours.tenantId, 'owner');
  const platform = await newPlatformKey();

  return {
    api,
    database,
    vault,
    ours,
    theirs,
    log,
    newKey,
    newPlatformKey,
    newReplica,
    call(method, url, { key: given, body, contentType, headers, peer } = {}) {
      const key = given ?? (url.startsWith(PLATFORM_PREFIX) ? platform : owner);
      return api.inject({
        // The methods of the access table are those of HTTP.
        method: method as NonNullable<InjectOptions['method']>,
        url,
        ...(peer && { remoteAddress: peer }),
        headers: {
          ...(key && { authorization: `Bearer ${key}` }),
          ...(contentType && { 'content-type': contentType }),
          ...headers,
        },
        ...(body !== undefined && { payload: body as NonNullable<InjectOptions['payload']> }),
      });
    },
    async close() {
      await api.close();
      await oidc.close();
      await database.close();
    },
  };
}

/** One replica of the API over the database. */
export function createTestServer(
  database: TestDatabase,
  more: Partial<HttpDependencies> = {},
): Promise<FastifyInstance> {
  return createHttpServer({
    database: database.app,
    vault: createVault(randomBytes(32)),
    caPin: () => CA_PIN,
    publicUrl: PUBLIC_URL,
    oidc: createOidcClient({ allowPrivateAddresses: true }),
    log: pino({ level: 'silent' }),
    rates: UNLIMITED,
    ...more,
  });
}

/** The path of a route with the ids of a tenant's things in it. */
export function pathOf(route: string, world: Partial<World>): string {
  return route
    .replace(':clusterId', world.clusterId ?? NEVER_WAS)
    .replace(':nodeId', world.nodeId ?? NEVER_WAS)
    .replace(':policyId', world.policyId ?? NEVER_WAS)
    .replace(':assignmentId', world.assignmentId ?? NEVER_WAS)
    .replace(':alertId', world.alertId ?? NEVER_WAS)
    .replace(':webhookId', world.webhookId ?? NEVER_WAS)
    .replace(':memberId', world.memberId ?? NEVER_WAS)
    .replace(':providerId', world.identityProviderId ?? NEVER_WAS)
    .replace(':sessionId', world.sessionId ?? '0123456789abcdef')
    .replace(':tenantId', world.tenantId ?? NEVER_WAS)
    .replace(':tokenId', world.joinTokenId ?? '0123456789abcdef')
    .replace(':keyId', world.apiKeyId ?? '0123456789abcdef')
    .replace(':version', '1');
}

const POLICY =
  'process: {selectors: [{name: a, operation: [exec]}], responses: [{match: [a], actions: [log]}]}';

/** A body that each route that takes one would accept; one with a policy in it by bodyOf. */
export const BODIES: Readonly<Record<string, unknown>> = {
  'PATCH /v1/platform/tenants/:tenantId/quotas': { limits: { nodes: 5 } },
  'POST /v1/clusters': { name: 'another' },
  'PATCH /v1/clusters/:clusterId': { labels: { env: 'prod' } },
  'POST /v1/clusters/:clusterId/join-tokens': {},
  'PUT /v1/clusters/:clusterId/kubernetes-join': {
    issuer: 'https://kubernetes.default.svc.cluster.local',
    jwks: JWKS,
    namespace: 'bulkhead',
    serviceAccount: 'bulkhead-agent',
  },
  'POST /v1/policies': { name: 'another', source: POLICY },
  'POST /v1/policies/validate': { source: POLICY },
  'PUT /v1/policies/:policyId/draft': { source: POLICY },
  'POST /v1/policies/:policyId/versions': { source: POLICY },
  'POST /v1/assignments': { name: 'another', policyId: NEVER_WAS, clusters: '' },
  'PATCH /v1/assignments/:assignmentId': { clusters: 'env=prod' },
  'PATCH /v1/alerts/:alertId': { status: 'acknowledged' },
  'POST /v1/webhooks': { name: 'another', url: 'https://example.com/hook' },
  'PATCH /v1/webhooks/:webhookId': { enabled: false },
  'PATCH /v1/settings': { retention: { eventDays: 7 } },
  'POST /v1/members': { email: 'another@example.org', displayName: 'B', role: 'viewer' },
  'PATCH /v1/members/:memberId': { role: 'viewer' },
  'POST /v1/platform/tenants': { name: 'another' },
  'PATCH /v1/platform/tenants/:tenantId': { name: 'renamed' },
  'POST /v1/identity-providers': {
    name: 'another',
    issuer: 'https://login.example.com',
    clientId: 'bulkhead',
    clientSecret: 'hunter2',
  },
  'PATCH /v1/identity-providers/:providerId': { createMembers: true },
  'POST /v1/api-keys': { name: 'another', role: 'viewer' },
};

/** The body of a route, about the things of a tenant. */
export function bodyOf(key: string, { policyId }: World): unknown {
  const body = BODIES[key];
  const isAbout = typeof body === 'object' && body !== null && 'policyId' in body;
  return isAbout ? { ...body, policyId } : body;
}
