import type { SectionName } from './model.js';

/**
 * Every word of the policy language, whether or not this version can carry it out: a known word
 * that it cannot is refused by name, never passed over.
 */
export interface Word {
  readonly sections: readonly SectionName[];
  readonly supported: boolean;
}

const both: readonly SectionName[] = ['process', 'file'];
const supported = (...sections: SectionName[]): Word => ({ sections, supported: true });
const later = (sections: readonly SectionName[]): Word => ({ sections, supported: false });

export const DOCUMENT_KEYS = ['version', 'process', 'file', 'unknownContainer'] as const;
export const SECTION_KEYS = ['selectors', 'responses'] as const;
export const RESPONSE_KEYS = ['match', 'exclude', 'actions'] as const;

export const SECTIONS: Readonly<Record<SectionName, { readonly supported: boolean }>> = {
  process: { supported: true },
  file: { supported: false },
};

export const OPERATION_WORDS: Readonly<Record<string, Word>> = {
  fork: supported('process'),
  exec: supported('process'),
  load: later(['process']),
  createExecutable: later(['file']),
  modifyExecutable: later(['file']),
  createFile: later(['file']),
  modifyFile: later(['file']),
  deleteFile: later(['file']),
  openFile: later(['file']),
  renameFile: later(['file']),
};

/** The conditions of a selector, besides its name. */
export const CONDITION_WORDS: Readonly<Record<string, Word>> = {
  operation: supported('process', 'file'),
  containerImageFullName: supported('process', 'file'),
  containerImageName: supported('process', 'file'),
  containerImageTag: later(both),
  containerImageDigest: later(both),
  containerName: later(both),
  containerPrivileged: later(both),
  kubernetesClusterId: later(both),
  kubernetesClusterName: later(both),
  kubernetesNamespace: later(both),
  kubernetesPodName: later(both),
  kubernetesPodLabel: later(both),
  kubernetesWorkload: later(both),
  kubernetesServiceAccount: later(both),
  nodeLabel: later(both),
  targetFilePath: later(['file']),
  ignoreVolumeMounts: later(['file']),
  ignoreVolumeFiles: later(['file']),
  processExecutable: later(both),
  processName: later(both),
  parentExecutable: later(['process']),
  processUserId: later(both),
  processCapability: later(both),
  processArgs: later(['process']),
  sessionLeaderInteractive: later(['process']),
  executableOrigin: supported('process'),
};

/** Pairs of which a selector may have one. */
export const EXCLUSIVE_CONDITIONS: readonly (readonly [string, string])[] = [
  ['containerImageFullName', 'containerImageName'],
  ['ignoreVolumeMounts', 'ignoreVolumeFiles'],
  ['processExecutable', 'processName'],
];

/** Own properties only: `constructor` is no word of ours. */
export function lookUp<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}

/** The nearest of `known` to a word that is not among them; undefined: none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > 64) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
