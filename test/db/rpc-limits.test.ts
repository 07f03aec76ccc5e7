import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { compilePolicy } from '../../control-plane/domain/policies.js';
import type { Rates } from '../../control-plane/domain/rates.js';
import { createMetrics } from '../../control-plane/metrics/metrics.js';
import { createAssignment } from '../../control-plane/store/assignments.js';
import { createPolicy } from '../../control-plane/store/policies.js';
import { identify } from '../../node-agent/uplink/identify.js';
import { IdentityStore } from '../../node-agent/uplink/identity.js';
import type { EventsResponse__Output } from '../../proto/ts/gen/bulkhead/v1/EventsResponse.js';
import type { PoliciesResponse__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type JoinedNode, joinNode, NODE, newJoinToken, startTestEdge } from '../support/edge.js';
import { eventually } from '../support/eventually.js';
import { UNLIMITED } from '../support/rates.js';
import { assignmentOf } from '../support/store-world.js';

const POLICY =
  'process: {selectors: [{name: a, operation: [exec]}], responses: [{match: [a], actions: [log]}]}';

let database: TestDatabase;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

afterAll(() => database?.close());

async function edgeWith(rates: Partial<Rates>) {
  const { rpc, limits } = createMetrics();
  const edge = await startTestEdge(database, {
    metrics: rpc,
    limits,
    rates: { ...UNLIMITED, ...rates },
  });
  closing.push(() => edge.server.stop(AbortSignal.timeout(10_000)));
  const limited = async (limit: string): Promise<number> => {
    const { values } = await limits.limited.get();
    return values.find(({ labels }) => labels.limit === limit)?.value ?? 0;
  };
  return { ...edge, caPin: edge.keyring.caPin, limited };
}

/** An event stream that sends batches of so many bytes, and the sequences that were acknowledged. */
function openEvents(node: JoinedNode, port: number) {
  const client = node.connect(port);
  closing.push(() => client.close());
  const call = client.Events();
  const bootId = randomUUID();
  const acknowledged: number[] = [];
  const refused: string[] = [];
  call.on('error', (error) => refused.push(error.message));
  call.on('data', ({ ack, reject }: EventsResponse__Output) => {
    if (ack) acknowledged.push(Number(ack.sequence));
    if (reject) refused.push(reject.code);
  });
  let sequence = 0;
  return {
    acknowledged,
    refused,
    send(bytes: number) {
      sequence += 1;
      call.write({
        batch: {
          bootId,
          sequence: String(sequence),
          kind: 'BATCH_KIND_TELEMETRY',
          eventCount: 1,
          createdUnixMs: String(Date.now()),
          payload: Buffer.alloc(bytes, 1),
        },
      });
    },
  };
}

describe('joins', () => {
  it('are limited by tenant, and another tenant is not', async () => {
    const edge = await edgeWith({ tenantJoins: 2 });
    const token = await newJoinToken(database, 10);
    for (const name of ['one', 'two']) await joinNode(edge.port, edge.caPin, token.text, name);
    await expect(joinNode(edge.port, edge.caPin, token.text, 'three')).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      details: { retryAfterMs: 30_000 },
    });
    const [row] = await database.admin`
      select uses from join_tokens where tenant_id = ${token.tenantId}`;
    expect(row).toEqual({ uses: 2 });
    const other = await newJoinToken(database);
    await joinNode(edge.port, edge.caPin, other.text);
    expect(await edge.limited('join-tenant')).toBe(1);
  });

  it('are limited by address before anything else, and the agent comes back when it may', async () => {
    const edge = await edgeWith({ addressJoins: 20 });
    const malformed = () => joinNode(edge.port, edge.caPin, 'bkh_jt_nonsense');
    for (;;) {
      const error = await malformed().catch(({ code }: { code: string }) => code);
      if (error === 'RESOURCE_EXHAUSTED') break;
      expect(error).toBe('JOIN_TOKEN_MALFORMED');
    }
    expect(await edge.limited('join-address')).toBe(1);
    const directory = mkdtempSync(joinPath(tmpdir(), 'bulkhead-join-'));
    closing.push(() => rmSync(directory, { recursive: true }));
    const { text: joinToken } = await newJoinToken(database);
    const waits: number[] = [];
    const log = pino(
      { level: 'warn' },
      { write: (line) => waits.push(JSON.parse(line).waitMs as number) },
    );
    const identity = await identify(
      {
        controlPlane: { host: '127.0.0.1', port: edge.port },
        joinToken,
        caPin: edge.caPin,
        node: NODE,
        store: new IdentityStore(directory),
        log,
      },
      new AbortController().signal,
    );
    expect(identity?.nodeId).toBeDefined();
    expect(waits.length).toBeGreaterThan(0);
    // It was told three seconds, of which some may have passed before.
    for (const waitMs of waits) expect(waitMs).toBeGreaterThanOrEqual(1000);
  });
});

describe('events', () => {
  it('that come too fast wait, and none is refused or lost', async () => {
    const edge = await edgeWith({ eventBytes: 100_000 });
    const token = await newJoinToken(database, 2);
    const nodes = [
      await joinNode(edge.port, edge.caPin, token.text, 'one'),
      await joinNode(edge.port, edge.caPin, token.text, 'two'),
    ];
    const startedAt = performance.now();
    const streams = nodes.map((node) => openEvents(node, edge.port));
    const [each, count] = [25_000, 8];
    for (const stream of streams) for (let n = 0; n < count; n += 1) stream.send(each);
    const other = await newJoinToken(database);
    const quick = openEvents(await joinNode(edge.port, edge.caPin, other.text), edge.port);
    quick.send(10);
    await eventually(() => expect(quick.acknowledged).toEqual([1]));
    expect(streams.flatMap(({ acknowledged }) => acknowledged).length).toBeLessThan(2 * count);
    await eventually(() => {
      for (const { acknowledged } of streams) {
        expect(acknowledged).toEqual(Array.from({ length: count }, (_, index) => index + 1));
      }
    });
    // 400 kB, of which 200 come at once.
    expect(performance.now() - startedAt).toBeGreaterThan(1_900);
    expect(streams.flatMap(({ refused }) => refused)).toEqual([]);
    const [stored] = await database.admin`
      select count(*)::int, sum(octet_length(payload))::int as bytes from event_batches
      where tenant_id = ${token.tenantId}`;
    expect(stored).toEqual({ count: 2 * count, bytes: 2 * count * each });
    expect(await edge.limited('event-bytes')).toBeGreaterThan(0);
  });

  it('do not hold a replica up that is to end', async () => {
    const edge = await edgeWith({ eventBatches: 1 });
    const token = await newJoinToken(database);
    const stream = openEvents(await joinNode(edge.port, edge.caPin, token.text), edge.port);
    for (let n = 0; n < 30; n += 1) stream.send(10);
    await eventually(async () => expect(await edge.limited('event-batches')).toBeGreaterThan(0));
    const startedAt = performance.now();
    const cut = new AbortController();
    await edge.server.stop(cut.signal);
    // At one a second it would be half a minute.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
    expect(cut.signal.aborted).toBe(false);
  });
});

describe('policies', () => {
  it('come to a tenant that is over every limit', async () => {
    const edge = await edgeWith({
      tenantJoins: 1,
      addressJoins: 1,
      eventBytes: 100,
      eventBatches: 1,
    });
    const token = await newJoinToken(database, 5);
    const node = await joinNode(edge.port, edge.caPin, token.text);
    await expect(joinNode(edge.port, edge.caPin, token.text, 'two')).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    const events = openEvents(node, edge.port);
    for (let n = 0; n < 20; n += 1) events.send(1000);
    await eventually(async () => expect(await edge.limited('event-bytes')).toBeGreaterThan(0));

    const client = node.connect(edge.port);
    closing.push(() => client.close());
    const policies = client.Policies();
    const revisions: string[] = [];
    policies.on('error', () => {});
    policies.on('data', ({ update }: PoliciesResponse__Output) => {
      if (!update) return;
      revisions.push(update.revision);
      policies.write({ ack: { nonce: update.nonce, hooks: [] } });
    });
    policies.write({ hello: { node: NODE, appliedRevision: '0' } });
    const { policy: _policy, warnings: _warnings, ...compiled } = compilePolicy(POLICY);
    const version = { ...compiled, source: POLICY, createdBy: 'test' };
    const { tenantId } = token;
    for (const mode of ['observe', 'enforce'] as const) {
      const before = revisions.length;
      await database.app.withTenant({ tenantId }, async (tx) => {
        const { policy } = await createPolicy(tx, { name: mode, ...version });
        await createAssignment(tx, assignmentOf(policy.id, { name: mode, mode }));
      });
      await eventually(() => expect(revisions.length).toBeGreaterThan(before));
    }
    expect(events.acknowledged.length).toBeLessThan(20);
  });
});
