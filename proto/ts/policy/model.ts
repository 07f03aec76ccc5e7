import type { Capability } from './capabilities.js';

/**
 * The normalised policy, as proto/bulkhead/v1/policy.proto ships it: names instead of numbers,
 * every list sorted and without repeats, every default written out, globs in their normal form.
 */

/** Word of the language -> number on the wire. */
export const OPERATIONS = {
  fork: 1,
  exec: 2,
  load: 3,
  createExecutable: 4,
  modifyExecutable: 5,
  createFile: 6,
  modifyFile: 7,
  deleteFile: 8,
  openFile: 9,
  renameFile: 10,
} as const;
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
export const SECTION_NAMES = ['process', 'file'] as const satisfies readonly SectionName[];

export interface Policy {
  readonly process?: PolicySection;
  readonly file?: PolicySection;
  readonly unknownContainer: UnknownContainer;
}

export interface PolicySection {
  readonly selectors: readonly PolicySelector[];
  readonly responses: readonly PolicyResponse[];
}

/** Conditions whose values are texts: word of the language -> field on the wire. */
export const TEXT_CONDITIONS = {
  containerImageFullName: 3,
  containerImageName: 4,
  containerImageTag: 6,
  containerImageDigest: 7,
  containerName: 8,
  kubernetesClusterId: 9,
  kubernetesClusterName: 10,
  kubernetesNamespace: 11,
  kubernetesPodName: 12,
  kubernetesPodLabel: 13,
  kubernetesWorkload: 14,
  kubernetesServiceAccount: 15,
  nodeLabel: 16,
  targetFilePath: 17,
  processExecutable: 18,
  processName: 19,
  parentExecutable: 20,
  processArgs: 21,
} as const;
export type TextCondition = keyof typeof TEXT_CONDITIONS;

/** Conditions that are true or false: word of the language -> field on the wire. */
export const FLAG_CONDITIONS = {
  containerPrivileged: 22,
  sessionLeaderInteractive: 23,
  ignoreVolumeMounts: 24,
  ignoreVolumeFiles: 25,
} as const;
export type FlagCondition = keyof typeof FLAG_CONDITIONS;

/** User ids, both ends belong to it. */
export interface UserIdRange {
  readonly first: number;
  readonly last: number;
}

/** Conditions are ANDed, the values of one list are ORed; what is absent or empty is no condition. */
export interface PolicySelector {
  readonly name: string;
  /** Never empty: a selector that names none means every operation that its section had in D4C. */
  readonly operations: readonly Operation[];
  readonly executableOrigins: readonly ExecutableOrigin[];
  /** Never empty lists; globs in their normal form. */
  readonly texts: { readonly [Word in TextCondition]?: readonly string[] };
  readonly flags: { readonly [Word in FlagCondition]?: boolean };
  /** Neither overlapping nor adjacent, rising. */
  readonly userIds: readonly UserIdRange[];
  readonly capabilities: readonly Capability[];
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

/**
 * What the runtime and Kubernetes tell of a container. '' and an empty record: it has none (a pod's
 * name outside Kubernetes). undefined: not known (yet), and what asks for it is neither true nor false.
 */
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
  readonly privileged?: boolean;
  readonly clusterId?: string;
  readonly clusterName?: string;
  readonly podLabels?: Readonly<Record<string, string>>;
  /** Kind/name of the owner: Deployment, StatefulSet, DaemonSet, Job, CronJob. */
  readonly workload?: string;
  readonly serviceAccount?: string;
  readonly nodeLabels?: Readonly<Record<string, string>>;
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
  /** Of targetFilePath. */
  targetFilePathBytes: 255,
  /** Alternatives in braces count each. */
  valuesPerPolicy: 4096,
  /** What the braces of one value may stand for. */
  alternativesPerValue: 256,
  selectorsAndResponses: 1024,
  policiesPerBundle: 1024,
} as const;
