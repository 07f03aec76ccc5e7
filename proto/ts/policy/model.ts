/**
 * The normalised policy, as proto/bulkhead/v1/policy.proto ships it: names instead of numbers,
 * every list sorted and without repeats, every default written out.
 */

/** Word of the language -> number on the wire. */
export const OPERATIONS = { fork: 1, exec: 2 } as const;
export type Operation = keyof typeof OPERATIONS;

export const EXECUTABLE_ORIGINS = {
  image: 1,
  writable: 2,
  memory: 3,
  volume: 4,
  unknown: 5,
} as const;
export type ExecutableOrigin = keyof typeof EXECUTABLE_ORIGINS;

export const ACTIONS = { log: 1, alert: 2, block: 3 } as const;
export type Action = keyof typeof ACTIONS;

export const UNKNOWN_CONTAINER = { allow: 1, enforce: 2 } as const;
export type UnknownContainer = keyof typeof UNKNOWN_CONTAINER;

export const POLICY_MODES = { observe: 1, enforce: 2 } as const;
export type PolicyMode = keyof typeof POLICY_MODES;

export type SectionName = 'process' | 'file';

export interface Policy {
  readonly process?: PolicySection;
  readonly file?: PolicySection;
  readonly unknownContainer: UnknownContainer;
}

export interface PolicySection {
  readonly selectors: readonly PolicySelector[];
  readonly responses: readonly PolicyResponse[];
}

/** Conditions are ANDed, the values of one list are ORed; an empty list is no condition. */
export interface PolicySelector {
  readonly name: string;
  /** Never empty: a selector that names none means every operation that its section had in D4C. */
  readonly operations: readonly Operation[];
  /** registry/path, no tag. */
  readonly containerImageFullNames: readonly string[];
  /** The last component of the path. */
  readonly containerImageNames: readonly string[];
  readonly executableOrigins: readonly ExecutableOrigin[];
}

export interface PolicyResponse {
  /** Indexes into the section's selectors, rising. */
  readonly match: readonly number[];
  readonly exclude: readonly number[];
  readonly actions: readonly Action[];
}

export interface BundledPolicy {
  readonly policyId: string;
  readonly version: number;
  readonly name: string;
  readonly mode: PolicyMode;
  readonly policy: Policy;
}

export interface PolicyBundle {
  readonly tenantId: string;
  readonly clusterId: string;
  /** Rises with every bundle of the cluster. */
  readonly revision: bigint;
  readonly createdUnixMs: number;
  readonly policies: readonly BundledPolicy[];
}

/** What the runtime and Kubernetes tell of a container; '' where it has none (a pod's uid outside Kubernetes). */
export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  /** registry/path, no tag and digest, in the normal form (docker.io/library/nginx). */
  readonly imageFullName: string;
  readonly imageTag: string;
  /** sha256:... */
  readonly imageDigest: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUid: string;
}

/** Bits of Event.actions and ResponseRef.actions; `observe` exists only in the kernel's table. */
export const ACTION_BITS = { log: 1, alert: 2, block: 4 } as const satisfies Record<Action, number>;
export const OBSERVE_BIT = 8;

/** Union of the bits of `actions`. */
export function actionBits(actions: readonly Action[]): number {
  return actions.reduce((bits, action) => bits | ACTION_BITS[action], 0);
}

/** Limits of the language (one place; documents and decoded bytes are both held to them). */
export const POLICY_LIMITS = {
  nameCharacters: 128,
  valueBytes: 511,
  valuesPerPolicy: 4096,
  selectorsAndResponses: 1024,
  policiesPerBundle: 1024,
} as const;
