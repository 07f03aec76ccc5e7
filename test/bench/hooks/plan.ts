/** What the worker does (test/bench/programs/worker.c). */
export type Act =
  | 'syscall'
  | 'open'
  | 'open-match'
  | 'write-open'
  | 'fork'
  | 'exec'
  | 'exec-long'
  | 'names';

/**
 * How it does it: no program attached; the same once more, which tells what the
 * figures are worth; those of processes attached and no policy set for the
 * container; all attached, the same; with the default policy; with so many path patterns.
 */
export const VARIANTS = [
  ...(['detached', 'control', 'processes', 'idle', 'default'] as const),
  ...(['0', '10', '1000', '10000'] as const),
];
export type Variant = (typeof VARIANTS)[number];
export const PATTERN_VARIANTS = ['0', '10', '1000', '10000'] as const satisfies Variant[];

export const ACTS_OF: Readonly<Record<Variant, readonly Act[]>> = {
  detached: ['syscall', 'open', 'open-match', 'write-open', 'fork', 'exec', 'exec-long'],
  control: ['syscall', 'open', 'fork', 'exec'],
  processes: ['syscall', 'open', 'fork', 'exec'],
  idle: ['syscall', 'open', 'open-match', 'write-open', 'fork', 'exec', 'exec-long'],
  default: ['syscall', 'open', 'write-open', 'fork', 'exec'],
  0: ['open', 'open-match', 'write-open', 'exec-long'],
  10: ['open', 'open-match', 'write-open', 'exec-long'],
  1000: ['open', 'open-match', 'write-open', 'exec-long'],
  10000: ['open', 'open-match', 'write-open', 'exec-long'],
};

export interface Plan {
  readonly variants: readonly Variant[];
  /** What the others add to. */
  readonly base: Variant;
  /**
   * median: of the differences in each turn. lowest: the difference of what a tenth of the turns stay
   * below; a guest takes the time for its own in which its processors wait for the machine's.
   */
  readonly estimate: 'median' | 'lowest';
  /** Every variant once in each. */
  readonly turns: number;
  readonly counts: Readonly<Record<Act, number>>;
}

const COUNTS: Plan['counts'] = {
  syscall: 4000,
  open: 256,
  'open-match': 256,
  'write-open': 256,
  fork: 8,
  exec: 8,
  'exec-long': 8,
  names: 32,
};

/** Many short turns: what else the machine does meets all variants, and the median leaves it out. */
export const HOST_PLAN: Plan = {
  variants: VARIANTS,
  base: 'detached',
  estimate: 'median',
  turns: 200,
  counts: COUNTS,
};

/**
 * QEMU translates every instruction: some 10 times as long, and again whenever the kernel changes its
 * own code. So nothing is detached here: with it, the same act twice without programs differed by 40 %.
 */
export const GUEST_PLAN: Plan = {
  variants: ['idle', 'default', ...PATTERN_VARIANTS],
  base: 'idle',
  estimate: 'lowest',
  turns: 150,
  counts: {
    ...{ syscall: 100, open: 32, 'open-match': 32, 'write-open': 32 },
    ...{ fork: 1, exec: 1, 'exec-long': 1, names: 8 },
  },
};
