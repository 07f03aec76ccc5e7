import { describe, expect, it } from '@jest/globals';
import { alertToEcs } from '../../../control-plane/domain/alert-document.js';
import { eventsFromBatch } from '../../../control-plane/domain/ecs.js';
import { createBatchDecoder } from '../../../control-plane/domain/event-batches.js';
import {
  chunksOf,
  outcomeOf,
  type PendingDocument,
} from '../../../control-plane/sinks/elasticsearch-bulk.js';
import { FIELDS } from '../../../control-plane/sinks/elasticsearch-templates.js';
import { loadMessageType } from '../../../proto/ts/wire/protos.js';

const type = loadMessageType('bulkhead/v1/event.proto', 'bulkhead.v1.EventBatch');
const process = {
  pid: 1,
  nameString: 1,
  argsStrings: [1],
  executableString: 1,
  parentExecutableString: 1,
  executableOrigin: 2,
  exitCode: 1,
  terminalMajor: 1,
  workingDirectoryString: 1,
  credentials: { effectiveCapabilities: '1', permittedCapabilities: '1' },
};
const file = {
  ...{ pathString: 2, otherPathString: 1, inode: '1', mode: 0o100644, origin: 1 },
  ...{ volume: 'TARGET_VOLUME_NONE', openFlags: 1, newMode: 1 },
};
const common = {
  ...{ container: 1, actions: 7, fired: [0], undecidedStrings: [1], process, file },
  ...{ operations: 1, suppressed: '1' },
};
/** Every field that a batch can fill is filled; its time is not believable, so that this is said too. */
const batch = type
  .encode(
    type.fromObject({
      strings: ['', 'x', '/x/y.z'].map((text) => Buffer.from(text).toString('base64')),
      containers: [
        {},
        {
          ...{ id: 'c', name: 'n', imageFullName: 'i', imageTag: 't', imageDigest: 'd' },
          ...{ podName: 'p', podNamespace: 'ns', podUid: 'u' },
        },
      ],
      responses: [
        { policyId: 'p', policyName: 'n', section: 'process', selectors: ['s'], actions: 7 },
      ],
      events: ['EXEC', 'FORK', 'EXIT', 'LOAD', 'FILE'].map((kind) => ({
        ...common,
        kind: `EVENT_KIND_${kind}`,
      })),
    }),
  )
  .finish();
const origin = {
  ...{ tenantId: 't', clusterId: 'c', clusterName: 'n', nodeId: 'n', nodeName: 'n' },
  ...{ bootId: 'b', sequence: '1', receivedAt: new Date() },
};
const events = eventsFromBatch(createBatchDecoder()(batch), origin).map((event) => event.document);

function leaves(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => leaves(entry, path));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, child]) =>
    leaves(child, path ? `${path}.${key}` : key),
  );
}

const pending = (index: number, bytes: number): PendingDocument => ({
  index,
  id: String(index),
  dataStream: 'd',
  body: 'x'.repeat(bytes),
});

describe('documents for Elasticsearch', () => {
  it('every field of an event is searchable', () => {
    expect(events).toHaveLength(5);
    const unmapped = new Set(events.flatMap((document) => leaves(document)));
    for (const field of Object.keys(FIELDS)) unmapped.delete(field);
    expect([...unmapped]).toEqual([]);
  });

  it.each(events)('every field of an alert is searchable, whatever the event', (event) => {
    const now = new Date();
    const document = alertToEcs({
      ...{ id: 'a', changeId: 1n, groupKey: Buffer.from('k'), status: 'open', title: 't' },
      ...{ severity: 'high', source: 'policy', policyId: 'p', policyVersion: 1 },
      ...{ firstEventId: 'e', lastEventId: 'e', firstSeenAt: now, lastSeenAt: now, eventCount: 1 },
      document: event,
    });
    expect(leaves(document).filter((field) => !Object.hasOwn(FIELDS, field))).toEqual([]);
  });

  it('are cut into requests by size and by number, in order', () => {
    const large = 3 * 1024 * 1024;
    const sizes = [1, large, large, 5 * large, 1, ...Array.from({ length: 1500 }, () => 1)];
    const chunks = chunksOf(sizes.map((bytes, index) => pending(index, bytes)));
    expect(chunks.map((chunk) => chunk.length)).toEqual([2, 1, 1, 1000, 501]);
    expect(chunks.flat().map((document) => document.index)).toEqual([...sizes.keys()]);
    expect(chunksOf([])).toEqual([]);
  });
});

describe('the answer for a document', () => {
  const answer = (status: number, error = 'some_exception') =>
    outcomeOf({ _index: 'd', status, error: { type: error, reason: 'because' } }).kind;

  it.each([
    [201, 'created'],
    [409, 'exists'],
    [400, 'dead'],
    [413, 'dead'],
    [401, 'retry'],
    [403, 'retry'],
    [404, 'retry'],
    [429, 'retry'],
    [503, 'retry'],
  ])('%i means %s', (status, kind) => {
    expect(answer(status)).toBe(kind);
  });

  it('waits where a data stream cannot be made, and where there is no answer', () => {
    expect(answer(400, 'validation_exception')).toBe('retry');
    expect(outcomeOf(undefined).kind).toBe('retry');
  });

  it('has a reason of bounded length', () => {
    const error = { type: 't', reason: 'x'.repeat(10_000) };
    const outcome = outcomeOf({ _index: 'd', status: 400, error });
    expect(outcome).toMatchObject({
      kind: 'dead',
      reason: expect.stringMatching(/^400 t: x{100}/),
    });
    expect(JSON.stringify(outcome).length).toBeLessThan(600);
  });
});
