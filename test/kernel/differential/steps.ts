import type { HookName } from '../../../node-agent/native/native.js';
import type { PolicyEvent, TargetVolume } from '../../../proto/ts/policy/event.js';
import type { ExecutableOrigin, Operation } from '../../../proto/ts/policy/model.js';
import { MAIN, tellable, type Worker } from './world.js';

/*
 * What an act is: section 3 of the policy language, written down once more, from the act alone.
 * Nothing here knows how the kernel programs find it out.
 */

/** One event that an act is; the next one is only if this one was not stopped. */
export interface Step {
  readonly kind: 'fork' | 'exec' | 'load' | 'file';
  /** That can stop it. */
  readonly hook: HookName;
  readonly event: PolicyEvent;
  readonly executable: string;
  /** exec and fork. */
  readonly parent: string;
  readonly target: string;
  readonly other: string;
  /** Not its interpreter, which is the next step. */
  readonly isScript: boolean;
  /** A path of it is longer than the kernel resolves: '' above. */
  readonly isUntellable: boolean;
}

/** A file that is acted on. */
export interface Target {
  readonly path: string;
  readonly volume: TargetVolume;
}

/** Who acts, and whose child the acting process is. */
export interface Actor {
  readonly worker: Worker;
  readonly isAdopted: boolean;
}

export function forkStep(actor: Actor): Step {
  const { executable, origin } = actor.worker;
  return stepOf(actor, 'fork', 'exec', executable, { operations: ['fork'], origin });
}

export function execStep(actor: Actor, path: string, origin: ExecutableOrigin): Step {
  return stepOf(actor, 'exec', 'exec', path, { operations: ['exec'], origin });
}

export function loadStep(actor: Actor, path: string, origin: ExecutableOrigin): Step {
  const event = { operations: ['load'] as const, origin };
  const step = stepOf(actor, 'load', 'load', actor.worker.executable, event);
  return { ...step, target: tellable(path) ?? '', isUntellable: tellable(path) === undefined };
}

export function fileStep(
  actor: Actor,
  hook: HookName,
  operations: readonly Operation[],
  { path, volume }: Target,
  { executable = actor.worker.executable, other = '' } = {},
): Step {
  const step = stepOf(actor, 'file', hook, executable, {
    operations,
    targetPath: bytes(path),
    targetVolume: volume,
  });
  const told = [path, other].map(tellable);
  return {
    ...step,
    target: told[0] ?? '',
    other: told[1] ?? '',
    isUntellable: step.isUntellable || told.includes(undefined),
  };
}

/** A file comes to be. */
export function created(mode: number): Operation[] {
  return isExecutable(mode) ? ['createFile', 'createExecutable'] : ['createFile'];
}

/** A file is opened for writing, or cut. */
export function modified(mode: number): Operation[] {
  return isExecutable(mode) ? ['modifyFile', 'modifyExecutable'] : ['modifyFile'];
}

/** A name gets another file. */
export function replaced(before: number, after: number): Operation[] {
  const gains = !isExecutable(before) && isExecutable(after);
  return gains ? [...modified(before), 'createExecutable'] : modified(before);
}

export function isExecutable(mode: number): boolean {
  return (mode & 0o111) !== 0;
}

function stepOf(
  { worker, isAdopted }: Actor,
  kind: Step['kind'],
  hook: HookName,
  executable: string,
  more: PolicyEvent,
): Step {
  const { userId, capabilities, interactive } = worker;
  const parent = isAdopted ? MAIN : worker.executable;
  return {
    ...{ kind, hook },
    event: {
      ...{ userId, capabilities, interactive },
      executable: bytes(executable),
      parentExecutable: bytes(parent),
      ...more,
    },
    executable: tellable(executable) ?? '',
    parent: kind === 'fork' || kind === 'exec' ? parent : '',
    ...{ target: '', other: '', isScript: false },
    isUntellable: tellable(executable) === undefined,
  };
}

function bytes(path: string): Uint8Array | undefined {
  const told = tellable(path);
  return told === undefined ? undefined : Buffer.from(told, 'latin1');
}
