import type { PathBytes, PolicyEvent } from '../event.js';
import type { ContainerFacts } from '../model.js';

/** What an event and its container have that policies can ask for, each independent of the others. */
export const EVENT_ASPECTS = [
  'origin',
  'interactive',
  'volume',
  'target',
  'executable',
  'parentExecutable',
  'args',
  'userId',
  'capabilities',
] as const;
/** Known of every container of which anything is known. */
export const CERTAIN_FACT_ASPECTS = [
  'imageFullName',
  'imageTag',
  'imageDigest',
  'containerName',
  'podNamespace',
  'podName',
] as const;
/** May be unknown on their own. */
export const UNCERTAIN_FACT_ASPECTS = [
  'privileged',
  'clusterId',
  'clusterName',
  'podLabels',
  'workload',
  'serviceAccount',
  'nodeLabels',
] as const;

export type EventAspect = (typeof EVENT_ASPECTS)[number];
export type CertainFactAspect = (typeof CERTAIN_FACT_ASPECTS)[number];
export type UncertainFactAspect = (typeof UNCERTAIN_FACT_ASPECTS)[number];
export type Aspect = EventAspect | CertainFactAspect | UncertainFactAspect;

/** An event without its operations, and its container. */
export interface Sample {
  event: { -readonly [Key in Exclude<keyof PolicyEvent, 'operations'>]: PolicyEvent[Key] };
  facts: { -readonly [Key in keyof ContainerFacts]: ContainerFacts[Key] };
}

/** Gives a sample a value. */
export type Put = (sample: Sample) => void;

/** What stands in a sample where no policy asks. */
export function ordinarySample(): Sample {
  return {
    event: {
      origin: 'image',
      interactive: false,
      targetVolume: 'none',
      targetPath: '/srv/example',
      executable: '/usr/bin/example',
      parentExecutable: '/usr/bin/example',
      args: ['example'],
      userId: 1000,
      capabilities: 0n,
    },
    facts: {
      id: 'example',
      name: 'example',
      imageFullName: 'docker.io/library/example',
      imageTag: 'latest',
      imageDigest: `sha256:${'0'.repeat(64)}`,
      podName: 'example',
      podNamespace: 'default',
      podUid: 'example',
      privileged: false,
      clusterId: 'example',
      clusterName: 'example',
      podLabels: {},
      workload: 'Deployment/example',
      serviceAccount: 'default',
      nodeLabels: {},
    },
  };
}

/** Aspects whose value is one text, and how a sample gets it. */
export const PUT_TEXT = {
  imageFullName: ({ facts }, text) => {
    facts.imageFullName = text;
  },
  imageTag: ({ facts }, text) => {
    facts.imageTag = text;
  },
  imageDigest: ({ facts }, text) => {
    facts.imageDigest = text;
  },
  containerName: ({ facts }, text) => {
    facts.name = text;
  },
  podNamespace: ({ facts }, text) => {
    facts.podNamespace = text;
  },
  podName: ({ facts }, text) => {
    facts.podName = text;
  },
  clusterId: ({ facts }, text) => {
    facts.clusterId = text;
  },
  clusterName: ({ facts }, text) => {
    facts.clusterName = text;
  },
  workload: ({ facts }, text) => {
    facts.workload = text;
  },
  serviceAccount: ({ facts }, text) => {
    facts.serviceAccount = text;
  },
} as const satisfies { readonly [Name in Aspect]?: (sample: Sample, text: string) => void };

export const PUT_PATH = {
  target: ({ event }, path) => {
    event.targetPath = path;
  },
  executable: ({ event }, path) => {
    event.executable = path;
  },
  parentExecutable: ({ event }, path) => {
    event.parentExecutable = path;
  },
} as const satisfies { readonly [Name in Aspect]?: (sample: Sample, path: PathBytes) => void };

/** Makes something of an event unreadable, or of a container unknown. */
export const PUT_NOTHING: { readonly [Name in EventAspect | UncertainFactAspect]: Put } = {
  origin: ({ event }) => {
    event.origin = undefined;
  },
  interactive: ({ event }) => {
    event.interactive = undefined;
  },
  volume: ({ event }) => {
    event.targetVolume = undefined;
  },
  target: ({ event }) => {
    event.targetPath = undefined;
  },
  executable: ({ event }) => {
    event.executable = undefined;
  },
  parentExecutable: ({ event }) => {
    event.parentExecutable = undefined;
  },
  args: ({ event }) => {
    event.args = undefined;
  },
  userId: ({ event }) => {
    event.userId = undefined;
  },
  capabilities: ({ event }) => {
    event.capabilities = undefined;
  },
  privileged: ({ facts }) => {
    delete facts.privileged;
  },
  clusterId: ({ facts }) => {
    delete facts.clusterId;
  },
  clusterName: ({ facts }) => {
    delete facts.clusterName;
  },
  podLabels: ({ facts }) => {
    delete facts.podLabels;
  },
  workload: ({ facts }) => {
    delete facts.workload;
  },
  serviceAccount: ({ facts }) => {
    delete facts.serviceAccount;
  },
  nodeLabels: ({ facts }) => {
    delete facts.nodeLabels;
  },
};

export function isEventAspect(aspect: Aspect): aspect is EventAspect {
  const names: readonly string[] = EVENT_ASPECTS;
  return names.includes(aspect);
}

export function isCertainFact(aspect: Aspect): aspect is CertainFactAspect {
  const names: readonly string[] = CERTAIN_FACT_ASPECTS;
  return names.includes(aspect);
}
