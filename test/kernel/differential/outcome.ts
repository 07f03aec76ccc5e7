import type { Comparison, HookBackend, HookName } from '../../../node-agent/native/native.js';
import type { BoundResponse, BoundSet } from '../../../proto/ts/policy/bind.js';
import { Matcher, type MatchResult } from '../../../proto/ts/policy/match.js';
import { EXECUTABLE_ORIGINS, OPERATIONS, type Operation } from '../../../proto/ts/policy/model.js';
import type { SeenEvent } from '../stage.js';
import type { Act } from './acts.js';
import type { Step } from './steps.js';

/** What an act came to: how its process ended, and what was told of it, in an order of its own. */
export interface Outcome {
  readonly exitCode: number;
  readonly told: readonly string[];
}

export type BackendOf = (hook: HookName) => HookBackend;

const STOPPED: Partial<
  Record<HookBackend, { readonly verdict: string; readonly exitCode: number }>
> = {
  signal: { verdict: 'VERDICT_KILLED', exitCode: 137 },
  lsm: { verdict: 'VERDICT_DENIED', exitCode: 126 },
  fmod_ret: { verdict: 'VERDICT_DENIED', exitCode: 126 },
};
const VOLUMES = {
  none: 'TARGET_VOLUME_NONE',
  directory: 'TARGET_VOLUME_DIRECTORY',
  file: 'TARGET_VOLUME_FILE',
} as const;

/** What the matcher says that acts come to under the policies of a container. */
export class Judge {
  readonly #set: BoundSet;
  readonly #matcher: Matcher;
  readonly #candidate: { readonly set: BoundSet; readonly matcher: Matcher } | undefined;
  readonly #backendOf: BackendOf;
  readonly #comparisons = new Map<string, Counts>();

  constructor(set: BoundSet, candidate: BoundSet | undefined, backendOf: BackendOf) {
    this.#set = set;
    this.#matcher = new Matcher(set);
    this.#candidate = candidate && { set: candidate, matcher: new Matcher(candidate) };
    this.#backendOf = backendOf;
  }

  expectedOf({ steps }: Act): Outcome {
    const told: string[] = [];
    for (const step of steps) {
      const backend = this.#backendOf(step.hook);
      const result = this.#matcher.match(step.event);
      this.#compare(step, result);
      const stopped = result.block ? STOPPED[backend] : undefined;
      // Of a script that may run only an alert is told: its interpreter is the exec that is.
      const isTold =
        result.fired.length > 0 && (!step.isScript || result.actions.includes('alert'));
      if (isTold) told.push(recordOf(step, result, this.#set, stopped?.verdict));
      if (stopped) return { exitCode: stopped.exitCode, told: told.sort() };
    }
    return { exitCode: 0, told: told.sort() };
  }

  /** Of all acts so far, what the set in force and the candidate did otherwise. */
  get comparisons(): string[] {
    return [...this.#comparisons].map(([key, counts]) => comparison(key, counts)).sort();
  }

  #compare({ event }: Step, { fired }: MatchResult): void {
    if (!this.#candidate) return;
    const { set, matcher } = this.#candidate;
    const active = blocking(this.#set, fired);
    const other = blocking(set, matcher.match(event).fired);
    this.#count(`active ${EVERY_ACT}`, active.length > 0, other.length > 0);
    for (const index of active) this.#count(`active ${index}`, true, other.length > 0);
    for (const index of other) this.#count(`candidate ${index}`, active.length > 0, true);
  }

  #count(key: string, active: boolean, candidate: boolean): void {
    const counts = this.#comparisons.get(key) ?? [0, 0, 0, 0];
    counts[active ? (candidate ? 1 : 2) : candidate ? 3 : 0] += 1;
    this.#comparisons.set(key, counts);
  }
}

/** Both allow, both deny, only the set in force denies, only the candidate does. */
type Counts = [number, number, number, number];

/** The number that stands for no response, but for acts. */
const EVERY_ACT = 64;

/** Of those that fired. */
function blocking({ responses }: BoundSet, fired: readonly number[]): number[] {
  return fired.filter((index) => responses[index]?.actions.includes('block'));
}

function comparison(key: string, counts: readonly (number | bigint)[]): string {
  return `${key}: ${counts.join(' ')}`;
}

export function seenComparison(seen: Comparison): string {
  const { isCandidate, response, bothAllow, bothDeny } = seen;
  return comparison(`${isCandidate ? 'candidate' : 'active'} ${response}`, [
    ...[bothAllow, bothDeny, seen.onlyActiveDenies, seen.onlyCandidateDenies],
  ]);
}

/** What was seen of it. */
export function seenOf(exitCode: number, events: readonly SeenEvent[]): Outcome {
  return { exitCode, told: events.map(recordOfEvent).sort() };
}

/** Unique among all that are in force. */
export function nameOf({ ref }: BoundResponse): string {
  return `${ref.policyId}.${ref.section}.${ref.response}`;
}

interface Told {
  readonly kind: string;
  readonly verdict: string;
  readonly ring: string;
  readonly operations: readonly string[];
  readonly executable: string;
  readonly parent: string;
  readonly target: string;
  readonly other: string;
  readonly volume: string;
  readonly origin: number;
  readonly fired: readonly string[];
}

function recordOf(
  step: Step,
  { fired, actions, wouldBlock }: MatchResult,
  set: BoundSet,
  stopped: string | undefined,
): string {
  const { event, kind, executable, parent, target, other } = step;
  const decided = step.isUntellable ? 'VERDICT_UNDECIDED' : 'VERDICT_ALLOWED';
  const isOfFile = kind === 'file' || kind === 'load';
  return line({
    kind: `EVENT_KIND_${kind.toUpperCase()}`,
    verdict: stopped ?? (wouldBlock ? 'VERDICT_WOULD_BLOCK' : decided),
    ring: actions.includes('alert') ? 'alerts' : 'telemetry',
    operations: inOrder(event.operations),
    ...{ executable, parent, target, other },
    volume: kind === 'file' ? VOLUMES[event.targetVolume ?? 'none'] : '',
    origin: isOfFile && kind === 'file' ? 0 : EXECUTABLE_ORIGINS[event.origin ?? 'unknown'],
    fired: fired.flatMap((index) => {
      const response = set.responses[index];
      return response ? nameOf(response) : [];
    }),
  });
}

function recordOfEvent(event: SeenEvent): string {
  const { kind, verdict, ring, operations, executable, file, responses } = event;
  const isFile = kind === 'EVENT_KIND_FILE';
  const isLoad = kind === 'EVENT_KIND_LOAD';
  return line({
    ...{ kind, verdict, ring, operations, executable },
    parent: isFile || isLoad ? '' : event.parent,
    target: file.path,
    other: file.other,
    volume: isFile ? file.volume : '',
    origin: isFile ? 0 : isLoad ? file.origin : event.origin,
    fired: responses,
  });
}

function line({ kind, verdict, ring, operations, executable, fired, ...more }: Told): string {
  const words = [
    `${kind} ${verdict} ${ring}: ${operations.join('+')} by ${JSON.stringify(executable)}`,
    ...Object.entries(more).flatMap(([word, value]) =>
      value === '' || value === 0 ? [] : `${word} ${JSON.stringify(value)}`,
    ),
    `fired ${[...fired].sort().join()}`,
  ];
  return words.join(', ');
}

function inOrder(operations: readonly Operation[]): string[] {
  return [...operations].sort((a, b) => OPERATIONS[a] - OPERATIONS[b]);
}
