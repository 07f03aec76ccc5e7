import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { recordAlert } from '../../control-plane/store/alerts.js';
import { putKubernetesJoin } from '../../control-plane/store/kubernetes-joins.js';
import { enqueueDelivery } from '../../control-plane/store/outbox.js';
import { createNodeKey, createRequest } from '../../node-agent/uplink/certificates.js';
import { errorFromGrpc } from '../../node-agent/uplink/errors.js';
import { openClient } from '../../node-agent/uplink/service.js';
import { createToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { createApiServer } from '../fakes/api-server.js';
import {
  type ControlPlaneProcess,
  keyringOf,
  MASTER_KEY,
  newOwnerKey,
  runControlPlane,
  startControlPlane,
} from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { joinNode, NODE, newJoinToken } from '../support/edge.js';
import { eventually } from '../support/eventually.js';
import { createWorld, kubernetesJoinOf, sightingOf, type World } from '../support/store-world.js';

jest.setTimeout(120_000);

const ELASTIC_PASSWORD = randomBytes(12).toString('hex');
const POSTGRES_PASSWORD = randomBytes(12).toString('hex');

let database: TestDatabase;
let world: World;
let replica: ControlPlaneProcess;
/** What it was for, and the text that no line may hold. */
const secrets = new Map<string, string>();

beforeAll(async () => {
  database = await createTestDatabase();
  world = await createWorld(database);
  secrets.set('the master key', MASTER_KEY.toString('base64'));
  secrets.set('the password of Elasticsearch', ELASTIC_PASSWORD);
  secrets.set('the password of Postgres', POSTGRES_PASSWORD);
  secrets.set('the password of the test server', new URL(database.url).password);
  replica = await startControlPlane(database.url, {
    BULKHEAD_LOG_LEVEL: 'trace',
    BULKHEAD_WEBHOOK_PRIVATE: 'true',
    ELASTICSEARCH_URL: `http://elastic:${ELASTIC_PASSWORD}@127.0.0.1:1`,
  });
}, 120_000);

afterAll(async () => {
  await replica?.destroy();
  await database?.close();
});

/** A token is known by its secret part alone, and by the whole. */
function keep(what: string, text: string): string {
  secrets.set(what, text);
  const secret = /^bkh_[a-z]+_[0-9a-f]+_(.+)_[0-9a-f]+x?$/.exec(text)?.[1];
  if (secret) secrets.set(`${what}, its secret part`, secret);
  return text;
}

function expectNoSecretIn(output: string): void {
  const found = [...secrets].flatMap(([what, text]) => {
    const forms = [text, encodeURIComponent(text), Buffer.from(text).toString('base64url')];
    const line = output.split('\n').find((each) => forms.some((form) => each.includes(form)));
    return line === undefined ? [] : [`${what}: ${line}`];
  });
  expect(found).toEqual([]);
}

async function call(method: string, path: string, headers: Record<string, string>, body?: unknown) {
  const response = await fetch(`${replica.apiUrl}${path}`, {
    method,
    headers,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const newToken = (what: string, kind: (typeof TOKEN_KINDS)[keyof typeof TOKEN_KINDS]) =>
  keep(what, createToken(kind).text);

describe('no line of log, at any level, has a secret', () => {
  it('that is used as it should be', async () => {
    const key = keep('an API key', await newOwnerKey(database, world.tenantId));
    const bearer = { authorization: `Bearer ${key}`, ...JSON_TYPE };
    const made = await call('POST', '/v1/api-keys', bearer, { name: 'k', role: 'viewer' });
    keep('a key that was made', JSON.parse(made.text).apiKey);
    const path = `/v1/clusters/${world.clusterId}/join-tokens`;
    const token = await call('POST', path, bearer, {});
    keep('a join token that was made', JSON.parse(token.text).token);

    const joinToken = await newJoinToken(database);
    keep('a join token', joinToken.text);
    const { caPin } = await keyringOf(database);
    await joinNode(replica.grpcPort, caPin, joinToken.text);
    await expect(joinNode(replica.grpcPort, caPin, joinToken.text)).rejects.toThrow();
    await eventually(() => expect(replica.output).toContain('node joined'));
    expectNoSecretIn(replica.output);
  });

  it("of a webhook, whose address is one too, also when its receiver isn't there", async () => {
    const key = await newOwnerKey(database, world.tenantId);
    const bearer = { authorization: `Bearer ${key}`, ...JSON_TYPE };
    const path = keep('the path of a webhook', randomBytes(12).toString('hex'));
    const name = keep('the query of a webhook', randomBytes(12).toString('hex'));
    const ids: string[] = [];
    const { port } = new URL(replica.operationsUrl);
    for (const host of ['127.0.0.1:1', `127.0.0.1:${port}`, 'no-such-host.invalid']) {
      const url = `http://${host}/${path}?token=${name}`;
      const made = await call('POST', '/v1/webhooks', bearer, { name: host, url });
      const webhook: { id: string; secret: string } = JSON.parse(made.text);
      keep('the secret of a webhook', webhook.secret);
      const { tenantId } = world;
      const delivery = await database.worker.withTenant({ tenantId }, async (tx) => {
        const sighting = sightingOf(world.clusterId, world.nodeId, { groupKey: world.groupKey });
        const { alertId } = await recordAlert(tx, sighting);
        const row = { endpointId: webhook.id, alertId, eventType: 'alert.created', payload: {} };
        return enqueueDelivery(tx, row);
      });
      ids.push(delivery.id);
    }
    await eventually(() => {
      for (const id of ids) expect(replica.output).toMatch(new RegExp(`${id}.*not delivered`));
    });
    expectNoSecretIn(replica.output);
  });

  it('that comes where it should not, in a header, a query, a path or a body', async () => {
    const key = (what: string) => newToken(what, TOKEN_KINDS.apiKey);
    const password = keep('a password', randomBytes(12).toString('hex'));
    const basic = Buffer.from(`admin:${password}`).toString('base64');
    keep('a password in base64', basic);
    const own = { authorization: `Bearer ${await newOwnerKey(database, world.tenantId)}` };
    const answers = [
      await call('GET', '/v1/tenant', { authorization: `Bearer ${key('an unknown key')}` }),
      await call('GET', '/v1/tenant', { authorization: `Bearer ${key('a key')}x` }),
      await call('GET', '/v1/tenant', { authorization: `Basic ${basic}` }),
      await call('GET', '/v1/tenant', { authorization: key('a key without a scheme') }),
      await call('GET', '/v1/tenant', { cookie: `k=${key('a key in a cookie')}` }),
      await call('GET', `/v1/tenant?api_key=${key('a key in a query')}`, own),
      await call('GET', `/v1/nodes?after=${key('a key as a cursor')}`, own),
      await call('GET', `/v1/nodes/${key('a key as an id')}`, own),
      await call(
        'DELETE',
        `/v1/join-tokens/${newToken('a token as an id', TOKEN_KINDS.join)}`,
        own,
      ),
      await call('GET', `/no/${key('a key in a path that is not there')}`, own),
      await call('GET', `/%ZZ${key('a key in a broken path')}`, own),
      await call('GET', `/v1/nodes/${key('a long path')}${'a'.repeat(300)}`, own),
      await call('POST', '/v1/clusters', { ...own, ...JSON_TYPE }, `{"name": "${key('no JSON')}`),
      await call('POST', '/v1/clusters', { ...own, ...JSON_TYPE }, { [key('a member')]: 1 }),
      await call('POST', '/v1/clusters', { ...own, ...JSON_TYPE }, { name: [key('a value')] }),
      await call('POST', '/v1/clusters', { ...own, 'content-type': key('a type') }, 'x'),
      await call(
        'POST',
        '/v1/policies/validate',
        { ...own, ...JSON_TYPE },
        { source: key('YAML') },
      ),
      await call(
        'POST',
        '/v1/webhooks',
        { ...own, ...JSON_TYPE },
        {
          name: 'w',
          url: `http://admin:${password}@example.com/`,
        },
      ),
    ];
    for (const { status } of answers) expect([200, 400, 401, 404, 422]).toContain(status);

    const socket = connect(replica.httpPort, '127.0.0.1');
    socket.on('data', () => {});
    socket.end(`GET /${key('no HTTP')} \u0001\r\nauthorization: Bearer x\r\n\r\n`);
    await once(socket, 'close');
    expectNoSecretIn(replica.output);
  });

  it('that an agent sends in vain', async () => {
    const keyring = await keyringOf(database);
    const caCertificatesDer = [Buffer.from(keyring.authority.certificate.rawData)];
    const client = openClient(`127.0.0.1:${replica.grpcPort}`, { caCertificatesDer });
    const known = await newJoinToken(database);
    const tokens = [
      keep('a token with a broken request', known.text),
      newToken('an unknown token', TOKEN_KINDS.join),
      `${newToken('a malformed token', TOKEN_KINDS.join)}x`,
      newToken('a key as a token', TOKEN_KINDS.apiKey),
    ];
    try {
      for (const joinToken of tokens) {
        const csrDer = Buffer.from(keep('a request that is none', randomBytes(24).toString('hex')));
        const request = { joinToken, enrollmentId: randomUUID(), node: NODE, csrDer };
        const error = await new Promise((resolve) => {
          client.Join(request, (refusal: unknown) => resolve(refusal));
        });
        expect(error).toBeInstanceOf(Error);
      }
    } finally {
      client.close();
    }
    // The answer may be here before the line of log is.
    await eventually(() => expect(replica.output.match(/JOIN_TOKEN_MALFORMED/g)).toHaveLength(2));
    expectNoSecretIn(replica.output);
  });

  it('of a service account, whatever comes of its token', async () => {
    const keyring = await keyringOf(database);
    const { tenantId, clusterId } = world;
    const apiServer = await createApiServer();
    const trust = { ...kubernetesJoinOf(clusterId), jwks: apiServer.jwks };
    await database.app.withTenant({ tenantId }, (tx) => putKubernetesJoin(tx, trust));
    const caCertificatesDer = [Buffer.from(keyring.authority.certificate.rawData)];
    const client = openClient(`127.0.0.1:${replica.grpcPort}`, { caCertificatesDer });
    const csrDer = await createRequest(createNodeKey());
    const node = { ...NODE, name: 'worker-1' };
    const good = await apiServer.token();
    const tokens = [
      good,
      good,
      await apiServer.token({ audience: 'vault' }),
      await apiServer.token({ issuedAgoS: 10_000 }),
      await (await createApiServer()).token(),
      'no.service-account-token.at-all',
    ];
    const codes: string[] = [];
    try {
      for (const [at, serviceAccountToken] of tokens.entries()) {
        keep(`service account token ${at}`, serviceAccountToken);
        keep(`signature of token ${at}`, serviceAccountToken.split('.')[2] ?? '');
        const request = {
          serviceAccountToken,
          clusterId,
          enrollmentId: randomUUID(),
          node,
          csrDer,
        };
        const error = await new Promise((resolve) => {
          client.Join(request, (refusal: unknown) => resolve(refusal));
        });
        codes.push(error ? errorFromGrpc(error).code : 'OK');
      }
    } finally {
      client.close();
    }
    const kinds = ['USED', 'REFUSED', 'EXPIRED', 'UNKNOWN', 'MALFORMED'];
    expect(codes).toEqual(['OK', ...kinds.map((kind) => `SERVICE_ACCOUNT_TOKEN_${kind}`)]);
    await eventually(() => expect(replica.output).toContain('SERVICE_ACCOUNT_TOKEN_MALFORMED'));
    expectNoSecretIn(replica.output);
  });

  it('of a store that is away', async () => {
    await eventually(() => expect(replica.output).toContain('elasticsearch takes no documents'));
    expectNoSecretIn(replica.output);
  });

  it.each([
    ['refused', `postgres://bulkhead:${POSTGRES_PASSWORD}@127.0.0.1:1/bulkhead`],
    ['not found', `postgres://bulkhead:${POSTGRES_PASSWORD}@no-such-host.invalid/bulkhead`],
    ['no address', `postgres://bulkhead:${POSTGRES_PASSWORD}@127.0.0.1:port/bulkhead`],
    ['of another kind', `mysql://bulkhead:${POSTGRES_PASSWORD}@127.0.0.1:1/bulkhead`],
    ['without that database', 'no-such-database'],
  ])('of a database that is %s', async (_how, text) => {
    const url = text.includes(':') ? text : new URL(`/${text}`, database.url).href;
    const withPassword = url.replace(/:\/\/([^:@/]+)(:[^@]*)?@/, `://$1:${POSTGRES_PASSWORD}@`);
    for (const migrate of ['true', 'false']) {
      const settings = { BULKHEAD_LOG_LEVEL: 'trace', BULKHEAD_MIGRATE: migrate };
      const { code, output } = await runControlPlane(withPassword, settings);
      expect(code).not.toBe(0);
      expect(output).not.toBe('');
      expectNoSecretIn(output);
    }
  });
});
