import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  jest,
} from '@jest/globals';
import { pino } from 'pino';
import { contentSha256, packBundle } from '../../control-plane/domain/bundles.js';
import { issueNodeCertificate } from '../../control-plane/domain/certificates.js';
import type { RotationStep } from '../../control-plane/domain/key-rotation.js';
import { KeyWatch } from '../../control-plane/keys/key-watch.js';
import { rotateKeys } from '../../control-plane/keys/rotate-keys.js';
import { insertBundle } from '../../control-plane/store/bundles.js';
import { revokeJoinToken } from '../../control-plane/store/join-tokens.js';
import { getNode } from '../../control-plane/store/nodes.js';
import type { PlatformKeyKind } from '../../control-plane/store/platform-keys.js';
import { createRequest } from '../../node-agent/uplink/certificates.js';
import { errorFromGrpc } from '../../node-agent/uplink/errors.js';
import { renew } from '../../node-agent/uplink/join.js';
import { openClient } from '../../node-agent/uplink/service.js';
import type { PoliciesResponse__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import { encodeBundle } from '../../proto/ts/policy/canonical.js';
import { TestAgent } from '../support/agent.js';
import { runControlPlane } from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import {
  EDGE_VAULT,
  joinNode,
  NODE,
  newJoinToken,
  startTestEdge,
  type TestEdge,
} from '../support/edge.js';
import { eventually } from '../support/eventually.js';

jest.setTimeout(120_000);

let database: TestDatabase;
/** Of one replica each. */
let watches: KeyWatch[];
let edges: TestEdge[];
let agents: TestAgent[];
let token: Awaited<ReturnType<typeof newJoinToken>>;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database?.close());

beforeEach(async () => {
  await database.clear();
  watches = [];
  edges = [];
  agents = [];
  for (const _replica of ['first', 'second']) {
    const keys = await KeyWatch.start({
      ...keyStore(),
      refreshVault: async () => {},
      log: pino({ level: 'silent' }),
    });
    watches.push(keys);
    edges.push(await startTestEdge(database, { keys }));
  }
  token = await newJoinToken(database, 20);
});

afterEach(async () => {
  for (const agent of agents) await agent.destroy();
  for (const edge of edges) await edge.server.stop(AbortSignal.timeout(10_000));
  for (const watch of watches) await watch.stop();
});

const keyStore = () => ({
  database: database.app,
  vault: EDGE_VAULT,
  trustDomain: 'bulkhead',
});

const rotate = (kind: PlatformKeyKind, step: RotationStep, force = false) =>
  rotateKeys(keyStore(), kind, { step, force, settleMs: 0 });

const portOf = (replica: number) => edges[replica]?.port ?? 0;

function keyring() {
  const [watch] = watches;
  if (!watch) throw new Error('no replica');
  return watch.current;
}

/** Until every replica goes by what the step has left in the database. */
async function settled(step: () => Promise<unknown>): Promise<void> {
  const before = watches.map(({ current }) => current);
  await step();
  await eventually(() => {
    for (const [index, { current }] of watches.entries()) expect(current).not.toBe(before[index]);
  });
}

async function startAgent(name: string, replica: number, caPin = keyring().caPin) {
  const agent = new TestAgent({ name, port: portOf(replica), joinToken: token.text, caPin });
  agents.push(agent);
  await agent.start();
  return agent;
}

async function rowOf(agent: TestAgent) {
  const { tenantId, nodeId } = await agent.identity();
  const [row] = await database.admin`select * from nodes where id = ${nodeId}`;
  const node = await database.app.withTenant({ tenantId }, (tx) => getNode(tx, nodeId));
  return { ...node, trust: row?.trust_sha256, authority: row?.certificate_authority };
}

/** It keeps the trust of now on its disk, and the control plane knows. */
async function holdsTrust(agent: TestAgent): Promise<void> {
  await eventually(async () => {
    const { trust, trustSha256 } = keyring();
    const { caCertificatesDer, signingKeys } = await agent.identity();
    expect({ caCertificatesDer, signingKeys }).toEqual(trust);
    expect((await rowOf(agent)).trust).toEqual(trustSha256);
  });
}

const isIssuedBy = (leafDer: Buffer, authorityDer: Buffer | undefined) =>
  new X509Certificate(leafDer).verify(new X509Certificate(authorityDer ?? '').publicKey);

async function textOf(refusal: Promise<unknown>): Promise<string> {
  return refusal.then(
    () => 'nothing was refused',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

describe('the certificate authority is changed', () => {
  it('and no agent is lost: connected ones, one that is away, one with a former pin', async () => {
    const oldPin = keyring().caPin;
    const [oldCa] = keyring().trust.caCertificatesDer;
    const first = await startAgent('first', 0);
    const second = await startAgent('second', 1);
    const away = await startAgent('away', 0);
    for (const agent of agents) await holdsTrust(agent);
    await away.stop();
    const unused = await newJoinToken(database);

    await settled(() => rotate('ca', 'begin'));
    const [, newCa] = keyring().trust.caCertificatesDer;
    expect(newCa).toBeDefined();
    for (const agent of [first, second]) await holdsTrust(agent);
    expect(keyring().caPin.split(',')).toHaveLength(2);
    expect((await rotate('ca', 'status')).behind.nodes.map(({ name }) => name)).toEqual(['away']);

    await settled(() => rotate('ca', 'activate'));
    const bothPins = keyring().caPin;
    const late = await startAgent('late', 1, oldPin);
    expect(isIssuedBy((await late.identity()).certificateDer, newCa)).toBe(true);
    const later = await startAgent('later', 0, bothPins);
    for (const agent of [first, second, late, later]) await holdsTrust(agent);

    const refused = await textOf(rotate('ca', 'finish'));
    expect(refused).toContain('nodes behind: 3');
    expect(refused).toMatch(/ first .*has a certificate of the old authority/);
    expect(refused).toMatch(/ away .*does not hold the new key/);
    expect(refused).toContain('open join tokens with the old pin alone: 2');

    // It has the former authority alone, and a server of each replica is shown that.
    expect((await away.identity()).caCertificatesDer).toEqual([oldCa]);
    await away.start();
    await holdsTrust(away);
    for (const agent of [first, second, away]) {
      await agent.renewNow();
      expect(isIssuedBy((await agent.identity()).certificateDer, newCa)).toBe(true);
    }
    for (const each of [token, unused]) {
      const id = /^bkh_jt_([0-9a-f]+)_/.exec(each.text)?.[1] ?? '';
      await database.app.withTenant(each, (tx) => revokeJoinToken(tx, id));
    }
    await eventually(async () => {
      expect((await rotate('ca', 'status')).behind).toEqual({ nodes: [], joinTokens: 0 });
    });

    await settled(() => rotate('ca', 'finish'));
    expect(keyring().trust.caCertificatesDer).toEqual([newCa]);
    for (const agent of agents) await holdsTrust(agent);
    // Nobody's stream broke through all of it.
    expect(agents.flatMap(({ complaints }) => complaints)).toEqual([]);

    const fresh = await newJoinToken(database, 2);
    await joinNode(portOf(1), bothPins, fresh.text, 'fresh');
    await joinNode(portOf(0), keyring().caPin, fresh.text, 'fresh-too');
    await expect(joinNode(portOf(0), oldPin, fresh.text)).rejects.toMatchObject({
      code: 'CA_PIN_MISMATCH',
    });
  });

  it('and what the retired one issued is refused, also on a connection that is older', async () => {
    const { authority } = keyring();
    const agent = await startAgent('first', 0);
    const identity = await agent.identity();
    const privateKeyPem = await agent.store.ensureKey();
    const csr = await createRequest(privateKeyPem);
    const former = await issueNodeCertificate(
      authority,
      csr,
      'bulkhead',
      identity,
      // It says nothing of its place: beside the agent's own it is not taken for a clone's.
      '01',
      new Date(),
    );
    const client = { certificateDer: former.der, privateKeyPem };
    const address = `127.0.0.1:${portOf(0)}`;
    const opened = openClient(address, { ...identity, client });
    try {
      await renew(opened, identity, privateKeyPem);
      await settled(() => rotate('ca', 'begin'));
      await holdsTrust(agent);
      await settled(() => rotate('ca', 'activate'));
      await agent.renewNow();
      await revokeToken();
      await eventually(() => rotate('ca', 'finish'));
      const { trust } = await eventually(() => {
        expect(keyring().trust.caCertificatesDer).toHaveLength(1);
        return keyring();
      });
      const refusal = { code: 'CERTIFICATE_REQUIRED' };
      await expect(renew(opened, identity, privateKeyPem)).rejects.toMatchObject(refusal);
      const anew = openClient(address, { ...trust, client });
      await expect(renew(anew, identity, privateKeyPem)).rejects.toMatchObject(refusal);
      anew.close();
    } finally {
      opened.close();
    }
  });

  it('and what is no hash of a trust ends the stream', async () => {
    const node = await joinNode(portOf(0), keyring().caPin, token.text, 'odd');
    const client = node.connect();
    try {
      const stream = client.Policies();
      const error = new Promise((resolve) => stream.on('error', resolve).on('data', () => {}));
      const trustSha256 = Buffer.alloc(31);
      stream.write({
        hello: { node: { ...NODE, name: 'odd' }, appliedRevision: '0', trustSha256 },
      });
      expect(errorFromGrpc(await error)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    } finally {
      client.close();
    }
  });

  it('and an agent that does not say what it believes is told nothing, and counts', async () => {
    const node = await joinNode(portOf(0), keyring().caPin, token.text, 'former');
    const client = node.connect();
    try {
      const stream = client.Policies();
      const told: PoliciesResponse__Output[] = [];
      stream.on('error', () => {});
      stream.on('data', (message: PoliciesResponse__Output) => told.push(message));
      stream.write({ hello: { node: { ...NODE, name: 'former' }, appliedRevision: '0' } });
      const agent = await startAgent('present', 0);
      await settled(() => rotate('ca', 'begin'));
      await holdsTrust(agent);
      expect((await rotate('ca', 'status')).behind.nodes.map(({ name }) => name)).toEqual([
        'former',
      ]);
      expect(told).toEqual([]);
    } finally {
      client.close();
    }
  });

  it('by force, which loses who is behind', async () => {
    const present = await startAgent('present', 1);
    const away = await startAgent('away', 0);
    for (const agent of agents) await holdsTrust(agent);
    await away.stop();
    await settled(() => rotate('ca', 'begin'));
    await settled(() => rotate('ca', 'activate'));
    expect(await textOf(rotate('ca', 'finish'))).toContain('nodes behind: 2');
    await settled(() => rotate('ca', 'finish', true));
    await holdsTrust(present);
    await away.start();
    const isLost = (agent: TestAgent, code: string) =>
      eventually(() => expect(agent.complaints).toContainEqual(expect.objectContaining({ code })));
    // It does not believe the server any more.
    await isLost(away, 'UNAVAILABLE');
    // This one does, on a new connection, but its certificate is of the former authority.
    const [, keys] = watches;
    const port = portOf(1);
    // Without a word: told to come back, it would take its time.
    await edges[1]?.server.stop(AbortSignal.abort());
    edges[1] = await startTestEdge(database, { port, ...(keys && { keys }) });
    await isLost(present, 'CERTIFICATE_REQUIRED');
    expect((await rotate('ca', 'status')).keys.map(({ state }) => state)).toEqual(['active']);
    // Whoever finds it later cannot use it.
    const rows = await database.admin`
      select private_encrypted from platform_keys where kind = 'ca' and state = 'retired'`;
    expect(rows).toEqual([{ private_encrypted: Buffer.alloc(0) }]);
  });
});

async function revokeToken(): Promise<void> {
  const id = /^bkh_jt_([0-9a-f]+)_/.exec(token.text)?.[1] ?? '';
  await database.app.withTenant(token, (tx) => revokeJoinToken(tx, id));
}

describe('the key that signs bundles is changed', () => {
  const signersOf = (agent: TestAgent): string[] => {
    const envelope = JSON.parse(gunzipSync(readFileSync(agent.bundlePath)).toString());
    return envelope.signatures.map(({ keyid }: { keyid: string }) => keyid);
  };

  /** An empty one, which says what is desired of a cluster without policies. */
  async function publishFirstBundle(): Promise<void> {
    const { tenantId, clusterId } = token;
    const { signingKeys } = keyring();
    await database.app.withTenant(token, (tx) =>
      insertBundle(tx, clusterId, async (revision) => {
        const payload = encodeBundle({
          tenantId,
          clusterId,
          revision: BigInt(revision),
          createdUnixMs: 0,
          policies: [],
        });
        return {
          contentSha256: contentSha256([]),
          envelopeGzip: packBundle(payload, signingKeys),
          signingKeyId: signingKeys[0].keyId,
        };
      }),
    );
  }

  it('and every last good file can be put in force at each moment', async () => {
    await publishFirstBundle();
    const oldKey = keyring().signingKeys[0].keyId;
    const first = await startAgent('first', 0);
    const second = await startAgent('second', 1);
    const away = await startAgent('away', 1);
    for (const agent of agents) {
      await holdsTrust(agent);
      await eventually(() => expect(signersOf(agent)).toEqual([oldKey]));
    }
    await away.stop();

    await settled(() => rotate('bundle-signing', 'begin'));
    for (const agent of [first, second]) await holdsTrust(agent);
    expect(keyring().signingKeys.map(({ keyId }) => keyId)).toEqual([oldKey]);

    await settled(() => rotate('bundle-signing', 'activate'));
    const newKey = keyring().signingKeys[0].keyId;
    for (const agent of [first, second]) {
      await eventually(async () => {
        expect(signersOf(agent)).toEqual([newKey, oldKey]);
        expect((await rowOf(agent)).appliedRevision).toBe(2);
      });
    }
    const refused = await textOf(rotate('bundle-signing', 'finish'));
    expect(refused).toContain('nodes behind: 1');
    expect(refused).toMatch(
      / away .*does not hold the new key, runs a bundle that the old key signed/,
    );

    const appliedBefore = away.applied.length;
    await away.start();
    await eventually(() => expect(signersOf(away)).toEqual([newKey, oldKey]));
    // The former file first, then what came over the stream.
    expect(away.applied).toHaveLength(appliedBefore + 2);
    await eventually(() => rotate('bundle-signing', 'finish'));
    for (const agent of agents) await holdsTrust(agent);
    expect(keyring().trust.signingKeys.map(({ keyId }) => keyId)).toEqual([newKey]);

    // From its disk alone: nobody answers.
    for (const { server } of edges) await server.stop(AbortSignal.timeout(10_000));
    await first.stop();
    const before = first.applied.length;
    await first.start();
    expect(first.applied).toHaveLength(before + 1);
    const rows = await database.admin`select max(revision)::int as revision from bundles`;
    expect(rows).toEqual([{ revision: 2 }]);
    edges = [];
  });
});

describe('a step', () => {
  it('of two at once is made once', async () => {
    await revokeToken();
    for (const [step, states] of [
      ['begin', ['active', 'next']],
      ['activate', ['retiring', 'active']],
      ['finish', ['active']],
    ] as const) {
      const tries = await Promise.allSettled([rotate('ca', step), rotate('ca', step)]);
      expect(tries.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const { keys } = await rotate('ca', 'status');
      expect(keys.map(({ state }) => state)).toEqual(states);
    }
  });

  it('is a command', async () => {
    const settings = { BULKHEAD_MASTER_KEY: Buffer.alloc(32, 1).toString('base64') };
    const run = (...args: string[]) => runControlPlane(database.url, settings, args);
    const begun = await run('rotate-ca', '--step=begin', '--json');
    expect(JSON.parse(begun.output)).toMatchObject({
      kind: 'ca',
      keys: [{ state: 'active' }, { state: 'next' }],
      behind: { nodes: [], joinTokens: 1 },
    });
    expect(begun.output).not.toMatch(/private|encrypted/i);
    const refused = await run('rotate-ca', '--step=activate');
    expect(refused).toMatchObject({ code: 1, output: expect.stringMatching(/again in \d+ s/) });
    expect(await run('rotate-signing-key', '--step=finnish')).toMatchObject({
      code: 1,
      output: expect.stringContaining('--step: one of begin, activate, finish, status'),
    });
    const status = await run('rotate-signing-key');
    expect(status.output).toMatch(/^active {3}[0-9a-f-]{36} since .*Z\nnodes behind: 0\n$/);
  });

  it('comes in its order', async () => {
    expect(await textOf(rotate('ca', 'activate'))).toContain('begin with --step=begin');
    expect(await textOf(rotate('ca', 'finish'))).toContain('nothing is to be finished');
    await rotate('ca', 'begin');
    expect(await textOf(rotate('ca', 'begin'))).toContain('--step=activate');
    await rotate('ca', 'activate');
    expect(await textOf(rotate('ca', 'begin'))).toContain('--step=finish');
  });

  it('waits until every replica goes by the one before, unless forced', async () => {
    const steps = (step: RotationStep, force: boolean) =>
      rotateKeys(keyStore(), 'ca', { step, force });
    await steps('begin', false);
    expect(await textOf(steps('activate', false))).toMatch(/again in \d+ s/);
    await steps('activate', true);
    expect(await textOf(steps('finish', false))).toMatch(/again in \d+ s/);
  });
});
