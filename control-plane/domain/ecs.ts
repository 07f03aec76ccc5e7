import { createHash } from 'node:crypto';
import type { Container__Output } from '../../proto/ts/gen/bulkhead/v1/Container.js';
import type { Credentials__Output } from '../../proto/ts/gen/bulkhead/v1/Credentials.js';
import type { Event__Output } from '../../proto/ts/gen/bulkhead/v1/Event.js';
import type { Process__Output } from '../../proto/ts/gen/bulkhead/v1/Process.js';
import type { ResponseRef__Output } from '../../proto/ts/gen/bulkhead/v1/ResponseRef.js';
import { CAPABILITIES } from '../../proto/ts/policy/capabilities.js';
import { ACTION_BITS } from '../../proto/ts/policy/model.js';
import { type DecodedBatch, textFromBytes } from './event-batches.js';

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

export type EcsDocument = Readonly<Record<string, unknown>>;

export interface DecodedEvent {
  /** The same for the same event, however often its batch arrives. */
  readonly id: string;
  readonly time: Date;
  readonly kind: 'fork' | 'exec' | 'exit';
  readonly verdict: VerdictName;
  readonly executable: string;
  readonly container: Container__Output | undefined;
  readonly fired: readonly ResponseRef__Output[];
  readonly document: EcsDocument;
}

export type VerdictName = 'allowed' | 'denied' | 'killed' | 'would_block' | 'undecided';

const ECS_VERSION = '8.17.0';

const KINDS = {
  EVENT_KIND_FORK: { kind: 'fork', type: 'start' },
  EVENT_KIND_EXEC: { kind: 'exec', type: 'start' },
  EVENT_KIND_EXIT: { kind: 'exit', type: 'end' },
} as const;

const VERDICTS: Readonly<Record<string, VerdictName>> = {
  VERDICT_ALLOWED: 'allowed',
  VERDICT_DENIED: 'denied',
  VERDICT_KILLED: 'killed',
  VERDICT_WOULD_BLOCK: 'would_block',
  VERDICT_UNDECIDED: 'undecided',
};

const ORIGINS = ['', 'image', 'writable', 'memory', 'volume', 'unknown'] as const;
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
  const process = processToEcs(event, strings, origin.nodeId);
  return {
    id,
    time,
    kind: known.kind,
    verdict,
    executable: strings[event.process?.executableString ?? 0] ?? '',
    container,
    fired,
    document: {
      '@timestamp': time.toISOString(),
      ecs: { version: ECS_VERSION },
      event: {
        id,
        kind: event.actions & ACTION_BITS.alert ? 'alert' : 'event',
        category: ['process'],
        type: stopped ? [known.type, 'denied'] : [known.type],
        action: known.kind,
        outcome: stopped ? 'failure' : 'success',
        module: 'bulkhead',
        dataset: 'bulkhead.events',
        created: origin.receivedAt.toISOString(),
      },
      process,
      user: { id: String(event.process?.userId ?? 0) },
      group: { id: String(event.process?.groupId ?? 0) },
      host: { id: origin.nodeId, name: origin.nodeName },
      organization: { id: origin.tenantId },
      orchestrator: orchestratorToEcs(container, origin),
      ...(container && { container: containerToEcs(container) }),
      bulkhead: {
        verdict,
        actions: actionNames(event.actions),
        ...(known.kind !== 'exit' && {
          executable_origin: ORIGINS[event.process?.executableOrigin ?? 0] ?? 'unknown',
          executable: executableToEcs(event.process),
        }),
        responses: fired.map(responseToEcs),
        undecided: event.undecidedStrings.map((position) => strings[position] ?? ''),
        cgroup_id: event.cgroupId,
        boot_id: origin.bootId,
        batch_sequence: origin.sequence,
        cpu: event.cpu,
        cpu_sequence: event.cpuSequence,
        ...(!believed && { reported_unix_ns: event.timeUnixNs }),
      },
    },
  };
}

function processToEcs(
  event: Event__Output,
  strings: readonly string[],
  nodeId: string,
): EcsDocument {
  const told = event.process;
  if (!told) return {};
  const text = (position: number) => strings[position] ?? '';
  const ended = event.kind === 'EVENT_KIND_EXIT';
  return {
    entity_id: shortHash(nodeId, String(told.pid), told.startBoottimeNs),
    pid: told.pid,
    name: text(told.nameString),
    executable: text(told.executableString),
    args: told.argsStrings.map(text),
    args_count: told.argsStrings.length,
    interactive: told.interactive,
    ...(told.terminalMajor > 0 && {
      tty: { char_device: { major: told.terminalMajor, minor: told.terminalMinor } },
    }),
    ...(told.workingDirectoryString > 0 && {
      working_directory: text(told.workingDirectoryString),
    }),
    ...(told.credentials && credentialsToEcs(told, told.credentials)),
    parent: {
      entity_id: shortHash(nodeId, String(told.parentPid), told.parentStartBoottimeNs),
      pid: told.parentPid,
      ...(told.parentExecutableString > 0 && {
        executable: text(told.parentExecutableString),
      }),
    },
    session_leader: { pid: told.sessionLeaderPid },
    ...(ended && {
      exit_code: told.exitCode,
      uptime: Math.floor(Number(told.runTimeNs) / 1e9),
    }),
  };
}

/** The file behind `process.executable`, for which ECS has no field of a process. */
function executableToEcs(told: Process__Output | null): EcsDocument | undefined {
  if (!told) return undefined;
  return {
    inode: told.executableInode,
    mode: (told.executableMode & 0o7777).toString(8).padStart(4, '0'),
    setuid: (told.executableMode & 0o4000) !== 0,
    setgid: (told.executableMode & 0o2000) !== 0,
    unlinked: told.executableUnlinked,
  };
}

function credentialsToEcs(told: Process__Output, credentials: Credentials__Output): EcsDocument {
  return {
    user: { id: String(told.userId) },
    group: { id: String(told.groupId) },
    real_user: { id: String(credentials.realUserId) },
    real_group: { id: String(credentials.realGroupId) },
    thread: {
      capabilities: {
        effective: capabilityNames(credentials.effectiveCapabilities),
        permitted: capabilityNames(credentials.permittedCapabilities),
      },
    },
  };
}

/** Of a decimal number with a bit for each; those that this version has no name for by their number. */
function capabilityNames(bits: string): string[] {
  const all = BigInt(bits);
  return Array.from({ length: 64 }, (_, number) => number)
    .filter((number) => (all >> BigInt(number)) & 1n)
    .map((number) => CAPABILITIES[number] ?? `CAP_${number}`);
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

/** 120 bits of sha256 over the parts, base64url. */
function shortHash(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 20);
}
