import type { Random } from '../fuzz/random.js';
import type { FileTree } from './file-tree.js';
import { mixedPatterns } from './patterns.js';

const SIZE = 64 * 1024;
const WHY = [
  'asked for by the platform team, see their runbook',
  'a false positive of last winter: the backup job opens these once a night',
  'only what the base image brings; whatever else runs here is drift',
  'credentials of the node, nobody but the agents may read them',
];
const IMAGES = [
  ...['nginx/unit:1.*', 'registry.example.com/shop/*', 'ghcr.io/acme/**'],
  ...['docker.io/library/postgres', 'registry.example.com/pay/api:1.*'],
  ...['quay.io/prometheus/{node-exporter,alertmanager}'],
];
const NAMESPACES = ['shop', 'pay-*', 'kube-system', 'team-[a-f]', 'ci-*', 'monitoring'];
const COMMANDS = [
  ...['sh', 'bash', 'curl', 'wget', 'nc', 'python3', 'perl', 'kubectl', 'crictl', 'tar'],
];

interface SectionDraft {
  readonly selectors: string[];
  readonly names: string[];
}

/** A policy of 64 KiB as large teams write them: both sections, comments, much of it paths. */
export function policyDocument(random: Random, tree: FileTree): string {
  const sections: Record<'process' | 'file', SectionDraft> = {
    process: { selectors: [], names: [] },
    file: { selectors: [], names: [] },
  };
  const document = (): string =>
    `version: 1.0.0\n${Object.entries(sections)
      .map(([name, { selectors, names }]) => sectionText(name, selectors, names))
      .join('')}unknownContainer: allow\n`;
  let size = 0;
  for (let at = 0; size < SIZE; at += 1) {
    const name = at % 3 === 0 ? 'process' : 'file';
    const selector =
      name === 'process' ? processSelector(random, tree, at) : fileSelector(random, tree, at);
    sections[name].selectors.push(selector);
    sections[name].names.push(`s${at}`);
    size = document().length;
    if (size > SIZE) {
      sections[name].selectors.pop();
      sections[name].names.pop();
    }
  }
  const text = document();
  return `${text}${'#'.repeat(SIZE - text.length - 1)}\n`;
}

function sectionText(name: string, selectors: readonly string[], names: readonly string[]): string {
  const responses = names.map(
    (selector, at) =>
      `    - match: [${selector}]\n${at % 4 === 1 ? `      exclude: [${names[at - 1]}]\n` : ''}` +
      `      actions: [${at % 5 === 0 ? 'log, alert' : 'alert'}]\n`,
  );
  return `${name}:\n  selectors:\n${selectors.join('')}  responses:\n${responses.join('')}`;
}

function fileSelector(random: Random, tree: FileTree, at: number): string {
  const paths = mixedPatterns(random, tree, random.between(6, 24)).map(({ text }) => text);
  const lines = [
    `    # ${random.pick(WHY)}`,
    `    - name: s${at}`,
    `      operation: [${random.pick(['createFile, modifyFile', 'openFile', 'modifyExecutable'])}]`,
    '      targetFilePath:',
    ...paths.map((path) => `        - ${written(path)}`),
    ...(random.chance(0.4) ? [`      containerImageFullName: [${list(random, IMAGES)}]`] : []),
    ...(random.chance(0.3) ? ['      ignoreVolumeMounts: true'] : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function processSelector(random: Random, tree: FileTree, at: number): string {
  const programs = random.chance(0.5)
    ? [`      processName: [${list(random, COMMANDS)}]`]
    : [
        '      processExecutable:',
        ...mixedPatterns(random, tree, random.between(2, 10)).map(
          ({ text }) => `        - ${written(text)}`,
        ),
      ];
  const lines = [
    `    # ${random.pick(WHY)}`,
    `    - name: s${at}`,
    '      operation: [exec]',
    ...programs,
    ...(random.chance(0.6) ? [`      kubernetesNamespace: [${list(random, NAMESPACES)}]`] : []),
    ...(random.chance(0.2) ? ['      executableOrigin: [writable, memory]'] : []),
    ...(random.chance(0.2) ? ['      processUserId: [0, 1000-1999]'] : []),
    ...(random.chance(0.1) ? ['      processCapability: [CAP_SYS_ADMIN, CAP_NET_RAW]'] : []),
    ...(random.chance(0.2) ? ["      kubernetesPodLabel: ['app:web*', 'tier:*']"] : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function list(random: Random, stock: readonly string[]): string {
  return random.times(random.between(1, 3), () => written(random.pick(stock))).join(', ');
}

/** In quotes where YAML would read more than text. */
function written(text: string): string {
  return /[[\]{},*?:]/.test(text) ? `'${text}'` : text;
}
