import type { Container__Output } from '../../proto/ts/gen/bulkhead/v1/Container.js';
import type { Event__Output } from '../../proto/ts/gen/bulkhead/v1/Event.js';
import type { ResponseRef__Output } from '../../proto/ts/gen/bulkhead/v1/ResponseRef.js';
import { ACTION_BITS } from '../../proto/ts/policy/model.js';
import { type EcsDocument, shortHash } from './ecs-document.js';
import { fileDetailsToEcs, fileToEcs, libraryToEcs } from './ecs-file.js';
import { executableToEcs, processToEcs, sessionToEcs } from './ecs-process.js';
import { type DecodedBatch, textFromBytes } from './event-batches.js';
import { fileEventTypes, mainOperation, operationNames } from './operations.js';

/** Where a batch came from and when it got here. */
export interface BatchOrigin {
  readonly tenantId: string;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly nodeId: string;
  readonly nodeName: string;
  readonly bootId: string;
  /** Decimal. */
  readonly sequence: string;
  readonly receivedAt: Date;
}

export interface DecodedEvent {
  /** The same for the same event, however often its batch arrives. */
  readonly id: string;
  readonly time: Date;
  readonly kind: 'fork' | 'exec' | 'exit' | 'load' | 'file' | 'session';
  readonly verdict: VerdictName;
  /** Words of the policy language, all that the act is; empty where the agent is older than them. */
  readonly operations: readonly string[];
  readonly executable: string;
  /** load and file: what was acted on; empty where it could not be read. */
  readonly file?: { readonly path: string; readonly otherPath: string };
  readonly container: Container__Output | undefined;
  readonly fired: readonly ResponseRef__Output[];
  readonly document: EcsDocument;
}

export type VerdictName = 'allowed' | 'denied' | 'killed' | 'would_block' | 'undecided';

const ECS_VERSION = '8.17.0';

const KINDS = {
  EVENT_KIND_FORK: { kind: 'fork', category: 'process', type: 'start' },
  EVENT_KIND_EXEC: { kind: 'exec', category: 'process', type: 'start' },
  EVENT_KIND_EXIT: { kind: 'exit', category: 'process', type: 'end' },
  // Not `process` too: who counts the starts of processes would count it.
  EVENT_KIND_LOAD: { kind: 'load', category: 'library', type: 'start' },
  EVENT_KIND_FILE: { kind: 'file', category: 'file' },
  EVENT_KIND_SESSION: { kind: 'session', category: 'process', type: 'change' },
} as const;

const VERDICTS: Readonly<Record<string, VerdictName>> = {
  VERDICT_ALLOWED: 'allowed',
  VERDICT_DENIED: 'denied',
  VERDICT_KILLED: 'killed',
  VERDICT_WOULD_BLOCK: 'would_block',
  VERDICT_UNDECIDED: 'undecided',
};

/** How far a node's clock may be off before its times are not believed. */
const EARLIEST_MS = 30 * 24 * 3_600_000;
const LATEST_MS = 24 * 3_600_000;

/** Every event of a batch as an ECS document. Events of a kind that this version does not know are left out. */
export function eventsFromBatch(batch: DecodedBatch, origin: BatchOrigin): DecodedEvent[] {
  const strings = batch.strings.map(textFromBytes);
  const events: DecodedEvent[] = [];
  batch.events.forEach((event, index) => {
    const known = Object.entries(KINDS).find(([name]) => name === event.kind)?.[1];
    if (!known) return;
    events.push(eventFromWire(event, index, known, strings, batch, origin));
  });
  return events;
}

function eventFromWire(
  event: Event__Output,
  index: number,
  known: (typeof KINDS)[keyof typeof KINDS],
  strings: readonly string[],
  batch: DecodedBatch,
  origin: BatchOrigin,
): DecodedEvent {
  const id = shortHash(origin.nodeId, origin.bootId, origin.sequence, String(index));
  const { time, believed } = timeOf(event.timeUnixNs, origin.receivedAt);
  const verdict = VERDICTS[event.verdict] ?? 'undecided';
  const container = event.container === 0 ? undefined : batch.containers[event.container];
  const fired = event.fired.flatMap((position) => batch.responses[position] ?? []);
  const stopped = verdict === 'denied' || verdict === 'killed';
  const operations = operationNames(event.operations);
  const types = known.kind === 'file' ? fileEventTypes(operations) : [known.type];
  const file = known.category === 'process' ? null : event.file;
  return {
    id,
    time,
    kind: known.kind,
    verdict,
    operations,
    executable: strings[event.process?.executableString ?? 0] ?? '',
    ...(file && {
      file: {
        path: strings[file.pathString] ?? '',
        otherPath: strings[file.otherPathString] ?? '',
      },
    }),
    container,
    fired,
    document: {
      '@timestamp': time.toISOString(),
      ecs: { version: ECS_VERSION },
      event: {
        id,
        kind: event.actions & ACTION_BITS.alert ? 'alert' : 'event',
        category: [known.category],
        type: stopped ? [...types, 'denied'] : types,
        action: actionOf(known.kind, event, operations),
        outcome: stopped ? 'failure' : 'success',
        module: 'bulkhead',
        dataset: 'bulkhead.events',
        created: origin.receivedAt.toISOString(),
      },
      process: processToEcs(event, strings, origin.nodeId),
      ...(file && { file: fileToEcs(file, strings) }),
      ...(file && known.kind === 'load' && { dll: libraryToEcs(file, strings) }),
      user: { id: String(event.process?.userId ?? 0) },
      group: { id: String(event.process?.groupId ?? 0) },
      host: { id: origin.nodeId, name: origin.nodeName },
      organization: { id: origin.tenantId },
      orchestrator: orchestratorToEcs(container, origin),
      ...(container && { container: containerToEcs(container) }),
      bulkhead: {
        verdict,
        actions: actionNames(event.actions),
        ...(operations.length > 0 && { operations }),
        ...executableToEcs(event),
        ...(file && { file: fileDetailsToEcs(file, strings) }),
        ...(known.kind === 'session' && { session: sessionToEcs(event) }),
        responses: fired.map(responseToEcs),
        undecided: event.undecidedStrings.map((position) => strings[position] ?? ''),
        cgroup_id: event.cgroupId,
        boot_id: origin.bootId,
        batch_sequence: origin.sequence,
        cpu: event.cpu,
        cpu_sequence: event.cpuSequence,
        ...(event.suppressed !== '0' && { suppressed: event.suppressed }),
        ...(!believed && { reported_unix_ns: event.timeUnixNs }),
      },
    },
  };
}

function actionOf(
  kind: DecodedEvent['kind'],
  event: Event__Output,
  operations: readonly string[],
): string {
  if (kind === 'file') return mainOperation(operations) ?? kind;
  if (kind !== 'session') return kind;
  return event.process?.sessionLeaderChanged ? 'session_id_change' : 'terminal_change';
}

function containerToEcs(container: Container__Output): EcsDocument {
  return {
    id: container.id,
    name: container.name,
    image: {
      name: container.imageFullName,
      tag: container.imageTag ? [container.imageTag] : [],
      hash: { all: container.imageDigest ? [container.imageDigest] : [] },
    },
  };
}

function orchestratorToEcs(
  container: Container__Output | undefined,
  origin: BatchOrigin,
): EcsDocument {
  return {
    type: 'kubernetes',
    cluster: { id: origin.clusterId, name: origin.clusterName },
    ...(container?.podNamespace && { namespace: container.podNamespace }),
    ...(container?.podName && {
      resource: { name: container.podName, type: 'pod', id: container.podUid },
    }),
  };
}

function responseToEcs(response: ResponseRef__Output): EcsDocument {
  return {
    policy: {
      id: response.policyId,
      name: response.policyName,
      version: response.policyVersion,
    },
    section: response.section,
    response: response.response,
    selectors: response.selectors,
    actions: actionNames(response.actions),
  };
}

export function actionNames(bits: number): string[] {
  return Object.entries(ACTION_BITS)
    .filter(([, bit]) => bits & bit)
    .map(([name]) => name);
}

function timeOf(unixNs: string, receivedAt: Date): { time: Date; believed: boolean } {
  const ms = Number(BigInt(unixNs) / 1_000_000n);
  const late = receivedAt.getTime() - ms;
  const believed = late < EARLIEST_MS && late > -LATEST_MS;
  return { time: believed ? new Date(ms) : receivedAt, believed };
}
