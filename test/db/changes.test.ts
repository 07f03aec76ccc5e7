import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { recordAlert, setAlertStatus } from '../../control-plane/store/alerts.js';
import { revokeApiKey, touchApiKey } from '../../control-plane/store/api-keys.js';
import {
  createAssignment,
  deleteAssignment,
  updateAssignment,
} from '../../control-plane/store/assignments.js';
import {
  type Change,
  endOfChanges,
  readChanges,
  readTenantChanges,
  trimChanges,
} from '../../control-plane/store/changes.js';
import { createCluster, updateCluster } from '../../control-plane/store/clusters.js';
import type { LogPosition } from '../../control-plane/store/event-cursors.js';
import { deleteMember, updateMember } from '../../control-plane/store/members.js';
import { revokeNode } from '../../control-plane/store/nodes.js';
import { addPolicyVersion, createPolicy } from '../../control-plane/store/policies.js';
import { updateTenant } from '../../control-plane/store/tenants.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { recordAck, recordHeartbeat, recordHello, recordNack } from '../support/node-reports.js';
import {
  assignmentOf,
  createWorld,
  NODE_FACTS,
  policyVersionOf,
  sightingOf,
  type World,
} from '../support/store-world.js';

let database: TestDatabase;
let world: World;
let start: LogPosition;

beforeAll(async () => {
  database = await createTestDatabase();
  world = await createWorld(database);
});

beforeEach(async () => {
  start = await database.app.withPlatform(endOfChanges);
});

afterAll(() => database?.close());

function act<T>(fn: (tx: TenantTx) => Promise<T>): Promise<T> {
  return database.app.withTenant(world, fn);
}

async function read(after = start, tenantIds = [world.tenantId], limit = 100) {
  return database.app.withPlatform((tx) => readChanges(tx, after, tenantIds, limit));
}

/** `topic.kind`, in their order; a transaction elsewhere on the server may hold them back a while. */
async function expectChanges(expected: readonly string[]): Promise<readonly Change[]> {
  return eventually(async () => {
    const { changes } = await read();
    expect(changes.map(({ topic, kind }) => `${topic}.${kind}`)).toEqual(expected);
    return changes;
  });
}

describe('a change is written down', () => {
  it('of what is shown, in its transaction, with its cluster', async () => {
    const { id } = await act((tx) => createCluster(tx, { name: 'seen' }));
    await act((tx) => updateCluster(tx, id, { labels: { env: 'prod' } }, () => {}));
    await act((tx) => addPolicyVersion(tx, world.policyId, policyVersionOf('two')));
    await act((tx) => setAlertStatus(tx, world.alertId, 'acknowledged'));
    await act((tx) => recordAck(tx, world.nodeId, { revision: 7, hooks: NODE_FACTS.hooks }));
    const nack = { revision: 8, code: 'BUNDLE_NOT_LOADED', message: 'no' };
    await act((tx) => recordNack(tx, world.nodeId, nack));
    await act((tx) => revokeNode(tx, world.nodeId));
    const changes = await expectChanges([
      'clusters.created',
      'clusters.updated',
      'policies.updated',
      'alerts.updated',
      'nodes.updated',
      'nodes.updated',
      'nodes.updated',
    ]);
    const { clusterId, policyId, alertId, nodeId } = world;
    const places = changes.map((change) => [change.id, change.clusterId]);
    expect(places).toEqual([
      [id, id],
      [id, id],
      [policyId, undefined],
      [alertId, clusterId],
      ...Array.from({ length: 3 }, () => [nodeId, clusterId]),
    ]);
  });

  it('of assignments, and not of what is derived of them', async () => {
    const assignment = assignmentOf(world.policyId, { name: 'another' });
    const { id } = await act((tx) => createAssignment(tx, assignment));
    await act((tx) => updateAssignment(tx, id, { mode: 'observe' }));
    await act((tx) => deleteAssignment(tx, id));
    await expectChanges(['assignments.created', 'assignments.updated', 'assignments.deleted']);
  });

  it('once where a transaction changes a thing often, and not where it is undone', async () => {
    const { clusterId, nodeId, groupKey } = world;
    await database.worker.withTenant(world, async (tx) => {
      for (let count = 0; count < 50; count += 1) {
        await recordAlert(tx, sightingOf(clusterId, nodeId, { groupKey }));
      }
    });
    const undone = act(async (tx) => {
      await createCluster(tx, { name: 'never' });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await expectChanges(['alerts.updated']);
  });

  it('of a key that is revoked, not of one that is used', async () => {
    await act((tx) => touchApiKey(tx, world.apiKeyId));
    await act((tx) => revokeApiKey(tx, world.apiKeyId));
    await expectChanges(['callers.updated']);
  });

  it('of a member who is changed or removed, and of a tenant that is suspended', async () => {
    const { memberId, sessionId, tenantId } = world;
    await act((tx) => updateMember(tx, memberId, { disabled: true }, () => {}));
    await act((tx) => deleteMember(tx, memberId, () => {}));
    for (const suspended of [true, false]) {
      await database.app.withPlatform((tx) => updateTenant(tx, tenantId, { suspended }));
    }
    await database.app.withPlatform((tx) => updateTenant(tx, tenantId, { name: 'renamed' }));
    const changes = await expectChanges([
      'callers.updated',
      // Of their session.
      'callers.deleted',
      'callers.deleted',
      'callers.updated',
      'callers.updated',
    ]);
    expect(changes.map(({ id }) => id)).toEqual([
      ...[memberId, sessionId, memberId],
      ...[tenantId, tenantId],
    ]);
  });

  it('not of a node that says that it is there', async () => {
    const other = await createWorld(database);
    const hello = { ...NODE_FACTS, appliedRevision: 3 };
    await database.app.withTenant(other, (tx) => recordHello(tx, other.nodeId, hello));
    const losses = { emitted: '1', acknowledged: '1', dropped: [] };
    const after = await eventually(async () => {
      const { changes, next } = await read(start, [other.tenantId]);
      expect(changes.at(-1)).toMatchObject({ topic: 'nodes', kind: 'updated' });
      return next;
    });
    for (let beat = 0; beat < 10; beat += 1) {
      const heartbeat = { appliedRevision: 3, losses: { ...losses, emitted: String(beat) } };
      await database.app.withTenant(other, (tx) => recordHeartbeat(tx, other.nodeId, heartbeat));
    }
    await database.app.withTenant(other, (tx) => createCluster(tx, { name: 'later' }));
    await eventually(async () => {
      const { changes } = await read(after, [other.tenantId]);
      expect(changes.map(({ topic }) => topic)).toEqual(['clusters']);
    });
  });
});

describe('reading', () => {
  it('never passes a late commit over', async () => {
    let commit = () => {};
    const held = new Promise<void>((resolve) => {
      commit = resolve;
    });
    let isWritten = () => {};
    const written = new Promise<void>((resolve) => {
      isWritten = resolve;
    });
    const early = act(async (tx) => {
      await updateCluster(tx, world.clusterId, { labels: { begun: 'first' } }, () => {});
      isWritten();
      await held;
    });
    await written;
    await act((tx) => createPolicy(tx, { name: 'done first', ...policyVersionOf('one') }));
    const meanwhile = await read();
    expect(meanwhile.changes).toEqual([]);
    commit();
    await early;
    const changes = await eventually(async () => {
      const rest = await read(meanwhile.next);
      expect(rest.changes).toHaveLength(2);
      return rest.changes;
    });
    const [first, second] = changes.map(({ position }) => BigInt(position.xid));
    expect(Number(first) < Number(second)).toBe(true);
  });

  it('goes page by page, without gap and without repeat', async () => {
    for (let n = 0; n < 7; n += 1) await act((tx) => createCluster(tx, { name: `page ${n}` }));
    const all = await expectChanges(Array.from({ length: 7 }, () => 'clusters.created'));
    const seen: string[] = [];
    let after = start;
    for (let page = 0; page < 4; page += 1) {
      const { changes, next } = await read(after, [world.tenantId], 2);
      seen.push(...changes.map(({ id }) => id));
      after = next;
    }
    expect(seen).toEqual(all.map(({ id }) => id));
  });

  it('gives a tenant its own only, whoever is asked for', async () => {
    const theirs = await createWorld(database);
    await eventually(async () => {
      expect((await read(start, [theirs.tenantId])).changes.length).toBeGreaterThan(3);
    });
    const topics = ['clusters', 'nodes', 'alerts', 'policies'];
    const own = await act((tx) => readTenantChanges(tx, start, topics, 100));
    expect(own.changes).toEqual([]);
    const both = await read(start, [world.tenantId, theirs.tenantId]);
    expect(new Set(both.changes.map(({ tenantId }) => tenantId))).toEqual(
      new Set([theirs.tenantId]),
    );
  });

  it('says where it may have forgotten something', async () => {
    await act((tx) => createCluster(tx, { name: 'to be forgotten' }));
    const [change] = await expectChanges(['clusters.created']);
    const now = (await read()).next;
    expect((await read()).incomplete).toBe(false);
    expect(await trimChanges(database.worker, new Date(Date.now() - 3_600_000))).toBe(0);
    await database.admin`update changes set created_at = now() - interval '2 hours'`;
    expect(await trimChanges(database.worker, new Date(Date.now() - 3_600_000))).toBeGreaterThan(0);
    expect(await read()).toMatchObject({ changes: [], incomplete: true });
    expect((await read(change?.position)).incomplete).toBe(false);
    expect((await read(now)).incomplete).toBe(false);
    expect((await read({ xid: '18446744073709551615', id: 0n })).incomplete).toBe(true);
    // What nothing is left of moves the mark neither on nor back.
    expect(await trimChanges(database.worker, new Date())).toBe(0);
    expect((await read()).incomplete).toBe(true);
  });
});
