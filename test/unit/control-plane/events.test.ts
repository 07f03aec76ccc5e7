import { describe, expect, it } from '@jest/globals';
import { eventsFromBatch } from '../../../control-plane/domain/ecs.js';
import { textFromBytes } from '../../../control-plane/domain/event-batches.js';
import {
  bytes,
  decode,
  documentOf,
  drift,
  encode,
  fileBatch,
  findings,
  origin,
  receivedAt,
} from './batches.js';

/** The process of `drift` is in another session, or that has another terminal. */
function sessionDocument(change: object) {
  const [exec] = drift.events;
  const process = { ...exec?.process, ...change };
  const event = { ...exec, kind: 'EVENT_KIND_SESSION', verdict: 'VERDICT_ALLOWED', actions: 1 };
  return documentOf({ ...drift, events: [{ ...event, fired: [], process }] });
}

describe('eventsFromBatch', () => {
  it('tells of another session and of another terminal', () => {
    expect(sessionDocument({ sessionLeaderChanged: true, sessionLeaderPid: 100 })).toMatchObject({
      event: { category: ['process'], type: ['change'], action: 'session_id_change' },
      process: { session_leader: { pid: 100 } },
      bulkhead: { session: { leader_changed: true, terminal_changed: false } },
    });
    expect(sessionDocument({ terminalChanged: true })).toMatchObject({
      event: { category: ['process'], type: ['change'], action: 'terminal_change' },
      process: { tty: { char_device: { major: 136, minor: 3 } } },
      bulkhead: { session: { leader_changed: false, terminal_changed: true } },
    });
  });

  it('gives an ECS document of an event', () => {
    const [event] = eventsFromBatch(decode(encode(drift)), origin);
    expect(event).toMatchObject({ kind: 'exec', verdict: 'killed', executable: '/tmp/payload' });
    expect(event?.document).toMatchObject({
      '@timestamp': '2026-05-05T09:59:59.123Z',
      event: {
        kind: 'alert',
        category: ['process'],
        type: ['start', 'denied'],
        action: 'exec',
        outcome: 'failure',
      },
      process: {
        pid: 100,
        executable: '/tmp/payload',
        args: ['/tmp/payload', 'a\xff'],
        parent: { pid: 90, executable: '/bin/sh' },
        user: { id: '1000' },
        real_user: { id: '1001' },
        real_group: { id: '0' },
        thread: {
          capabilities: { effective: ['CAP_SYS_ADMIN', 'CAP_63'], permitted: ['CAP_CHOWN'] },
        },
        tty: { char_device: { major: 136, minor: 3 } },
        working_directory: '/bin/sh',
      },
      container: {
        id: 'c0ffee',
        image: { name: 'registry.example/shop/web', tag: ['1.2'], hash: { all: ['sha256:abc'] } },
      },
      orchestrator: {
        cluster: { id: 'cluster-1', name: 'production' },
        namespace: 'shop',
        resource: { name: 'web-5d', type: 'pod' },
      },
      host: { id: 'node-1', name: 'worker-7' },
      organization: { id: 'tenant-1' },
      bulkhead: {
        verdict: 'killed',
        actions: ['log', 'alert', 'block'],
        executable_origin: 'writable',
        executable: { inode: '77', mode: '4755', setuid: true, setgid: false, unlinked: true },
      },
    });
  });

  it('says nothing of credentials that an older agent did not tell', () => {
    const [exec] = drift.events;
    const { credentials: _, ...process } = exec?.process ?? {};
    const older = { ...drift, events: [{ ...exec, process }] };
    const [event] = eventsFromBatch(decode(encode(older)), origin);
    for (const name of ['real_user', 'real_group', 'thread']) {
      expect(event?.document).not.toHaveProperty(['process', name]);
    }
  });

  it('adds nothing to the events of an agent that tells neither operations nor files', () => {
    const [event] = eventsFromBatch(decode(encode(drift)), origin);
    for (const name of ['file', 'dll']) expect(event?.document).not.toHaveProperty(name);
    for (const name of ['operations', 'suppressed', 'file']) {
      expect(event?.document).not.toHaveProperty(['bulkhead', name]);
    }
  });

  it('names an event the same whenever its batch arrives, and each event of a batch differently', () => {
    const twice = { ...drift, events: [...drift.events, ...drift.events] };
    const ids = (at: Date) =>
      eventsFromBatch(decode(encode(twice)), { ...origin, receivedAt: at }).map(({ id }) => id);
    expect(ids(receivedAt)).toEqual(ids(new Date('2026-05-06T00:00:00Z')));
    expect(new Set(ids(receivedAt)).size).toBe(2);
    expect(ids(receivedAt)).not.toEqual(
      eventsFromBatch(decode(encode(twice)), { ...origin, sequence: '43' }).map(({ id }) => id),
    );
  });

  it('takes the time of arrival where the clock of the node cannot be believed', () => {
    const [exec] = drift.events;
    const odd = { ...drift, events: [{ ...exec, timeUnixNs: '1' }] };
    const [event] = eventsFromBatch(decode(encode(odd)), origin);
    expect(event?.time).toEqual(receivedAt);
    expect(event?.document).toMatchObject({ bulkhead: { reported_unix_ns: '1' } });
  });

  it('leaves out the container that is unknown, and events of a later version', () => {
    const [exec] = drift.events;
    const mixed = {
      ...drift,
      events: [
        { ...exec, container: 0 },
        { ...exec, kind: 77 },
      ],
    };
    const events = eventsFromBatch(decode(encode(mixed)), origin);
    expect(events).toHaveLength(1);
    expect(events[0]?.document).not.toHaveProperty('container');
  });
});

describe('the batch decoder', () => {
  const [exec] = drift.events;

  it.each([
    ['a string', { ...drift, strings: drift.strings.slice(0, 3) }],
    ['a container', { ...drift, containers: [{}] }],
    ['a response', { ...drift, responses: [] }],
    ['a process', { ...drift, events: [{ ...exec, process: null }] }],
    ['the path of a file', fileBatch({}, { pathString: 8 })],
    ['the other path of a file', fileBatch({}, { otherPathString: 8 })],
  ])('refuses a batch that lacks %s it names', (_what, batch) => {
    expect(() => decode(encode(batch))).toThrow(
      expect.objectContaining({ code: 'BATCH_MALFORMED' }),
    );
  });

  it('refuses what is no batch, or too large', () => {
    expect(() => decode(Buffer.from([0xff, 0xff, 0xff]))).toThrow(
      expect.objectContaining({ code: 'BATCH_MALFORMED' }),
    );
    expect(() => decode(Buffer.alloc(1024 * 1024 + 1))).toThrow(
      expect.objectContaining({ code: 'BATCH_TOO_LARGE' }),
    );
  });
});

describe('findingsFromEvent', () => {
  it('gives one for each response that asks for an alert', () => {
    expect(findings(drift)).toMatchObject([
      {
        policyId: 'policy-1',
        policyVersion: 3,
        policyResponse: 0,
        severity: 'high',
        verdict: 'killed',
        title: 'no-drift: /tmp/payload was killed before it ran in web-5d',
      },
    ]);
  });

  it('groups by response, workload, executable and image, not by pod, process or policy version', () => {
    const [, container] = drift.containers;
    const [response, other] = drift.responses;
    const key = (batch: object) => findings(batch)[0]?.groupKey.toString('hex');
    const otherPod = { ...drift, containers: [{}, { ...container, podName: 'web-6e', id: 'f00' }] };
    const otherVersion = { ...drift, responses: [{ ...response, policyVersion: 4 }, other] };
    const otherImage = { ...drift, containers: [{}, { ...container, imageDigest: 'sha256:def' }] };
    const otherFile = {
      ...drift,
      strings: ['', '/tmp/else', ...drift.strings.slice(2)].map((s, i) => (i < 2 ? bytes(s) : s)),
    };
    expect(key(otherPod)).toBe(key(drift));
    expect(key(otherVersion)).toBe(key(drift));
    expect(key(otherImage)).not.toBe(key(drift));
    expect(key(otherFile)).not.toBe(key(drift));
  });
});

describe('textFromBytes', () => {
  it.each([
    [Buffer.from('/tmp/ä\n'), '/tmp/ä\n'],
    [Buffer.from([0x2f, 0xff, 0x41]), '/\\xffA'],
    [Buffer.from([0x61, 0x00, 0x62]), 'a\\x00b'],
    [Buffer.alloc(0), ''],
    [undefined, ''],
  ])('%p', (value, text) => {
    expect(textFromBytes(value)).toBe(text);
  });
});
