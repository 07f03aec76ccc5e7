/** What the policy must forbid for a technique to be stopped. */
export type AttackOperation = 'exec' | 'load' | 'file';

/** What its container has besides Docker's default capabilities and a root of its own. */
export interface Needs {
  readonly capabilities?: readonly string[];
  /** A folder of the host at /volume. */
  readonly volume?: boolean;
  /** Its own cgroup, writable, at /cgroup. */
  readonly cgroup?: boolean;
  /** The policy comes into force when the program says "ready"; a byte on its standard input tells. */
  readonly latePolicy?: boolean;
  /** Nobody reads the rings meanwhile. */
  readonly stalledRings?: boolean;
}

/** A program that runs in a container of its own, and what it stands for. */
export interface Act {
  readonly name: string;
  /** In /attack of the image. */
  readonly program: string;
  readonly words?: readonly string[];
  readonly about: string;
  readonly needs?: Needs;
}

export interface Technique extends Act {
  readonly operation: AttackOperation;
  /** Words of the run without a policy, which need not be repeated as often. */
  readonly controlWords?: readonly string[];
  /** Instead of the one that forbids drift. */
  readonly policy?: string;
  /** What exists in the container's upper layer once it has succeeded. Default: what the payload makes. */
  readonly proof?: string;
}

export const PAYLOAD_PROOF = 'proof/ran';
