import type { FlagCondition, Operation, SectionName, TextCondition } from './model.js';

/** Every word of the policy language, and what one must know to read it, complete it and explain it. */

/** The form of one value of a text condition (values.ts reads it). */
export type TextForm =
  | 'exact'
  | 'glob'
  | 'argument'
  | 'label'
  | 'workload'
  | 'imageFullName'
  | 'imageName'
  | 'imageTag'
  | 'imageDigest'
  | 'path'
  | 'fileName';

export type ConditionKind =
  | { readonly kind: 'operations' | 'origins' | 'userIds' | 'capabilities' }
  | { readonly kind: 'texts'; readonly word: TextCondition; readonly form: TextForm }
  | { readonly kind: 'flag'; readonly word: FlagCondition; readonly onlyTrue: boolean };

export interface ConditionWord {
  readonly sections: readonly SectionName[];
  readonly type: ConditionKind;
  /** One sentence for whoever writes a policy. */
  readonly about: string;
}

export const DOCUMENT_KEYS = ['version', 'process', 'file', 'unknownContainer'] as const;
export const SECTION_KEYS = ['selectors', 'responses'] as const;
export const RESPONSE_KEYS = ['match', 'exclude', 'actions'] as const;

export interface OperationWord {
  readonly section: SectionName;
  /** A selector that names no operation means it. */
  readonly byDefault: boolean;
  readonly about: string;
}

export const OPERATION_WORDS: Readonly<Record<Operation, OperationWord>> = {
  fork: {
    section: 'process',
    byDefault: true,
    about: 'a new process (thread group), not a thread',
  },
  exec: {
    section: 'process',
    byDefault: true,
    about: 'an image is about to run: the file, and for a script also its interpreter',
  },
  load: {
    section: 'process',
    byDefault: false,
    about: 'a file is mapped executable, or a mapping of it becomes executable',
  },
  createExecutable: {
    section: 'file',
    byDefault: true,
    about: 'a file with an execute bit comes to exist, or a file gains its first execute bit',
  },
  modifyExecutable: {
    section: 'file',
    byDefault: true,
    about: 'a file with an execute bit is opened for writing, truncated or replaced',
  },
  createFile: {
    section: 'file',
    byDefault: true,
    about: 'a file, symlink, device, fifo or socket comes to exist at a path',
  },
  modifyFile: {
    section: 'file',
    byDefault: true,
    about: 'a file is opened for writing, truncated or replaced',
  },
  deleteFile: {
    section: 'file',
    byDefault: true,
    about: 'unlink, rmdir, and the old name of a rename',
  },
  openFile: { section: 'file', byDefault: false, about: 'a file is opened without write intent' },
  renameFile: { section: 'file', byDefault: false, about: 'a file is renamed; both names' },
};

const both: readonly SectionName[] = ['process', 'file'];

function texts(
  word: TextCondition,
  form: TextForm,
  sections: readonly SectionName[],
  about: string,
): ConditionWord {
  return { sections, type: { kind: 'texts', word, form }, about };
}

function flag(
  word: FlagCondition,
  sections: readonly SectionName[],
  about: string,
  onlyTrue = false,
): ConditionWord {
  return { sections, type: { kind: 'flag', word, onlyTrue }, about };
}

/** The conditions of a selector, besides its name. */
export const CONDITION_WORDS = {
  operation: {
    sections: both,
    type: { kind: 'operations' },
    about: 'what is done; left out, it means every operation that does not have to be named',
  },
  containerImageFullName: texts(
    'containerImageFullName',
    'imageFullName',
    both,
    'image as registry/path; a tag or digest behind it and globs are allowed',
  ),
  containerImageName: texts(
    'containerImageName',
    'imageName',
    both,
    "last component of the image's path; a tag or digest behind it and globs are allowed",
  ),
  containerImageTag: texts('containerImageTag', 'imageTag', both, 'tag of the image, glob'),
  containerImageDigest: texts(
    'containerImageDigest',
    'imageDigest',
    both,
    'digest of the image, as sha256:...',
  ),
  containerName: texts('containerName', 'glob', both, 'name of the container in its pod, glob'),
  containerPrivileged: flag('containerPrivileged', both, 'whether the container is privileged'),
  kubernetesClusterId: texts('kubernetesClusterId', 'exact', both, 'id of the cluster'),
  kubernetesClusterName: texts('kubernetesClusterName', 'exact', both, 'name of the cluster'),
  kubernetesNamespace: texts('kubernetesNamespace', 'glob', both, 'namespace of the pod, glob'),
  kubernetesPodName: texts('kubernetesPodName', 'glob', both, 'name of the pod, glob'),
  kubernetesPodLabel: texts(
    'kubernetesPodLabel',
    'label',
    both,
    'label of the pod as key:value, globs',
  ),
  kubernetesWorkload: texts(
    'kubernetesWorkload',
    'workload',
    both,
    'owner of the pod as Kind/name, globs',
  ),
  kubernetesServiceAccount: texts(
    'kubernetesServiceAccount',
    'glob',
    both,
    'service account of the pod, glob',
  ),
  nodeLabel: texts('nodeLabel', 'label', both, 'label of the node as key:value, globs'),
  targetFilePath: texts('targetFilePath', 'path', ['file'], 'path of the file, glob'),
  ignoreVolumeMounts: flag(
    'ignoreVolumeMounts',
    ['file'],
    'leave out what is on a volume of the container',
    true,
  ),
  ignoreVolumeFiles: flag(
    'ignoreVolumeFiles',
    ['file'],
    'leave out single files that are mounted into the container, as from a config map',
    true,
  ),
  processExecutable: texts(
    'processExecutable',
    'path',
    both,
    'path of the executable of the process, glob',
  ),
  processName: texts(
    'processName',
    'fileName',
    both,
    'last component of that path; 15 bytes also mean longer names that begin so',
  ),
  parentExecutable: texts(
    'parentExecutable',
    'path',
    ['process'],
    'path of the executable of the parent process, glob',
  ),
  processUserId: {
    sections: both,
    type: { kind: 'userIds' },
    about: 'user id as the host counts it, a number or a range as 1000-1999',
  },
  processCapability: {
    sections: both,
    type: { kind: 'capabilities' },
    about: 'an effective capability, as CAP_SYS_ADMIN; any of the list',
  },
  processArgs: texts(
    'processArgs',
    'argument',
    ['process'],
    'any one argument, glob; only to log and alert: a process can change it under the check',
  ),
  sessionLeaderInteractive: flag(
    'sessionLeaderInteractive',
    ['process'],
    'whether the session has a controlling terminal',
  ),
  executableOrigin: {
    sections: ['process'],
    type: { kind: 'origins' },
    about: 'layer of the file that runs or is loaded',
  },
} as const satisfies Readonly<Record<string, ConditionWord>>;
export type ConditionName = keyof typeof CONDITION_WORDS;

/** Pairs of which a selector may have one. */
export const EXCLUSIVE_CONDITIONS: readonly (readonly [ConditionName, ConditionName])[] = [
  ['containerImageFullName', 'containerImageName'],
  ['ignoreVolumeMounts', 'ignoreVolumeFiles'],
  ['processExecutable', 'processName'],
];

/** Operations on files whose block needs a path. */
export const BLOCK_NEEDS_PATH: readonly Operation[] = [
  'createFile',
  'modifyFile',
  'deleteFile',
  'openFile',
  'renameFile',
];

/** Owners of pods that a kubernetesWorkload may name. */
export const WORKLOAD_KINDS = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob'] as const;

export function operationsOf(section: SectionName): Operation[] {
  return operationWords().filter((word) => OPERATION_WORDS[word].section === section);
}

/** What a selector without `operation` means: what it meant in D4C. */
export function defaultOperations(section: SectionName): Operation[] {
  return operationsOf(section).filter((word) => OPERATION_WORDS[word].byDefault);
}

/** The conditions that a section has. */
export function conditionsOf(section: SectionName): ConditionName[] {
  return conditionNames().filter((name) => wordOf(name).sections.includes(section));
}

/** The word with its general type. */
export function wordOf(name: ConditionName): ConditionWord {
  return CONDITION_WORDS[name];
}

export function isConditionName(key: string): key is ConditionName {
  return Object.hasOwn(CONDITION_WORDS, key);
}

export function isOperation(word: string): word is Operation {
  return Object.hasOwn(OPERATION_WORDS, word);
}

function operationWords(): Operation[] {
  return Object.keys(OPERATION_WORDS).filter(isOperation);
}

function conditionNames(): ConditionName[] {
  return Object.keys(CONDITION_WORDS).filter(isConditionName);
}

/** The nearest of `known` to a word that is not among them; undefined: none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(lower, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance, or `end` where it is that or more. */
function editDistance(a: string, b: string, end: number): number {
  if (Math.abs(a.length - b.length) >= end) return end;
  let row = Uint8Array.from({ length: b.length + 1 }, (_, at) => Math.min(at, end));
  for (let i = 1; i <= a.length; i++) {
    const next = new Uint8Array(b.length + 1).fill(end);
    // What is farther from the diagonal is farther apart than `end`.
    const [from, to] = [Math.max(1, i - end), Math.min(b.length, i + end)];
    if (i < end) next[0] = i;
    let least = next[0] ?? end;
    for (let j = from; j <= to; j++) {
      const replaced = (row[j - 1] ?? end) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const distance = Math.min(replaced, (row[j] ?? end) + 1, (next[j - 1] ?? end) + 1, end);
      next[j] = distance;
      if (distance < least) least = distance;
    }
    if (least >= end) return end;
    row = next;
  }
  return row[b.length] ?? end;
}
