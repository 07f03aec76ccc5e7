import type { BoundSelector } from './bind.js';
import { capabilityNumber } from './capabilities.js';
import type { PolicyEvent } from './event.js';
import type { Truth } from './facts.js';
import { matchesGlob } from './glob-match.js';
import type { ConditionName } from './language.js';
import type { PathMatches } from './path-matches.js';

/** One condition of a bound selector. */
export interface EventCondition {
  readonly condition: ConditionName;
  /** undefined: undecided. */
  readonly judge: (event: PolicyEvent, paths: PathMatches) => Truth;
}

/** The conditions of a selector besides its operations, in the order in which they are cheap. */
export function eventConditions(
  selector: BoundSelector,
  argLists: readonly (readonly string[])[],
): EventCondition[] {
  const { origins, interactive, ignoreVolumes, userIds, capabilities, args } = selector;
  const conditions: EventCondition[] = [];
  const add = (condition: ConditionName, judge: EventCondition['judge']): void => {
    conditions.push({ condition, judge });
  };
  if (origins.length > 0) {
    add('executableOrigin', ({ origin }) => origin && origins.includes(origin));
  }
  if (interactive !== undefined) {
    add('sessionLeaderInteractive', (event) => same(event.interactive, interactive));
  }
  if (ignoreVolumes === 'mounts') {
    add('ignoreVolumeMounts', ({ targetVolume }) => same(targetVolume, 'none'));
  }
  if (ignoreVolumes === 'files') {
    add('ignoreVolumeFiles', ({ targetVolume }) => targetVolume && targetVolume !== 'file');
  }
  const paths = [
    [selector.byName ? 'processName' : 'processExecutable', 'executable', selector.executable],
    ['parentExecutable', 'parentExecutable', selector.parentExecutable],
    ['targetFilePath', 'target', selector.target],
  ] as const;
  for (const [condition, path, list] of paths) {
    if (list === undefined) continue;
    const word = list >>> 5;
    const bit = 1 << (list & 31);
    add(condition, (_event, matches) => {
      const { known, lists } = matches[path];
      return known ? ((lists[word] ?? 0) & bit) !== 0 : undefined;
    });
  }
  if (userIds.length > 0) {
    add('processUserId', ({ userId }) =>
      userId === undefined
        ? undefined
        : userIds.some(({ first, last }) => first <= userId && userId <= last),
    );
  }
  if (capabilities.length > 0) {
    const mask = capabilities.reduce(
      (bits, name) => bits | (1n << BigInt(capabilityNumber(name))),
      0n,
    );
    add('processCapability', (event) =>
      event.capabilities === undefined ? undefined : (event.capabilities & mask) !== 0n,
    );
  }
  const globs = args === undefined ? undefined : argLists[args];
  if (globs) {
    add('processArgs', (event) =>
      event.args?.some((arg) => globs.some((glob) => matchesGlob(glob, arg, 'name'))),
    );
  }
  return conditions;
}

function same<T>(actual: T | undefined, wanted: T): Truth {
  return actual === undefined ? undefined : actual === wanted;
}
