import type { Credentials__Output } from '../../proto/ts/gen/bulkhead/v1/Credentials.js';
import type { Event__Output } from '../../proto/ts/gen/bulkhead/v1/Event.js';
import type { Process__Output } from '../../proto/ts/gen/bulkhead/v1/Process.js';
import { CAPABILITIES } from '../../proto/ts/policy/capabilities.js';
import { type EcsDocument, shortHash } from './ecs-document.js';
import { originName, permissionsText } from './file-words.js';

export function processToEcs(
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

/**
 * The file behind `process.executable`, for which ECS has no fields of a process. A fork or an exec
 * always tells it; a load or a file event only where the agent knew.
 */
export function executableToEcs(event: Event__Output): EcsDocument {
  const told = event.process;
  if (!told || event.kind === 'EVENT_KIND_EXIT') return {};
  const isStart = event.kind === 'EVENT_KIND_FORK' || event.kind === 'EVENT_KIND_EXEC';
  return {
    ...((isStart || told.executableOrigin !== 0) && {
      executable_origin: originName(told.executableOrigin),
    }),
    ...((isStart || told.executableInode !== '0') && { executable: executableFile(told) }),
  };
}

/** What changed of the session: process.session_leader and process.tty say to what. */
export function sessionToEcs({ process }: Event__Output): EcsDocument {
  return {
    leader_changed: process?.sessionLeaderChanged ?? false,
    terminal_changed: process?.terminalChanged ?? false,
  };
}

function executableFile(told: Process__Output): EcsDocument {
  return {
    inode: told.executableInode,
    mode: permissionsText(told.executableMode),
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
