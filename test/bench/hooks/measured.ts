import type { HookStatus } from '../../../node-agent/native/native.js';
import { median } from '../measure.js';
import type { Act, Plan, Variant } from './plan.js';

/** Nanoseconds an act, of each variant and act. */
export type Turn = Readonly<Record<string, number>>;

export interface RunTime {
  readonly name: string;
  readonly runs: number;
  readonly ns: number;
}

/** What one kernel told; comes out of a guest as JSON. */
export interface Measured {
  readonly release: string;
  readonly hooks: readonly HookStatus[];
  /** What the others add to. */
  readonly base: Variant;
  readonly estimate: Plan['estimate'];
  readonly turns: readonly Turn[];
  /** Turns during which another process had programs of ours; left out, where enough are left. */
  readonly disturbed: number;
  readonly runTimes: Readonly<Record<string, readonly RunTime[]>>;
  /** Instructions that the verifier processed, by program. */
  readonly verified: Readonly<Record<string, number>>;
}

export function keyOf(variant: Variant, act: Act): string {
  return `${variant} ${act}`;
}

/** Of turns that have it: median, the quartiles around it, and the tenth part from below. */
export interface Spread {
  readonly lowest: number;
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

/** undefined: no turn has it. */
export function spreadOf(
  turns: readonly Turn[],
  value: (turn: Turn) => number,
): Spread | undefined {
  const all = turns
    .map(value)
    .filter((one) => !Number.isNaN(one))
    .sort((a, b) => a - b);
  if (all.length === 0) return undefined;
  const at = (part: number): number => all[Math.floor((all.length - 1) * part)] ?? 0;
  return { lowest: at(0.1), low: at(0.25), middle: median(all), high: at(0.75) };
}

/** NaN: it was not measured. */
export function timeIn(turn: Turn, variant: Variant, act: Act): number {
  return turn[keyOf(variant, act)] ?? Number.NaN;
}

/** What a variant adds to another one. */
export function addedNs(
  { turns, estimate }: Measured,
  variant: Variant,
  act: Act,
  to: Variant,
): Spread | undefined {
  if (estimate === 'median') {
    return spreadOf(turns, (turn) => timeIn(turn, variant, act) - timeIn(turn, to, act));
  }
  const [after, before] = [variant, to].map((one) =>
    spreadOf(turns, (turn) => timeIn(turn, one, act)),
  );
  if (!after || !before) return undefined;
  const added = after.lowest - before.lowest;
  return { lowest: added, low: added, middle: added, high: added };
}
