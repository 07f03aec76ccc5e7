import { findingsFromEvent } from '../../../control-plane/domain/alerts.js';
import { eventsFromBatch } from '../../../control-plane/domain/ecs.js';
import { createBatchDecoder } from '../../../control-plane/domain/event-batches.js';
import { OPERATIONS, type Operation } from '../../../proto/ts/policy/model.js';
import { loadMessageType } from '../../../proto/ts/wire/protos.js';

const type = loadMessageType('bulkhead/v1/event.proto', 'bulkhead.v1.EventBatch');
export const decode = createBatchDecoder();

export const encode = (batch: object) => type.encode(type.fromObject(batch)).finish();
export const bytes = (text: string) => Buffer.from(text).toString('base64');

export const receivedAt = new Date('2026-05-05T10:00:00.000Z');
const seenAt = new Date('2026-05-05T09:59:59.123Z');
export const origin = {
  tenantId: 'tenant-1',
  clusterId: 'cluster-1',
  clusterName: 'production',
  nodeId: 'node-1',
  nodeName: 'worker-7',
  bootId: 'boot-1',
  sequence: '42',
  receivedAt,
};

export const operationBits = (...names: Operation[]) =>
  names.reduce((bits, name) => bits | (1 << (OPERATIONS[name] - 1)), 0);

/** A drifted binary is killed at its exec. */
export const drift = {
  strings: ['', '/tmp/payload', 'payload', '/tmp/payload', 'a\xff', '/bin/sh'].map(bytes),
  containers: [
    {},
    {
      id: 'c0ffee',
      name: 'web',
      imageFullName: 'registry.example/shop/web',
      imageTag: '1.2',
      imageDigest: 'sha256:abc',
      podName: 'web-5d',
      podNamespace: 'shop',
      podUid: 'uid-1',
    },
  ],
  responses: [
    {
      policyId: 'policy-1',
      policyVersion: 3,
      policyName: 'no-drift',
      section: 'process',
      response: 0,
      selectors: ['drifted'],
      actions: 6,
    },
    {
      policyId: 'policy-2',
      policyVersion: 1,
      policyName: 'log-all',
      section: 'process',
      actions: 1,
    },
  ],
  events: [
    {
      kind: 'EVENT_KIND_EXEC',
      timeUnixNs: String(BigInt(seenAt.getTime()) * 1_000_000n),
      verdict: 'VERDICT_KILLED',
      actions: 7,
      fired: [0, 1],
      container: 1,
      cgroupId: '99',
      cpu: 1,
      cpuSequence: '5',
      process: {
        pid: 100,
        parentPid: 90,
        sessionLeaderPid: 90,
        startBoottimeNs: '1000',
        parentStartBoottimeNs: '900',
        userId: 1000,
        executableString: 1,
        nameString: 2,
        argsStrings: [3, 4],
        executableOrigin: 2,
        parentExecutableString: 5,
        executableMode: 0o104755,
        executableInode: '77',
        executableUnlinked: true,
        terminalMajor: 136,
        terminalMinor: 3,
        workingDirectoryString: 5,
        credentials: {
          realUserId: 1001,
          effectiveCapabilities: String((1n << 21n) | (1n << 63n)),
          permittedCapabilities: '1',
        },
      },
    },
  ],
};

/** Instead of the exec an act on a file by the same process, /tmp/payload. */
export function fileBatch(
  event: object,
  file: object | null,
  path: Uint8Array = Buffer.from('/a/b.tar.gz'),
) {
  const [exec] = drift.events;
  const strings = [...drift.strings, Buffer.from(path).toString('base64'), bytes('/a/old')];
  const told = file && { pathString: 6, mode: 0o100640, inode: '18446744073709551615', ...file };
  const common = { ...exec, kind: 'EVENT_KIND_FILE', verdict: 'VERDICT_ALLOWED' };
  return { ...drift, strings, events: [{ ...common, ...event, file: told }] };
}

export const documentOf = (batch: object) =>
  eventsFromBatch(decode(encode(batch)), origin)[0]?.document;

export const findings = (batch: object) =>
  eventsFromBatch(decode(encode(batch)), origin).flatMap((event) =>
    findingsFromEvent(event, origin),
  );
