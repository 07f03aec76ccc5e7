import { loadMessageType } from '../../../proto/ts/wire/protos.js';

const TYPE = loadMessageType('bulkhead/v1/event.proto', 'bulkhead.v1.EventBatch');
const STRINGS = ['', '/usr/bin/curl', 'curl', '-s', 'http://127.0.0.1/', '/bin/sh'];

/** A batch of execs in one container that nothing forbids, as the agent's addon encodes it. */
export function batchPayload(events: number): Uint8Array {
  const now = BigInt(Date.now()) * 1_000_000n;
  return TYPE.encode(
    TYPE.fromObject({
      strings: STRINGS.map((text) => Buffer.from(text)),
      containers: [
        {},
        {
          id: 'c0ffee',
          name: 'web',
          imageFullName: 'registry.example/shop/web',
          imageTag: '1.2',
          podName: 'web-5d',
          podNamespace: 'shop',
        },
      ],
      events: Array.from({ length: events }, (_, at) => ({
        kind: 'EVENT_KIND_EXEC',
        timeUnixNs: String(now + BigInt(at)),
        verdict: 'VERDICT_ALLOWED',
        container: 1,
        cpu: 1,
        cpuSequence: String(at + 1),
        process: {
          pid: 1000 + at,
          parentPid: 90,
          startBoottimeNs: String(1_000_000 + at),
          executableString: 1,
          nameString: 2,
          argsStrings: [2, 3, 4],
          executableOrigin: 1,
          parentExecutableString: 5,
        },
      })),
    }),
  ).finish();
}
