import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  leaseAlertChanges,
  listAlertChanges,
  registerAlertConsumer,
} from '../../control-plane/store/alert-changes.js';
import {
  type AlertSighting,
  getAlert,
  listAlerts,
  recordAlert,
  setAlertStatus,
} from '../../control-plane/store/alerts.js';
import { completeLease, releaseLease } from '../../control-plane/store/event-cursors.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { newCluster, sha256, sightingOf } from '../support/store-world.js';

let database: TestDatabase;
let tenantId = '';
let clusterId = '';
const nodeId = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.close());

beforeEach(async () => {
  await database.clear();
  tenantId = (await database.newTenant()).id;
  ({ clusterId } = await newCluster(database, tenantId));
});

const record = (more: Partial<AlertSighting> = {}) =>
  database.worker.withTenant({ tenantId }, (tx) =>
    recordAlert(tx, sightingOf(clusterId, nodeId, more)),
  );
const read = (id: string) => database.app.withTenant({ tenantId }, (tx) => getAlert(tx, id));
const setStatus = (id: string, status: 'open' | 'acknowledged' | 'closed') =>
  database.app.withTenant({ tenantId }, (tx) => setAlertStatus(tx, id, status));
const at = (second: number) => new Date(1_780_000_000_000 + second * 1000);

describe('recordAlert', () => {
  it('counts the sightings of a group in one alert, exactly, from many workers at once', async () => {
    const recorded = await Promise.all(Array.from({ length: 40 }, () => record({ eventCount: 3 })));
    expect(recorded.filter(({ created }) => created)).toHaveLength(1);
    const ids = new Set(recorded.map(({ alertId }) => alertId));
    expect(ids.size).toBe(1);
    expect((await read([...ids][0] ?? '')).eventCount).toBe(120);
  });

  it('opens one for each group and each tenant', async () => {
    const other = (await database.newTenant()).id;
    const { clusterId: otherCluster } = await newCluster(database, other);
    await record();
    expect(await record({ groupKey: sha256('other') })).toMatchObject({ created: true });
    const theirs = await database.worker.withTenant({ tenantId: other }, (tx) =>
      recordAlert(tx, sightingOf(otherCluster, nodeId)),
    );
    expect(theirs.created).toBe(true);
  });

  it('keeps first and last by their time, not by when they came', async () => {
    const { alertId } = await record(seen('b', at(10), { title: 'b', severity: 'high' }));
    await record(seen('a', at(1), { title: 'a', severity: 'low' }));
    expect(await read(alertId)).toMatchObject({
      firstEventId: 'a',
      firstSeenAt: at(1),
      lastEventId: 'b',
      lastSeenAt: at(10),
      title: 'b',
      severity: 'high',
    });
    await record(seen('c', at(20), { title: 'c', severity: 'critical' }));
    expect(await read(alertId)).toMatchObject({
      firstEventId: 'a',
      lastEventId: 'c',
      lastSeenAt: at(20),
      title: 'c',
      severity: 'critical',
      eventCount: 3,
    });
  });

  it('adds to one that is acknowledged and opens a new one beside one that is closed', async () => {
    const { alertId } = await record();
    await setStatus(alertId, 'acknowledged');
    expect(await record()).toEqual({ alertId, created: false });
    expect((await read(alertId)).status).toBe('acknowledged');
    await setStatus(alertId, 'closed');
    const next = await record();
    expect(next.created).toBe(true);
    await expect(setStatus(alertId, 'open')).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('bears what a container may be called', async () => {
    const { alertId } = await record({
      title: 'nul \u0000, half \ud800',
      document: { 'key\u0000': ['nul \u0000', { half: '\udfff', text: '\\u0000' }] },
    });
    expect(await read(alertId)).toMatchObject({
      title: 'nul \ufffd, half \ufffd',
      document: { 'key\ufffd': ['nul \ufffd', { half: '\ufffd', text: '\\u0000' }] },
    });
  });
});

describe('listAlerts', () => {
  it('pages through all, newest first, within its filter', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      const { alertId } = await record({ groupKey: sha256(String(index)) });
      ids.unshift(alertId);
    }
    await setStatus(ids[3] ?? '', 'closed');
    const paged: string[] = [];
    let after: string | undefined;
    do {
      const page = await database.app.withTenant({ tenantId }, (tx) =>
        listAlerts(tx, { status: 'open', clusterId, limit: 2, after }),
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      paged.push(...page.items.map(({ id }) => id));
      after = page.nextCursor;
    } while (after !== undefined);
    expect(paged).toEqual(ids.filter((id) => id !== ids[3]));
  });
});

describe('changes of alerts', () => {
  const CONSUMER = 'test-alerts';
  const lease = (leaseMs = 60_000) =>
    leaseAlertChanges(database.worker, CONSUMER, { maxChanges: 10, leaseMs });

  beforeEach(() => database.worker.withPlatform((tx) => registerAlertConsumer(tx, CONSUMER)));

  it('come in their order, each alert in its last state, and again until they are done', async () => {
    const first = await record({ groupKey: sha256('1') });
    const second = await record({ groupKey: sha256('2') });
    await record({ groupKey: sha256('1') });
    const leased = await lease();
    expect(leased?.changes.map(({ alert }) => [alert.id, alert.eventCount])).toEqual([
      [second.alertId, 1],
      [first.alertId, 2],
    ]);
    expect(await lease()).toBeUndefined();
    if (!leased) throw new Error('no lease');
    await releaseLease(database.worker, leased);
    const again = await lease();
    expect(again?.changes).toEqual(leased.changes);
    if (!again) throw new Error('no lease');
    await completeLease(database.worker, again);
    expect(await lease()).toBeUndefined();
    await setStatus(first.alertId, 'closed');
    const closed = await lease();
    expect(closed?.changes.map(({ alert }) => alert)).toEqual([
      expect.objectContaining({ id: first.alertId, status: 'closed', tenantId }),
    ]);
    expect(closed?.changes[0]?.alert.changeId).toBeGreaterThan(leased.last.id);
  });

  it('are given to one of many that ask at the same time', async () => {
    await record();
    const ASKERS = 8;
    await Promise.all(Array.from({ length: ASKERS }, () => database.worker.ping()));
    const leases = await Promise.all(Array.from({ length: ASKERS }, () => lease()));
    expect(leases.filter((each) => each !== undefined)).toHaveLength(1);
  });

  it('keep nobody waiting for a cursor that another transaction holds', async () => {
    await record();
    await database.admin.begin(async (sql) => {
      await sql`select from event_cursors where consumer = ${CONSUMER} for update`;
      // Fails the wait, rather than the time of the test, where there is one.
      await sql`set local idle_in_transaction_session_timeout = '5s'`;
      expect(await lease()).toBeUndefined();
    });
    expect(await lease()).toBeDefined();
  });

  it('go to another once the lease is over', async () => {
    const { alertId } = await record();
    const first = await lease(1);
    if (!first) throw new Error('no lease');
    const second = await eventually(async () => {
      const leased = await lease();
      if (!leased) throw new Error('not yet over');
      return leased;
    });
    expect(second.changes.map(({ alert }) => alert.id)).toEqual([alertId]);
    await expect(completeLease(database.worker, first)).rejects.toMatchObject({ code: 'CONFLICT' });
    await releaseLease(database.worker, first);
    expect(await lease()).toBeUndefined();
    await completeLease(database.worker, second);
    expect(await lease()).toBeUndefined();
  });

  it('do not pass over one whose transaction commits late', async () => {
    let inTheMeantime: readonly unknown[] = [];
    const late = await database.worker.withTenant({ tenantId }, async (tx) => {
      const made = await recordAlert(tx, sightingOf(clusterId, nodeId, { groupKey: sha256('1') }));
      await record({ groupKey: sha256('2') });
      inTheMeantime = await database.worker.withPlatform((other) =>
        listAlertChanges(other, undefined, 10),
      );
      return made;
    });
    expect(inTheMeantime).toEqual([]);
    const changes = await database.worker.withPlatform((tx) => listAlertChanges(tx, undefined, 10));
    expect(changes).toHaveLength(2);
    expect(changes[0]?.alert.id).toBe(late.alertId);
  });
});

function seen(id: string, time: Date, more: Partial<AlertSighting>): Partial<AlertSighting> {
  return { firstEventId: id, lastEventId: id, firstSeenAt: time, lastSeenAt: time, ...more };
}
