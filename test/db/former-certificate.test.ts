import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  issueNodeCertificate,
  loadCertificateAuthority,
} from '../../control-plane/domain/certificates.js';
import { newNodeSerial } from '../../control-plane/domain/node-certificates.js';
import { quarantineNode } from '../../control-plane/store/node-revocations.js';
import { getNode, revokeNode } from '../../control-plane/store/nodes.js';
import { createNodeKey, createRequest } from '../../node-agent/uplink/certificates.js';
import { errorFromGrpc } from '../../node-agent/uplink/errors.js';
import { identify } from '../../node-agent/uplink/identify.js';
import { type Identity, IdentityStore } from '../../node-agent/uplink/identity.js';
import { join, rejoin } from '../../node-agent/uplink/join.js';
import { openClient } from '../../node-agent/uplink/service.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { NODE, newJoinToken, startTestEdge, type TestEdge } from '../support/edge.js';
import { UNLIMITED } from '../support/rates.js';

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;

let database: TestDatabase;
let edge: TestEdge;
let directory = '';
let store: IdentityStore;
let token: Awaited<ReturnType<typeof newJoinToken>>;
let joined: Identity;
/** Of the one certificate that the node has used. */
let shown = '';

beforeAll(async () => {
  database = await createTestDatabase();
  edge = await startTestEdge(database);
});

afterAll(async () => {
  await edge?.server.stop(AbortSignal.timeout(10_000));
  await database?.close();
});

beforeEach(async () => {
  directory = mkdtempSync(joinPath(tmpdir(), 'bulkhead-former-'));
  store = new IdentityStore(directory);
  token = await newJoinToken(database, 5);
  joined = await join({ ...agent(), joinToken: token.text, caPin: edge.keyring.caPin });
  expect(await call(joined)).toBeUndefined();
  const [row] = await database.admin`
    select shown_serial from nodes where id = ${joined.nodeId}`;
  shown = row?.shown_serial;
});

afterEach(() => rmSync(directory, { recursive: true }));

const agent = (port = edge.port) => ({
  controlPlane: { host: '127.0.0.1', port },
  node: NODE,
  store,
});
const stateOf = async () => {
  const { tenantId, nodeId } = joined;
  return (await database.app.withTenant({ tenantId }, (tx) => getNode(tx, nodeId))).state;
};

/** The node's certificate as it is so long after it ran out. */
async function ranOut(
  agoMs: number,
  more: { authority?: CertificateAuthority; key?: string; serial?: string } = {},
): Promise<Identity> {
  const { certificateDer: _certificateDer, ...identity } = joined;
  const { der } = await issueNodeCertificate(
    more.authority ?? edge.keyring.authority,
    await createRequest(more.key ?? (await store.ensureKey())),
    'bulkhead',
    joined,
    more.serial ?? shown,
    new Date(Date.now() - DAY_MS - agoMs),
  );
  return { ...identity, certificateDer: der };
}

/** undefined: let in. */
async function call({ caCertificatesDer, certificateDer }: Identity): Promise<string | undefined> {
  const client = openClient(`127.0.0.1:${edge.port}`, {
    caCertificatesDer,
    client: { certificateDer, privateKeyPem: await store.ensureKey() },
  });
  const stream = client.Events();
  try {
    stream.end();
    const outcome = await new Promise<unknown>((resolve) => {
      stream
        .on('error', resolve)
        .on('end', () => resolve(undefined))
        .on('data', () => {});
    });
    return outcome === undefined ? undefined : errorFromGrpc(outcome).code;
  } finally {
    client.close();
  }
}

/** As an agent starts. */
async function start(joinToken?: string): Promise<Identity | undefined> {
  const log = pino({ level: 'silent' });
  const caPin = joinToken === undefined ? undefined : edge.keyring.caPin;
  return identify({ ...agent(), joinToken, caPin, log }, AbortSignal.timeout(20_000));
}

describe('a node whose certificate ran out while it was off', () => {
  it('is let in by nobody with it, and comes back by itself', async () => {
    const former = await ranOut(6 * DAY_MS);
    expect(await call(former)).toBe('CERTIFICATE_REQUIRED');
    await store.save(former);
    const identity = await start();
    expect(identity).toMatchObject({ nodeId: joined.nodeId, clusterId: joined.clusterId });
    expect(identity && (await call(identity))).toBeUndefined();
    expect(await store.load()).toEqual(identity);
    const [count] = await database.admin`
      select uses from join_tokens where cluster_id = ${joined.clusterId}`;
    expect(count).toEqual({ uses: 1 });
  });

  it('may ask again where the answer was lost, and uses one of the two', async () => {
    const former = await ranOut(HOUR_MS);
    const [, kept] = [await rejoin(agent(), former), await rejoin(agent(), former)];
    expect(await call(kept)).toBeUndefined();
    expect(await stateOf()).toBe('joined');
  });

  it('needs a token after a week', async () => {
    await store.save(await ranOut(7 * DAY_MS + HOUR_MS));
    await expect(start()).rejects.toThrow(/^this node's certificate has run out: set /);
    const identity = await start(token.text);
    expect(identity).toMatchObject({ nodeId: joined.nodeId });
  });

  it('stays out where it was revoked or is in quarantine', async () => {
    const former = await ranOut(HOUR_MS);
    const { tenantId, nodeId } = joined;
    await database.app.withTenant({ tenantId }, (tx) => quarantineNode(tx, nodeId, 1));
    await expect(rejoin(agent(), former)).rejects.toMatchObject({ code: 'NODE_QUARANTINED' });
    await database.app.withTenant({ tenantId }, (tx) => revokeNode(tx, nodeId));
    await expect(rejoin(agent(), former)).rejects.toMatchObject({ code: 'NODE_REVOKED' });
  });
});

describe('a certificate that ran out', () => {
  it('is worth nothing without its key, of another authority, or in another form', async () => {
    const made = await createCertificateAuthority('bulkhead', new Date(Date.now() - 2 * DAY_MS));
    const authority = await loadCertificateAuthority(made.certificateDer, made.privateKeyDer);
    const good = await ranOut(HOUR_MS);
    const wrong = [
      await ranOut(HOUR_MS, { key: createNodeKey() }),
      await ranOut(HOUR_MS, { authority }),
      await ranOut(HOUR_MS, { serial: `4${'0'.repeat(31)}` }),
      { ...good, certificateDer: Buffer.from('no certificate') },
      { ...good, certificateDer: Buffer.alloc(9000, 1) },
      { ...good, certificateDer: Buffer.from(edge.keyring.authority.certificate.rawData) },
    ];
    for (const former of wrong) {
      await expect(rejoin(agent(), former)).rejects.toMatchObject({ code: 'CERTIFICATE_REQUIRED' });
    }
    expect(await stateOf()).toBe('joined');
  });

  it('counts as long as its authority is trusted', async () => {
    const made = await createCertificateAuthority('bulkhead', new Date(Date.now() - 2 * DAY_MS));
    const retiring = await loadCertificateAuthority(made.certificateDer, made.privateKeyDer);
    const former = await ranOut(HOUR_MS, { authority: retiring });
    const { keyring } = edge;
    let trustedAuthorities = [retiring.certificate, ...keyring.trustedAuthorities];
    const keys = {
      get current() {
        return { ...keyring, trustedAuthorities };
      },
      onChange: () => () => {},
    };
    const other = await startTestEdge(database, { keys });
    try {
      await rejoin(agent(other.port), former);
      trustedAuthorities = [...keyring.trustedAuthorities];
      await expect(rejoin(agent(other.port), former)).rejects.toMatchObject({
        code: 'CERTIFICATE_REQUIRED',
      });
    } finally {
      await other.server.stop(AbortSignal.timeout(10_000));
    }
  });

  it('is taken no more often than a tenant may join', async () => {
    const limited = await startTestEdge(database, { rates: { ...UNLIMITED, tenantJoins: 1 } });
    try {
      const options = agent(limited.port);
      // Not a certificate: it takes nothing of that.
      const none = { ...joined, certificateDer: Buffer.from('none') };
      await expect(rejoin(options, none)).rejects.toMatchObject({ code: 'CERTIFICATE_REQUIRED' });
      await rejoin(options, await ranOut(HOUR_MS));
      await expect(rejoin(options, await ranOut(HOUR_MS))).rejects.toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
      });
    } finally {
      await limited.server.stop(AbortSignal.timeout(10_000));
    }
  });

  it('is a clone where the node has used a later one', async () => {
    const next = await rejoin(agent(), await ranOut(HOUR_MS));
    expect(await call(next)).toBeUndefined();
    await database.admin`
      update nodes set shown_at = shown_at - interval '1 hour' where id = ${joined.nodeId}`;
    await expect(rejoin(agent(), await ranOut(HOUR_MS))).rejects.toMatchObject({
      code: 'NODE_QUARANTINED',
    });
    expect(await call(next)).toBe('NODE_QUARANTINED');
  });

  it('of a former join is worth nothing', async () => {
    const serial = newNodeSerial({ join: 0, generation: 1 });
    const former = await ranOut(HOUR_MS, { serial });
    await expect(rejoin(agent(), former)).rejects.toMatchObject({ code: 'NODE_REVOKED' });
    expect(await call(joined)).toBeUndefined();
  });
});
