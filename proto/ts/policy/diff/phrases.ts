import { CAPABILITIES } from '../capabilities.js';
import type { PathBytes } from '../event.js';
import { wantedBy } from '../explain.js';
import { conditionsOf } from '../language.js';
import type { Operation, PolicySelector, SectionName } from '../model.js';
import { aspectOf } from './questions.js';
import { type Aspect, isEventAspect } from './sample.js';
import type { Witness } from './witness.js';

/** What is said of an aspect: values, of which one; [] is none, undefined unreadable or unknown. */
export type Said = ReadonlyMap<Aspect, readonly string[] | undefined>;

/** In the order in which they are said. */
const ORDER: readonly Aspect[] = [
  'target',
  'executable',
  'origin',
  'parentExecutable',
  'args',
  'userId',
  'capabilities',
  'interactive',
  'volume',
  'containerName',
  'privileged',
  'imageFullName',
  'imageTag',
  'imageDigest',
  'podName',
  'podLabels',
  'podNamespace',
  'workload',
  'serviceAccount',
  'clusterId',
  'clusterName',
  'nodeLabels',
];

const NOUNS: { readonly [Name in Aspect]: string } = {
  target: 'path',
  executable: 'executable',
  origin: 'origin',
  parentExecutable: 'parent',
  args: 'arguments',
  userId: 'user',
  capabilities: 'capabilities',
  interactive: 'terminal',
  volume: 'volume',
  containerName: 'container name',
  privileged: 'privileges',
  imageFullName: 'image',
  imageTag: 'image tag',
  imageDigest: 'image digest',
  podName: 'pod',
  podLabels: 'pod labels',
  podNamespace: 'namespace',
  workload: 'workload',
  serviceAccount: 'service account',
  clusterId: 'cluster id',
  clusterName: 'cluster name',
  nodeLabels: 'node labels',
};

/** Before the values, where the noun with `with` would not do. */
const WORDS: { readonly [Name in Aspect]?: string } = {
  target: 'of',
  parentExecutable: 'under',
  args: 'with an argument',
  userId: 'as user',
  capabilities: 'with',
  containerName: 'in a container named',
  imageFullName: 'in image',
  podName: 'in pod',
  podLabels: 'in a pod labelled',
  podNamespace: 'in namespace',
  workload: 'in',
  nodeLabels: 'on a node labelled',
};

const FLAGS: { readonly [Name in Aspect]?: Readonly<Record<string, string>> } = {
  interactive: { true: 'in an interactive session', false: 'in no interactive session' },
  privileged: {
    true: 'in a privileged container',
    false: 'in a container that is not privileged',
  },
  volume: {
    mounts: 'not on a volume',
    files: 'not of a file that is mounted alone',
    none: 'not on a volume',
    directory: 'on a volume',
    file: 'of a file that is mounted alone',
  },
};

/** As in `of /etc/passwd as user 0`; '' where nothing is said. */
export function phraseOf(said: Said, operations: readonly Operation[]): string {
  const words = ORDER.flatMap((aspect) => {
    if (!said.has(aspect)) return [];
    const values = said.get(aspect);
    if (!values) return isEventAspect(aspect) ? [`with unreadable ${NOUNS[aspect]}`] : [];
    if (values.length === 0) return [`without ${NOUNS[aspect]}`];
    const flag = FLAGS[aspect]?.[values[0] ?? ''];
    if (flag) return [flag];
    return [`${wordOf(aspect, said, operations)} ${listedValues(values)}`];
  });
  return words.join(' ');
}

function wordOf(aspect: Aspect, said: Said, operations: readonly Operation[]): string {
  const executes = operations.every((one) => one === 'exec' || one === 'load');
  if (aspect === 'executable') return operations.join() === 'exec' ? 'of' : 'by';
  if (aspect === 'origin' && executes && !said.has('executable')) return 'of a file with origin';
  return WORDS[aspect] ?? `with ${NOUNS[aspect]}`;
}

/** a, b or c */
export function listed(texts: readonly string[], last: 'and' | 'or' = 'or'): string {
  const head = texts.slice(0, -1).join(', ');
  return [head, texts.at(-1) ?? ''].filter((text) => text !== '').join(` ${last} `);
}

const MAX_VALUES = 3;

function listedValues(values: readonly string[]): string {
  if (values.length <= MAX_VALUES + 1) return listed(values);
  return listed([...values.slice(0, MAX_VALUES), `${values.length - MAX_VALUES} more`]);
}

/** What a selector asks for. */
export function saidBy(selector: PolicySelector, section: SectionName): Said {
  const said = new Map<Aspect, readonly string[]>();
  for (const condition of conditionsOf(section)) {
    const aspect = aspectOf(condition);
    const values = wantedBy(selector, condition);
    if (!aspect || values.length === 0) continue;
    if (condition === 'ignoreVolumeMounts' || condition === 'ignoreVolumeFiles') {
      const word = condition === 'ignoreVolumeMounts' ? 'mounts' : 'files';
      if (selector.flags[condition]) said.set(aspect, [word]);
    } else said.set(aspect, values);
  }
  return said;
}

/** What some aspects of a witness are. */
export function saidOf({ event, facts }: Witness, aspects: Iterable<Aspect>): Said {
  const values: { readonly [Name in Aspect]: readonly string[] | undefined } = {
    target: textOf(event.targetPath),
    executable: textOf(event.executable),
    origin: textOf(event.origin),
    parentExecutable: textOf(event.parentExecutable),
    args: event.args?.map((arg) => JSON.stringify(arg)),
    userId: textOf(event.userId?.toString()),
    capabilities: capabilitiesOf(event.capabilities),
    interactive: textOf(event.interactive?.toString()),
    volume: textOf(event.targetVolume),
    containerName: textOf(facts?.name),
    privileged: textOf(facts?.privileged?.toString()),
    imageFullName: textOf(facts?.imageFullName),
    imageTag: textOf(facts?.imageTag),
    imageDigest: textOf(facts?.imageDigest),
    podName: textOf(facts?.podName),
    podLabels: labelsOf(facts?.podLabels),
    podNamespace: textOf(facts?.podNamespace),
    workload: textOf(facts?.workload),
    serviceAccount: textOf(facts?.serviceAccount),
    clusterId: textOf(facts?.clusterId),
    clusterName: textOf(facts?.clusterName),
    nodeLabels: labelsOf(facts?.nodeLabels),
  };
  return new Map([...aspects].map((aspect) => [aspect, values[aspect]]));
}

/** The aspects of which a witness has nothing. */
export function nounsOf(said: Said): string[] {
  return ORDER.flatMap((aspect) =>
    said.has(aspect) && said.get(aspect) === undefined ? [NOUNS[aspect]] : [],
  );
}

function textOf(value: PathBytes | undefined): string[] | undefined {
  if (value === undefined) return undefined;
  const text = typeof value === 'string' ? value : new TextDecoder().decode(value);
  if (text === '') return [];
  // Control characters do not belong in a sentence.
  return [/\p{C}/u.test(text) ? JSON.stringify(text) : text];
}

function capabilitiesOf(mask: bigint | undefined): string[] | undefined {
  if (mask === undefined) return undefined;
  return CAPABILITIES.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n);
}

function labelsOf(labels: Readonly<Record<string, string>> | undefined): string[] | undefined {
  return labels && Object.entries(labels).map(([key, value]) => `${key}:${value}`);
}
