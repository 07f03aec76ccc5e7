import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createAssignment, deleteAssignment } from '../../control-plane/store/assignments.js';
import type { Database } from '../../control-plane/store/database.js';
import { revokeNodesOfToken } from '../../control-plane/store/join-redemptions.js';
import { recordReports } from '../../control-plane/store/live-nodes.js';
import {
  quarantineNode,
  releaseNode,
  revokeNodesOfCluster,
} from '../../control-plane/store/node-revocations.js';
import { getNode, revokeNode } from '../../control-plane/store/nodes.js';
import { createPolicy } from '../../control-plane/store/policies.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { errorFromGrpc } from '../../node-agent/uplink/errors.js';
import type { PoliciesResponse__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import { encodePolicy } from '../../proto/ts/policy/canonical.js';
import { parsePolicy } from '../../proto/ts/policy/parse.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import {
  type JoinedNode,
  joinNode,
  NODE,
  newJoinToken,
  startTestEdge,
  type TestEdge,
} from '../support/edge.js';
import { eventually } from '../support/eventually.js';
import { assignmentOf, sha256 } from '../support/store-world.js';

type Replica = TestEdge & { transactions(): number };

let database: TestDatabase;
/** Two replicas; each counts its transactions. */
let replicas: readonly [Replica, Replica];
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  replicas = [await startReplica(), await startReplica()];
});

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

afterAll(async () => {
  for (const { server } of replicas ?? []) await server.stop(AbortSignal.timeout(10_000));
  await database?.close();
});

async function startReplica(): Promise<Replica> {
  let transactions = 0;
  const counting: Database = {
    ...database.app,
    withTenant: (context, fn) => {
      transactions += 1;
      return database.app.withTenant(context, fn);
    },
  };
  const edge = await startTestEdge(database, { database: counting });
  return { ...edge, transactions: () => transactions };
}

async function joinNodes(count: number) {
  const { tenantId, clusterId, text } = await newJoinToken(database, count + 1);
  const [{ port, keyring }] = replicas;
  const names = Array.from({ length: count }, (_, at) => `node-${at}`);
  const nodes = await Promise.all(names.map((name) => joinNode(port, keyring.caPin, text, name)));
  return { tenantId, clusterId, text, tokenId: text.split('_')[2] ?? '', nodes };
}

/** Both streams of a node; answers each update as it is told to. */
function openStreams(node: JoinedNode, port: number, answer?: 'ack' | 'nack') {
  const client = node.connect(port);
  closing.push(() => client.close());
  const revisions: number[] = [];
  const ends: string[] = [];
  const policies = client.Policies();
  const events = client.Events();
  for (const stream of [policies, events]) {
    stream.on('error', (error) => ends.push(errorFromGrpc(error).code));
  }
  events.on('data', () => {});
  policies.on('data', ({ update }: PoliciesResponse__Output) => {
    if (!update) return;
    revisions.push(Number(update.revision));
    const { nonce, revision } = update;
    if (answer === 'ack') policies.write({ ack: { nonce, revision, hooks: [] } });
    if (answer === 'nack')
      policies.write({ nack: { nonce, revision, code: 'BUNDLE_NOT_LOADED', message: 'no' } });
  });
  policies.write({ hello: { node: NODE, appliedRevision: '0' } });
  return { policies, revisions, ends };
}

type Streams = ReturnType<typeof openStreams>;

/** Its streams on each replica, once all that it reported is written: that ends streams too. */
async function openOnEach(node: JoinedNode) {
  const streams = [];
  for (const { port } of replicas) {
    const before = await lastSeen(node);
    streams.push(openStreams(node, port));
    await eventually(async () => expect(await lastSeen(node)).not.toEqual(before));
  }
  return streams;
}

async function haveEnded(streams: readonly { readonly ends: readonly string[] }[], code: string) {
  for (const { ends } of streams) {
    // The poll beside the wake-up comes after 10 s at the earliest.
    await eventually(() => expect(ends).toEqual([code, code]), { withinMs: 5_000 });
  }
}

/** A call with its certificate, which is the node's current one from then on. */
async function show(node: JoinedNode, port: number): Promise<void> {
  const client = node.connect(port);
  try {
    const stream = client.Events();
    stream.end();
    await new Promise((resolve, reject) => {
      stream
        .on('error', reject)
        .on('end', resolve)
        .on('data', () => {});
    });
  } finally {
    client.close();
  }
}

const inTenant = <T>(tenantId: string, fn: Parameters<typeof database.app.withTenant<T>>[1]) =>
  database.app.withTenant({ tenantId }, fn);

async function publish(tenantId: string): Promise<string> {
  const source = `version: 1.0.0
process:
  selectors:
    - {name: a, operation: [exec], processName: [a]}
  responses:
    - {match: [a], actions: [log]}
`;
  const { policy } = parsePolicy(source);
  if (!policy) throw new Error('the policy is refused');
  const normalised = Buffer.from(encodePolicy(policy));
  return inTenant(tenantId, async (tx) => {
    const version = { source, normalised, sha256: sha256(source), createdBy: 'test' };
    const made = await createPolicy(tx, { name: 'policy', ...version });
    return (await createAssignment(tx, assignmentOf(made.policy.id))).id;
  });
}

const idsOf = (nodes: readonly JoinedNode[]) => nodes.map(({ identity }) => identity.nodeId);

async function lastSeen({ identity }: JoinedNode): Promise<unknown> {
  const [row] = await database.admin`
    select last_seen_at from nodes where id = ${identity.nodeId}`;
  return row?.last_seen_at;
}

async function countInForce(tenantId: string, revision: number): Promise<number> {
  const [row] = await database.admin<{ count: number }[]>`
    select count(*)::int as count from nodes
    where tenant_id = ${tenantId} and applied_revision = ${revision} and applied_at is not null`;
  return row?.count ?? 0;
}

type Act = (tx: TenantTx, of: { nodeId: string; tokenId: string; clusterId: string }) => unknown;

describe('a node that is shut out', () => {
  it.each<readonly [string, string, Act]>([
    ['revoked', 'NODE_REVOKED', (tx, { nodeId }) => revokeNode(tx, nodeId)],
    ['put in quarantine', 'NODE_QUARANTINED', (tx, { nodeId }) => quarantineNode(tx, nodeId, 1)],
  ])(
    'has its open streams ended on every replica, where it is %s, and no other node has',
    async (_what, code, shutOut) => {
      const { tenantId, tokenId, clusterId, nodes } = await joinNodes(2);
      const [out, other] = nodes as [JoinedNode, JoinedNode];
      const streams = await openOnEach(out);
      const others = await openOnEach(other);
      const { nodeId } = out.identity;
      await inTenant(tenantId, async (tx) => shutOut(tx, { nodeId, tokenId, clusterId }));
      await haveEnded(streams, code);
      expect(others.flatMap(({ ends }) => ends)).toEqual([]);
    },
  );

  it.each<readonly [string, Act]>([
    ['their token', (tx, { tokenId }) => revokeNodesOfToken(tx, tokenId)],
    ['their cluster', (tx, { clusterId }) => revokeNodesOfCluster(tx, clusterId)],
  ])('has them ended with those of all the nodes of %s', async (_what, shutOut) => {
    const { tenantId, tokenId, clusterId, nodes } = await joinNodes(2);
    const streams = [];
    for (const node of nodes) streams.push(...(await openOnEach(node)));
    await inTenant(tenantId, async (tx) => shutOut(tx, { nodeId: '', tokenId, clusterId }));
    await haveEnded(streams, 'NODE_REVOKED');
  });

  it('has them ended where another has joined under its name since', async () => {
    const { nodes, text } = await joinNodes(1);
    const [former] = nodes as [JoinedNode];
    const streams = await openOnEach(former);
    await database.admin`update nodes set last_seen_at = now() - interval '10 minutes'
      where id = ${former.identity.nodeId}`;
    const [{ port, keyring }, replica] = replicas;
    const next = await joinNode(port, keyring.caPin, text, 'node-0');
    expect(next.identity.nodeId).toBe(former.identity.nodeId);
    await haveEnded(streams, 'NODE_REVOKED');
    const before = await lastSeen(next);
    const { ends } = openStreams(next, replica.port);
    await eventually(async () => expect(await lastSeen(next)).not.toEqual(before));
    expect(ends).toEqual([]);
  });

  it('has them ended too where the wake-up was lost with the connection', async () => {
    const { tenantId, nodes } = await joinNodes(1);
    const [node] = nodes as [JoinedNode];
    const { ends, revisions } = openStreams(node, replicas[0].port);
    await publish(tenantId);
    await eventually(() => expect(revisions).toEqual([1]));
    // Nobody is notified of this.
    await database.admin`update nodes set revoked_at = now(), state = 'revoked'
      where id = ${node.identity.nodeId}`;
    await database.admin`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query = 'listen "bulkhead_nodes"'`;
    await eventually(() => expect(ends).toEqual(['NODE_REVOKED', 'NODE_REVOKED']));
  });
});

describe('many nodes of a cluster whose certificates are known', () => {
  const COUNT = 30;

  it('cost few transactions, and all of them come to run what is published', async () => {
    const { tenantId, nodes } = await joinNodes(COUNT);
    const [replica] = replicas;
    await Promise.all(nodes.map((node) => show(node, replica.port)));
    const before = replica.transactions();
    const streams = nodes.map((node) => openStreams(node, replica.port, 'ack'));
    const assignmentId = await publish(tenantId);
    await eventually(async () => expect(await countInForce(tenantId, 1)).toBe(COUNT));
    await inTenant(tenantId, (tx) => deleteAssignment(tx, assignmentId));
    await eventually(async () => expect(await countInForce(tenantId, 2)).toBe(COUNT));
    for (const { revisions } of streams) expect(revisions).toEqual([1, 2]);
    // One for each call, Hello and Ack, and for what is published, would be 5 a node.
    expect(replica.transactions() - before).toBeLessThan(2 * COUNT);
  });

  it('are not offered again what they refused, but the next one', async () => {
    const { tenantId, nodes } = await joinNodes(1);
    const { revisions } = openStreams(nodes[0] as JoinedNode, replicas[0].port, 'nack');
    const assignmentId = await publish(tenantId);
    const [id = ''] = idsOf(nodes);
    const node = () => inTenant(tenantId, (tx) => getNode(tx, id));
    await eventually(async () => expect(await node()).toHaveProperty('lastNack.revision', 1));
    await inTenant(tenantId, (tx) => deleteAssignment(tx, assignmentId));
    await eventually(() => expect(revisions).toEqual([1, 2]));
    expect(await node()).toMatchObject({ appliedRevision: 0, state: 'active' });
  });

  it('are offered again what a heartbeat says they have lost', async () => {
    const { tenantId, nodes } = await joinNodes(1);
    const { policies, revisions } = openStreams(nodes[0] as JoinedNode, replicas[0].port, 'ack');
    await publish(tenantId);
    await eventually(async () => expect(await countInForce(tenantId, 1)).toBe(1));
    policies.write({ heartbeat: { appliedRevision: '0' } });
    await eventually(() => expect(revisions).toEqual([1, 1]));
    await eventually(async () => expect(await countInForce(tenantId, 1)).toBe(1));
  });
});

describe('a connection', () => {
  it('is ended once nothing has come from it for a while, whatever was open on it', async () => {
    const silenceMaxMs = 2_000;
    const { server, port } = await startTestEdge(database, { silenceMaxMs });
    closing.push(() => server.stop(AbortSignal.timeout(10_000)));
    const { nodes } = await joinNodes(2);
    const [silent, alive] = nodes.map((node) => openStreams(node, port)) as [Streams, Streams];
    const heartbeat = { heartbeat: { appliedRevision: '0' } };
    const beating = setInterval(() => alive.policies.write(heartbeat), silenceMaxMs / 10);
    closing.push(() => clearInterval(beating));
    await eventually(() => expect(silent.ends).toHaveLength(2));
    expect(silent.ends).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
    expect(alive.ends).toEqual([]);
  });
});

describe('reports of nodes', () => {
  it('are written for those that live, unless something later is known', async () => {
    const { tenantId, nodes } = await joinNodes(4);
    const [id = '', ...shutOut] = idsOf(nodes);
    const [revoked = '', cloned = '', released = ''] = shutOut;
    const record = (appliedRevision: number, agoMs: number) =>
      inTenant(tenantId, (tx) => {
        const report = { appliedRevision, heardAt: performance.now() - agoMs };
        return recordReports(tx, new Map(idsOf(nodes).map((node) => [node, report])));
      });
    await inTenant(tenantId, async (tx) => {
      await revokeNode(tx, revoked);
      for (const node of [cloned, released]) await quarantineNode(tx, node, 1);
      await releaseNode(tx, released);
    });
    expect(await record(5, 1_000)).toEqual([id]);
    // It was on another replica before, which could not write until now.
    expect(await record(4, 60_000)).toEqual([id]);
    const node = () => inTenant(tenantId, (tx) => getNode(tx, id));
    expect(await node()).toMatchObject({ appliedRevision: 5, state: 'joined' });
    expect(await record(6, 0)).toEqual([id]);
    expect(await node()).toMatchObject({ appliedRevision: 6 });
    const seen = (await node()).lastSeenAt;
    // A later one, which took longer to be written.
    expect(await record(7, 500)).toEqual([id]);
    expect(await node()).toMatchObject({ appliedRevision: 7, lastSeenAt: seen });
    for (const out of shutOut) {
      const gone = await inTenant(tenantId, (tx) => getNode(tx, out));
      expect(gone).toMatchObject({ appliedRevision: 0 });
    }
  });
});
