import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CLONE_RULE } from '../../control-plane/domain/clone-alert.js';
import { listAlerts } from '../../control-plane/store/alerts.js';
import { listAudit } from '../../control-plane/store/audit-log.js';
import { createCluster } from '../../control-plane/store/clusters.js';
import { createJoinToken } from '../../control-plane/store/join-tokens.js';
import { releaseNode } from '../../control-plane/store/node-revocations.js';
import { getNode, revokeNode } from '../../control-plane/store/nodes.js';
import { listDeliveries } from '../../control-plane/store/outbox.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createWebhookEndpoint } from '../../control-plane/store/webhooks.js';
import { errorFromGrpc } from '../../node-agent/uplink/errors.js';
import { type Identity, IdentityStore } from '../../node-agent/uplink/identity.js';
import { join, renew } from '../../node-agent/uplink/join.js';
import { openClient } from '../../node-agent/uplink/service.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { NODE, startTestEdge, type TestEdge } from '../support/edge.js';
import { eventually } from '../support/eventually.js';

let database: TestDatabase;
let edge: TestEdge;
let tenantId = '';
let clusterId = '';
let webhookId = '';
let token = '';

beforeAll(async () => {
  database = await createTestDatabase();
  edge = await startTestEdge(database);
});

afterAll(async () => {
  await edge?.server.stop(AbortSignal.timeout(10_000));
  await database?.close();
});

beforeEach(async () => {
  tenantId = (await database.newTenant()).id;
  const { id, secret, text } = createToken(TOKEN_KINDS.join);
  token = text;
  await inTenant(async (tx) => {
    clusterId = (await createCluster(tx, { name: 'production' })).id;
    const secretSha256 = hashSecret(secret);
    await createJoinToken(tx, { id, clusterId, secretSha256, createdBy: 'test', maxUses: 10 });
    webhookId = (
      await createWebhookEndpoint(tx, {
        name: 'hook',
        url: 'https://example.org/hook',
        secretEncrypted: Buffer.from('sealed'),
      })
    ).id;
  });
});

function inTenant<T>(fn: (tx: TenantTx) => Promise<T>): Promise<T> {
  return database.app.withTenant({ tenantId }, fn);
}

/** A machine: a key, and whatever certificates it got for it. */
interface Machine {
  readonly identity: Identity;
  readonly key: string;
}

async function joinMachine(key?: string): Promise<Machine> {
  const directory = mkdtempSync(joinPath(tmpdir(), 'bulkhead-quarantine-'));
  try {
    if (key) writeFileSync(joinPath(directory, 'node.key'), key);
    const store = new IdentityStore(directory);
    const identity = await join({
      controlPlane: { host: '127.0.0.1', port: edge.port },
      joinToken: token,
      caPin: edge.keyring.caPin,
      node: NODE,
      store,
    });
    return { identity, key: await store.ensureKey() };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function connect({ identity, key }: Machine) {
  const { caCertificatesDer, certificateDer } = identity;
  return openClient(`127.0.0.1:${edge.port}`, {
    caCertificatesDer,
    client: { certificateDer, privateKeyPem: key },
  });
}

/** Asks with the certificate that the machine has, and uses the next one no further. */
async function renewed(machine: Machine): Promise<Machine> {
  const client = connect(machine);
  try {
    return { ...machine, identity: await renew(client, machine.identity, machine.key) };
  } finally {
    client.close();
  }
}

/** Says Hello; undefined where it is let in. */
async function call(machine: Machine): Promise<string | undefined> {
  const client = connect(machine);
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

/** As if what the node showed last was shown minutes ago. */
async function minutesLater(): Promise<void> {
  await database.admin`
    update nodes set shown_at = shown_at - interval '10 minutes',
      last_seen_at = last_seen_at - interval '10 minutes' where tenant_id = ${tenantId}`;
}

const stateOf = async (machine: Machine) =>
  (await inTenant((tx) => getNode(tx, machine.identity.nodeId))).state;
const auditOf = async (action: string) => (await inTenant((tx) => listAudit(tx, { action }))).items;

/** Copied, then the one renewed and used the next certificate, and the other came with the former. */
async function clonedNode(): Promise<{ quick: Machine; slow: Machine }> {
  const slow = await joinMachine();
  const quick = await renewed(slow);
  expect(await call(quick)).toBeUndefined();
  await minutesLater();
  expect(await call(slow)).toBe('NODE_QUARANTINED');
  return { quick, slow };
}

describe('a node', () => {
  it('goes from one certificate to the next', async () => {
    let machine = await joinMachine();
    for (let time = 0; time < 3; time += 1) {
      expect(await call(machine)).toBeUndefined();
      machine = await renewed(machine);
      await minutesLater();
    }
    expect(await call(machine)).toBeUndefined();
  });

  it('may ask twice, and use either answer', async () => {
    const machine = await joinMachine();
    const [lost, kept] = [await renewed(machine), await renewed(machine)];
    expect(await call(kept)).toBeUndefined();
    expect(await stateOf(machine)).not.toBe('quarantined');
    // Whoever has the other one is not this node.
    expect(await call(lost)).toBe('NODE_QUARANTINED');
  });

  it('may show its next certificate on several streams at once', async () => {
    const machine = await renewed(await joinMachine());
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => call(machine)));
    expect(outcomes.filter((code) => code !== undefined)).toEqual([]);
  });

  it('is not quarantined by a call that its next certificate overtook', async () => {
    const former = await joinMachine();
    const next = await renewed(former);
    expect(await call(next)).toBeUndefined();
    expect(await call(former)).toBe('UNAVAILABLE');
    expect(await call(next)).toBeUndefined();
    expect(await stateOf(next)).not.toBe('quarantined');
  });
});

describe('a clone', () => {
  it('puts both out, with an alert, its notice and a record', async () => {
    const { quick, slow } = await clonedNode();
    const { nodeId } = slow.identity;
    expect(await call(quick)).toBe('NODE_QUARANTINED');
    expect(await call(slow)).toBe('NODE_QUARANTINED');
    await expect(renewed(quick)).rejects.toMatchObject({ code: 'NODE_QUARANTINED' });
    const node = await inTenant((tx) => getNode(tx, nodeId));
    expect(node).toMatchObject({ state: 'quarantined', quarantinedAt: expect.any(Date) });
    expect(node).not.toHaveProperty('revokedAt');

    const alerts = (await inTenant((tx) => listAlerts(tx, { nodeId }))).items;
    expect(alerts).toMatchObject([
      { severity: 'critical', source: 'rule', ruleId: CLONE_RULE, status: 'open', clusterId },
    ]);
    const deliveries = (await inTenant((tx) => listDeliveries(tx, webhookId))).items;
    expect(deliveries).toMatchObject([
      { alertId: alerts[0]?.id, state: 'pending', eventType: 'alert.created' },
    ]);
    expect(await auditOf('node.quarantine')).toMatchObject([
      { actorKind: 'node', targetId: nodeId, sourceAddress: '127.0.0.1' },
    ]);
  });

  it('ends the streams that are open', async () => {
    const slow = await joinMachine();
    const quick = await renewed(slow);
    const client = connect(quick);
    const stream = client.Policies();
    const ended = once(stream, 'error').catch((error: unknown) => [error]);
    try {
      stream.on('data', () => {});
      stream.write({ hello: { node: NODE, appliedRevision: '0' } });
      await eventually(async () => expect(await stateOf(slow)).toBe('active'));
      await minutesLater();
      expect(await call(slow)).toBe('NODE_QUARANTINED');
      const [error] = await ended;
      expect(errorFromGrpc(error).code).toBe('NODE_QUARANTINED');
    } finally {
      stream.on('error', () => {});
      client.close();
    }
  });

  it('raises one alert where both call at once', async () => {
    const slow = await joinMachine();
    expect(await call(await renewed(slow))).toBeUndefined();
    await minutesLater();
    const outcomes = await Promise.all([call(slow), call(slow), call(slow)]);
    expect(outcomes).toEqual(Array(3).fill('NODE_QUARANTINED'));
    expect(await auditOf('node.quarantine')).toHaveLength(1);
    expect((await inTenant((tx) => listAlerts(tx))).items).toHaveLength(1);
  });

  it('keeps its name until it is released; whoever joins then is the node, and no former certificate is', async () => {
    const { quick, slow } = await clonedNode();
    const { nodeId } = slow.identity;
    await expect(joinMachine()).rejects.toMatchObject({ code: 'NODE_QUARANTINED' });
    await inTenant((tx) => releaseNode(tx, nodeId));
    expect(await call(quick)).toBe('NODE_REVOKED');
    const again = await joinMachine();
    expect(again.identity.nodeId).toBe(nodeId);
    expect(await call(again)).toBeUndefined();
    await minutesLater();
    for (const former of [quick, slow]) expect(await call(former)).toBe('NODE_REVOKED');
    expect(await call(again)).toBeUndefined();
    expect(await stateOf(again)).not.toBe('quarantined');
  });
});

describe('joining under a name that is there', () => {
  /** Has said Hello, so that it was heard of. */
  async function activeMachine(): Promise<Machine> {
    const machine = await joinMachine();
    const client = connect(machine);
    const stream = client.Policies();
    try {
      stream.on('error', () => {}).on('data', () => {});
      stream.write({ hello: { node: NODE, appliedRevision: '0' } });
      await eventually(async () => expect(await stateOf(machine)).toBe('active'));
    } finally {
      stream.cancel();
      client.close();
    }
    return machine;
  }

  it('is refused while that node is heard of, and costs no use', async () => {
    const machine = await activeMachine();
    const uses = () => database.admin`select uses from join_tokens where tenant_id = ${tenantId}`;
    const before = await uses();
    await expect(joinMachine()).rejects.toMatchObject({ code: 'NODE_NAME_IN_USE' });
    expect(await uses()).toEqual(before);
    expect(await call(machine)).toBeUndefined();
  });

  it('gives it after 90 seconds to the agent that has its key still, and no sooner', async () => {
    const machine = await activeMachine();
    const silentFor = (seconds: number) => database.admin`
      update nodes set last_seen_at = now() - ${seconds} * interval '1 second'
      where tenant_id = ${tenantId}`;
    // Whoever has a copy of the key and a token is held up as long as the machine is well.
    await silentFor(60);
    const inUse = { code: 'NODE_NAME_IN_USE' };
    await expect(joinMachine(machine.key)).rejects.toMatchObject(inUse);
    expect(await call(machine)).toBeUndefined();
    await silentFor(100);
    await expect(joinMachine()).rejects.toMatchObject(inUse);
    const again = await joinMachine(machine.key);
    expect(again.identity.nodeId).toBe(machine.identity.nodeId);
    expect(await call(again)).toBeUndefined();
    expect(await call(machine)).toBe('NODE_REVOKED');
  });

  it('gives the node to who comes once it is silent, and puts the former out', async () => {
    const machine = await activeMachine();
    await minutesLater();
    const again = await joinMachine();
    expect(again.identity.nodeId).toBe(machine.identity.nodeId);
    expect(await call(machine)).toBe('NODE_REVOKED');
    expect(await call(again)).toBeUndefined();
    expect(await auditOf('node.join')).toHaveLength(1);
    expect(await auditOf('node.rejoin')).toMatchObject([
      {
        actorKind: 'node',
        actorName: NODE.name,
        targetId: machine.identity.nodeId,
        details: { clusterId, tokenId: token.split('_')[2] },
        sourceAddress: '127.0.0.1',
      },
    ]);
  });

  it('gives it at once where it was revoked', async () => {
    const machine = await activeMachine();
    await inTenant((tx) => revokeNode(tx, machine.identity.nodeId));
    const again = await joinMachine();
    expect(again.identity.nodeId).toBe(machine.identity.nodeId);
    expect(await call(again)).toBeUndefined();
  });
});
