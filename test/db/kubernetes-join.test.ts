import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { pino } from 'pino';
import { updateTenantQuotas } from '../../control-plane/store/quotas.js';
import { createNodeKey, createRequest } from '../../node-agent/uplink/certificates.js';
import { errorFromGrpc } from '../../node-agent/uplink/errors.js';
import { identify } from '../../node-agent/uplink/identify.js';
import { type Identity, IdentityStore } from '../../node-agent/uplink/identity.js';
import { openClient } from '../../node-agent/uplink/service.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { createApiServer, type FakeApiServer } from '../fakes/api-server.js';
import { NODE, startTestEdge, type TestEdge } from '../support/edge.js';
import { eventually } from '../support/eventually.js';
import { createTestApi, NEVER_WAS, type TestApi } from '../support/http-api.js';
import { UNLIMITED } from '../support/rates.js';

let http: TestApi;
let edge: TestEdge;
let apiServer: FakeApiServer;
let clusterId = '';

beforeAll(async () => {
  http = await createTestApi();
  edge = await startTestEdge(http.database);
  apiServer = await createApiServer();
});

afterAll(async () => {
  await edge?.server.stop(AbortSignal.timeout(10_000));
  await http?.close();
});

beforeEach(async () => {
  clusterId = await newCluster();
});

async function newCluster(more: object = {}): Promise<string> {
  const made = await http.call('POST', '/v1/clusters', { body: { name: randomUUID() } });
  const { id } = made.json();
  const answer = await putJoin(id, more);
  expect([answer.statusCode, answer.body]).toEqual([200, answer.body]);
  return id;
}

function putJoin(id: string, more: object = {}, headers: Record<string, string> = {}) {
  const { issuer, jwks } = apiServer;
  const body = { issuer, jwks, namespace: 'bulkhead', serviceAccount: 'bulkhead-agent', ...more };
  return http.call('PUT', `/v1/clusters/${id}/kubernetes-join`, { body, headers });
}

/** One try of an agent: its key and the name of its enrollment. */
interface Try {
  readonly key: string;
  readonly enrollmentId: string;
}
const newTry = (): Try => ({ key: createNodeKey(), enrollmentId: randomUUID() });

interface Answer {
  readonly nodeId: string;
  readonly certificateDer: Buffer;
}

async function joinWith(
  serviceAccountToken: string,
  more: { from?: Try; name?: string; cluster?: string; joinToken?: string; port?: number } = {},
): Promise<Answer> {
  const { key, enrollmentId } = more.from ?? newTry();
  const csrDer = await createRequest(key);
  const caCertificatesDer = [Buffer.from(edge.keyring.authority.certificate.rawData)];
  const client = openClient(`127.0.0.1:${more.port ?? edge.port}`, { caCertificatesDer });
  const request = {
    joinToken: more.joinToken ?? '',
    serviceAccountToken,
    clusterId: more.cluster ?? clusterId,
    enrollmentId,
    csrDer,
    node: { ...NODE, name: more.name ?? 'worker-1' },
  };
  try {
    return await new Promise<Answer>((resolve, reject) => {
      client.Join(request, (error, response) => {
        if (response) resolve(response);
        else reject(errorFromGrpc(error));
      });
    });
  } finally {
    client.close();
  }
}

async function refusalOf(joining: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await joining.then(
    () => new Error('it was let in'),
    (refusal: unknown) => refusal,
  );
  if (!(error instanceof BulkheadError)) throw error;
  return { code: error.code, message: error.message };
}

const get = async (path: string) => (await http.call('GET', path)).json();

describe("a token of the cluster's service account", () => {
  it("lets its node in, with the labels of the cluster's setting", async () => {
    const labels = { pool: 'blue' };
    const cluster = await newCluster({ labels });
    const podUid = randomUUID();
    const { nodeId } = await joinWith(await apiServer.token({ podUid }), { cluster });
    expect(await get(`/v1/nodes/${nodeId}`)).toMatchObject({
      clusterId: cluster,
      name: 'worker-1',
      state: 'joined',
      labels,
    });
    const [record] = (await get(`/v1/audit-log?targetId=${nodeId}`)).items;
    expect(record).toMatchObject({
      action: 'node.join',
      actorKind: 'node',
      details: { podUid, podName: 'bulkhead-agent-x7k2p', clusterId: cluster },
    });
  });

  it('counts against what its tenant may join a minute, and one that is none does not', async () => {
    const limited = await startTestEdge(http.database, { rates: { ...UNLIMITED, tenantJoins: 1 } });
    try {
      const { port } = limited;
      const stranger = await createApiServer();
      expect(await refusalOf(joinWith(await stranger.token(), { port }))).toMatchObject({
        code: 'SERVICE_ACCOUNT_TOKEN_UNKNOWN',
      });
      await joinWith(await apiServer.token(), { port });
      expect(await refusalOf(joinWith(await apiServer.token(), { port }))).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
      });
    } finally {
      await limited.server.stop(AbortSignal.timeout(10_000));
    }
  });

  it('lets no more nodes in than the tenant may have, and is good again after that', async () => {
    const setQuota = (nodes: number | null) =>
      http.database.app.withPlatform((tx) => updateTenantQuotas(tx, http.ours.tenantId, { nodes }));
    const token = await apiServer.token();
    await setQuota(0);
    try {
      expect(await refusalOf(joinWith(token))).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    } finally {
      await setQuota(null);
    }
    expect((await joinWith(token)).nodeId).toBeTruthy();
  });

  it.each(['ES256', 'ES384', 'ES512'])('may be signed with %s', async (algorithm) => {
    const other = await createApiServer(algorithm);
    const cluster = await newCluster({ jwks: other.jwks });
    expect((await joinWith(await other.token(), { cluster })).nodeId).toBeTruthy();
  });

  it('may be of a Kubernetes that does not say the node', async () => {
    const token = await apiServer.token({ bound: { node: undefined } });
    expect((await joinWith(token, { name: 'any-name' })).nodeId).toBeTruthy();
  });

  it('may be signed with either of two keys, while the API server changes its own', async () => {
    const next = await createApiServer();
    const cluster = await newCluster({
      jwks: { keys: [...apiServer.jwks.keys, ...next.jwks.keys] },
    });
    for (const [at, server] of [apiServer, next].entries()) {
      const name = `worker-${at}`;
      const token = await server.token({ nodeName: name });
      expect((await joinWith(token, { cluster, name })).nodeId).toBeTruthy();
    }
  });
});

describe('a genuine token is refused', () => {
  const cases: readonly [string, Parameters<FakeApiServer['token']>[0], RegExp][] = [
    ['for another audience', { audience: ['vault'] }, /the audience is not bulkhead alone/],
    ['for another audience too', { audience: ['bulkhead', 'vault'] }, /alone/],
    ['for no audience', { claims: { aud: undefined } }, /claim aud is missing/],
    ['that lives for an hour', { lifetimeS: 3607 }, /expirationSeconds .* at most 1800/],
    ['that never ends', { claims: { exp: undefined } }, /claim exp is missing/],
    ['issued in the future', { claims: { iat: 9e9 } }, /future|wrong/],
    ['not valid yet', { claims: { nbf: 9e9 } }, /claim nbf is wrong/],
    ['of another namespace', { namespace: 'default' }, /not bulkhead-agent in the namespace/],
    ['of another account', { serviceAccount: 'default' }, /not bulkhead-agent in the namespace/],
    [
      'whose subject is another than its account',
      { claims: { sub: 'system:serviceaccount:default:default' } },
      /not bulkhead-agent in the namespace/,
    ],
    [
      "without Kubernetes' claims",
      { claims: { 'kubernetes.io': undefined } },
      /not bulkhead-agent/,
    ],
    ['of a secret, bound to no pod', { bound: { pod: undefined } }, /not bound to a pod/],
    ['of a pod without a uid', { bound: { pod: { name: 'a' } } }, /not bound to a pod/],
    ['of a pod on another node', { nodeName: 'worker-2' }, /runs on a node of another name/],
  ];
  it.each(cases)('%s', async (_what, options, message) => {
    const refusal = await refusalOf(joinWith(await apiServer.token(options)));
    expect(refusal).toEqual({
      code: 'SERVICE_ACCOUNT_TOKEN_REFUSED',
      message: expect.stringMatching(message),
    });
    expect(await get(`/v1/nodes?clusterId=${clusterId}`)).toEqual({ items: [] });
  });

  it('after its time, but for a clock that is a little behind', async () => {
    const old = await apiServer.token({ issuedAgoS: 700 });
    expect((await refusalOf(joinWith(old))).code).toBe('SERVICE_ACCOUNT_TOKEN_EXPIRED');
    const justNow = await apiServer.token({ issuedAgoS: 610 });
    expect((await joinWith(justNow)).nodeId).toBeTruthy();
  });
});

describe('who has no token of the cluster', () => {
  it('learns nothing: whatever is wrong, and whether there is such a cluster, has one answer', async () => {
    const stranger = await createApiServer();
    const [known] = apiServer.jwks.keys;
    const claims = { iss: 'https://elsewhere.example' };
    const withoutJoin = (
      await http.call('POST', '/v1/clusters', { body: { name: randomUUID() } })
    ).json().id;
    const genuine = await apiServer.token();
    const [head = '', body = '', signature = ''] = genuine.split('.');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    const byPublicKey = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256', kid: known?.kid ?? '' })
      .sign(Buffer.from(String(known?.n), 'base64url'));
    const answers = await Promise.all([
      refusalOf(joinWith(await stranger.token())),
      refusalOf(joinWith(await stranger.token({ header: { kid: known?.kid ?? '' } }))),
      refusalOf(joinWith(await stranger.token({ issuedAgoS: 10_000 }))),
      refusalOf(joinWith(await apiServer.token({ claims }))),
      refusalOf(joinWith(await stranger.token({ header: { jku: 'http://127.0.0.1:1/jwks' } }))),
      refusalOf(joinWith(unsigned)),
      refusalOf(joinWith(byPublicKey)),
      refusalOf(joinWith(`${head}.${body}.${[...signature].reverse().join('')}`)),
      refusalOf(joinWith(genuine, { cluster: NEVER_WAS })),
      refusalOf(joinWith(genuine, { cluster: http.theirs.clusterId })),
      refusalOf(joinWith(genuine, { cluster: withoutJoin })),
    ]);
    expect(new Set(answers.map(({ code }) => code))).toEqual(
      new Set(['SERVICE_ACCOUNT_TOKEN_UNKNOWN']),
    );
    expect(new Set(answers.map(({ message }) => message)).size).toBe(1);
  });

  it.each(['x', 'a.b.c', '..', 'x'.repeat(20_000), `${'e30.'.repeat(2)}x`])(
    'and no token at all',
    async (text) => {
      for (const cluster of [clusterId, NEVER_WAS]) {
        const { code } = await refusalOf(joinWith(text, { cluster }));
        expect(code).toMatch(/^SERVICE_ACCOUNT_TOKEN_(MALFORMED|UNKNOWN)$/);
        expect((await refusalOf(joinWith(text, { cluster: 'x' }))).code).toBe('INVALID_ARGUMENT');
      }
    },
  );

  it('nor beside a join token', async () => {
    const token = await apiServer.token();
    const { code } = await refusalOf(joinWith(token, { joinToken: 'bkh_jt_' }));
    expect(code).toBe('INVALID_ARGUMENT');
  });
});

describe('a token joins once', () => {
  it('and its repeat is the same join, also with the next token of the pod', async () => {
    const from = newTry();
    const podUid = randomUUID();
    const token = await apiServer.token({ podUid });
    const { nodeId } = await joinWith(token, { from });
    expect((await joinWith(token, { from })).nodeId).toBe(nodeId);
    const next = await apiServer.token({ podUid });
    expect((await joinWith(next, { from })).nodeId).toBe(nodeId);
    const both = await Promise.all([joinWith(token, { from }), joinWith(token, { from })]);
    expect(both.map((answer) => answer.nodeId)).toEqual([nodeId, nodeId]);
  });

  it('and not for another key, another enrollment or another name', async () => {
    const from = newTry();
    const token = await apiServer.token({ bound: { node: undefined } });
    const { nodeId } = await joinWith(token, { from });
    const stolen = [
      joinWith(token, { from: { ...from, key: createNodeKey() } }),
      joinWith(token, { from: { ...from, enrollmentId: randomUUID() } }),
      joinWith(token),
      joinWith(token, { name: 'worker-2' }),
    ];
    for (const joining of stolen) {
      expect((await refusalOf(joining)).code).toBe('SERVICE_ACCOUNT_TOKEN_USED');
    }
    const nodes = (await get(`/v1/nodes?clusterId=${clusterId}`)).items;
    expect(nodes.map(({ id }: { id: string }) => id)).toEqual([nodeId]);
  });

  it('however its signature is written', async () => {
    const other = await createApiServer('ES256');
    const cluster = await newCluster({ jwks: other.jwks });
    const token = await other.token();
    await joinWith(token, { cluster });
    const at = token.lastIndexOf('.') + 1;
    const bytes = Buffer.from(token.slice(at), 'base64url');
    // (r, -s) signs the same.
    const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    const negated = Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex');
    const again =
      token.slice(0, at) + Buffer.concat([bytes.subarray(0, 32), negated]).toString('base64url');
    expect(again).not.toBe(token);
    expect((await refusalOf(joinWith(again, { cluster }))).code).toBe('SERVICE_ACCOUNT_TOKEN_USED');
  });
});

it('of a tenant that is suspended lets nobody in', async () => {
  const { admin } = http.database;
  const { tenantId } = http.ours;
  await admin`update tenants set suspended_at = now() where id = ${tenantId}`;
  try {
    const { code } = await refusalOf(joinWith(await apiServer.token()));
    expect(code).toBe('TENANT_SUSPENDED');
  } finally {
    await admin`update tenants set suspended_at = null where id = ${tenantId}`;
  }
});

describe('a name that is there', () => {
  it('is given to the next pod of its node once it is silent, and to nobody after it was revoked, until it is released', async () => {
    const { nodeId } = await joinWith(await apiServer.token());
    const { admin } = http.database;
    await admin`update nodes set state = 'active', last_seen_at = now() where id = ${nodeId}`;
    expect((await refusalOf(joinWith(await apiServer.token()))).code).toBe('NODE_NAME_IN_USE');
    await admin`update nodes set last_seen_at = now() - interval '6 minutes' where id = ${nodeId}`;
    expect((await joinWith(await apiServer.token())).nodeId).toBe(nodeId);

    await http.call('DELETE', `/v1/nodes/${nodeId}`);
    const token = await apiServer.token();
    expect((await refusalOf(joinWith(token))).code).toBe('NODE_REVOKED');
    const released = await http.call('POST', `/v1/nodes/${nodeId}/release`);
    expect(released.json()).toMatchObject({ state: 'released', revokedAt: expect.any(String) });
    // It was refused, so it is not used up.
    expect((await joinWith(token)).nodeId).toBe(nodeId);
    expect((await http.call('POST', `/v1/nodes/${nodeId}/release`)).json()).toMatchObject({
      code: 'CONFLICT',
    });
  });
});

describe('the setting of a cluster', () => {
  const path = () => `/v1/clusters/${clusterId}/kubernetes-join`;

  it('is read, replaced and removed', async () => {
    const read = await http.call('GET', path());
    expect(read.json()).toMatchObject({
      clusterId,
      audience: 'bulkhead',
      jwks: apiServer.jwks,
      labels: {},
      revision: 1,
    });
    const ifMatch = { 'if-match': String(read.headers.etag) };
    const changed = await putJoin(clusterId, { audience: 'other' }, ifMatch);
    expect(changed.json()).toMatchObject({ audience: 'other', revision: 2 });
    expect((await putJoin(clusterId, {}, ifMatch)).json()).toMatchObject({
      code: 'PRECONDITION_FAILED',
    });
    const token = await apiServer.token({ audience: 'other' });
    const { nodeId } = await joinWith(token);
    expect((await http.call('DELETE', path())).statusCode).toBe(204);
    expect((await http.call('GET', path())).statusCode).toBe(404);
    expect((await http.call('DELETE', path())).statusCode).toBe(404);
    expect((await putJoin(clusterId, {}, ifMatch)).json()).toMatchObject({
      code: 'PRECONDITION_FAILED',
    });
    const next = await apiServer.token({ audience: 'other', nodeName: 'worker-2' });
    const { code } = await refusalOf(joinWith(next, { name: 'worker-2' }));
    expect(code).toBe('SERVICE_ACCOUNT_TOKEN_UNKNOWN');
    expect((await get(`/v1/nodes/${nodeId}`)).state).toBe('joined');
  });

  it('goes with the cluster', async () => {
    await http.call('DELETE', `/v1/clusters/${clusterId}`);
    expect((await putJoin(clusterId)).statusCode).toBe(404);
    expect((await refusalOf(joinWith(await apiServer.token()))).code).toBe(
      'SERVICE_ACCOUNT_TOKEN_UNKNOWN',
    );
  });

  it('takes public keys that it can use, and no others', async () => {
    const [key] = apiServer.jwks.keys;
    const ec = (await createApiServer('ES256')).jwks.keys[0];
    const wrong = [
      { keys: [] },
      { keys: [{ ...key, d: 'private' }] },
      { keys: [{ ...key, alg: 'none' }] },
      { keys: [{ ...key, alg: 'HS256' }] },
      { keys: [{ ...key, alg: 'PS256' }] },
      { keys: [{ ...key, n: undefined }] },
      { keys: [{ ...key, n: 'AQAB' }] },
      { keys: [{ ...ec, x: ec?.y }] },
      { keys: [{ kty: 'oct', k: 'AAAA' }] },
      { keys: Array.from({ length: 17 }, () => key) },
    ];
    for (const jwks of wrong) {
      const answer = await putJoin(clusterId, { jwks });
      expect([JSON.stringify(jwks).slice(0, 99), answer.statusCode]).toEqual([
        expect.any(String),
        400,
      ]);
    }
    expect((await get(path())).revision).toBe(1);
  });
});

describe('the agent', () => {
  let directory = '';
  let stopped: AbortController;

  beforeEach(() => {
    directory = mkdtempSync(joinPath(tmpdir(), 'bulkhead-service-account-'));
    stopped = new AbortController();
  });

  afterEach(() => {
    stopped.abort();
    rmSync(directory, { recursive: true });
  });

  it('waits for the token, takes the next one where it is too late, and joins', async () => {
    const tokenFile = joinPath(directory, 'token');
    const reasons: string[] = [];
    const write = (line: string) => reasons.push(JSON.parse(line).reason);
    const joining: Promise<Identity | undefined> = identify(
      {
        controlPlane: { host: '127.0.0.1', port: edge.port },
        joinToken: undefined,
        serviceAccount: { clusterId, tokenFile },
        caPin: edge.keyring.caPin,
        node: { ...NODE, name: 'worker-1' },
        store: new IdentityStore(directory),
        log: pino({ level: 'warn' }, { write }),
      },
      stopped.signal,
    );
    await eventually(() => expect(reasons.join()).toContain('no service account token yet'));
    writeFileSync(tokenFile, await apiServer.token({ issuedAgoS: 10_000 }));
    await eventually(() => expect(reasons.join()).toContain('past its time'));
    writeFileSync(tokenFile, `${await apiServer.token()}\n`);
    const identity = await joining;
    expect(identity).toMatchObject({ clusterId, tenantId: http.ours.tenantId });
  });

  it('gives up where its token is refused', async () => {
    const tokenFile = joinPath(directory, 'token');
    writeFileSync(tokenFile, await apiServer.token({ audience: 'vault' }));
    const joining = identify(
      {
        controlPlane: { host: '127.0.0.1', port: edge.port },
        joinToken: undefined,
        serviceAccount: { clusterId, tokenFile },
        caPin: edge.keyring.caPin,
        node: { ...NODE, name: 'worker-1' },
        store: new IdentityStore(directory),
        log: pino({ level: 'silent' }),
      },
      stopped.signal,
    );
    expect((await refusalOf(joining)).code).toBe('SERVICE_ACCOUNT_TOKEN_REFUSED');
  });
});
