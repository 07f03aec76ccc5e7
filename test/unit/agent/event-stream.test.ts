import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { loadAgentService } from '../../../control-plane/rpc/service.js';
import { LossCounter } from '../../../node-agent/events/loss-counter.js';
import { Spool } from '../../../node-agent/events/spool.js';
import { eventSession } from '../../../node-agent/uplink/event-stream.js';
import type { AgentServiceClient } from '../../../node-agent/uplink/service.js';
import type { Batch__Output } from '../../../proto/ts/gen/bulkhead/v1/Batch.js';
import { type FakeEventSink, startFakeEventSink } from '../../fakes/event-sink.js';
import { eventually } from '../../support/eventually.js';

const log = pino({ level: 'silent' });

describe('the event stream', () => {
  let directory: string;
  let sink: FakeEventSink;
  let spool: Spool;
  let losses: LossCounter;
  let client: AgentServiceClient;
  let stopped: AbortController;
  let session: Promise<number>;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bulkhead-events-'));
    sink = await startFakeEventSink();
    losses = new LossCounter();
    spool = await Spool.open({
      directory,
      maxBytes: 1024 * 1024,
      bootId: randomUUID(),
      losses,
      log,
    });
    const Client = grpc.makeGenericClientConstructor(loadAgentService(), 'AgentService');
    // The generic constructor's methods are those of the generated type.
    client = new Client(
      `127.0.0.1:${sink.port}`,
      grpc.credentials.createInsecure(),
    ) as grpc.Client as AgentServiceClient;
    begin();
  });

  afterEach(async () => {
    stopped.abort();
    await session.catch(() => {});
    client.close();
    sink.stop();
    await spool.close();
    rmSync(directory, { recursive: true });
  });

  function begin(): void {
    stopped = new AbortController();
    session = eventSession({ client, spool, log }, stopped.signal);
    session.catch(() => {});
  }

  async function append(count: number, kind: 'alert' | 'telemetry' = 'telemetry') {
    for (let index = 0; index < count; index += 1) {
      await spool.append({
        kind,
        eventCount: 3,
        createdUnixMs: 1_700_000_000_000,
        ring: { name: 'telemetry', instance: 1n, position: 8n },
        payload: Buffer.from([index]),
      });
    }
  }

  const arrived = (count: number): Promise<readonly Batch__Output[]> =>
    eventually(() => {
      expect(sink.received).toHaveLength(count);
      return sink.received;
    });

  it('sends batches as they are, and forgets them once they are acknowledged', async () => {
    await append(1, 'alert');
    const [batch] = await arrived(1);
    expect(batch).toMatchObject({
      sequence: '1',
      kind: 'BATCH_KIND_ALERT',
      eventCount: 3,
      createdUnixMs: '1700000000000',
      payload: Buffer.from([0]),
    });
    expect(spool.openEvents).toBe(3);
    sink.acknowledge();
    await eventually(() => expect(spool.openEvents).toBe(0));
    expect(losses.report()).toMatchObject({ emitted: 3n, acknowledged: 3n });
  });

  it('has no more under way than it has credit for', async () => {
    await append(40);
    await arrived(32);
    sink.acknowledge(1, 8);
    await append(1);
    // Nothing more comes while 31 are under way and 8 are allowed.
    for (let left = 31; left >= 8; left -= 1) {
      expect(sink.received).toHaveLength(32);
      sink.acknowledge(1, 8);
      await eventually(() => expect(spool.openEvents).toBe(3 * (left - 1 + 9)));
    }
    await arrived(33);
  });

  it('counts a refused batch as lost, and goes on', async () => {
    await append(2);
    await arrived(2);
    sink.refuse();
    sink.acknowledge();
    await eventually(() => expect(spool.openEvents).toBe(0));
    const report = losses.report();
    expect(report.acknowledged).toBe(3n);
    expect(report.dropped.get('batch_rejected')).toBe(3n);
  });

  it('sends again what was not acknowledged when the stream broke, under its name', async () => {
    await append(3);
    const first = [...(await arrived(3))];
    sink.acknowledge();
    await eventually(() => expect(spool.openEvents).toBe(6));
    sink.breakStream();
    await expect(session).rejects.toThrow();
    begin();
    const all = await arrived(5);
    expect(all.slice(3)).toEqual(first.slice(1));
  });

  it('goes elsewhere when it is told to, after the delay that it was told', async () => {
    await append(1);
    await arrived(1);
    sink.reconnect(1234);
    await expect(session).resolves.toBe(1234);
    begin();
    await arrived(2);
  });

  it('ends when the signal aborts, and holds nothing back', async () => {
    await append(1);
    await arrived(1);
    stopped.abort();
    await session.catch(() => {});
    expect(await spool.next()).toMatchObject({ sequence: 1n });
  });
});
