import fc from 'fast-check';
import type { PathBytes, PolicyEvent } from '../../../../proto/ts/policy/event.js';
import type {
  Action,
  ContainerFacts,
  ExecutableOrigin,
  Operation,
  SectionName,
} from '../../../../proto/ts/policy/model.js';
import type {
  PolicyDocument,
  ReferencePolicy,
  ResponseDocument,
  SectionDocument,
  SelectorConditions,
  SelectorDocument,
} from './reference-matcher.js';

/** Policies, containers and events out of small stocks of words, so that they often meet. */

const PROCESS_OPERATIONS: readonly Operation[] = ['fork', 'exec', 'load'];
const FILE_OPERATIONS: readonly Operation[] = [
  'createExecutable',
  'modifyExecutable',
  'createFile',
  'modifyFile',
  'deleteFile',
  'openFile',
  'renameFile',
];
const ORIGINS: readonly ExecutableOrigin[] = ['image', 'writable', 'memory', 'volume', 'unknown'];
const DIGESTS = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`);
const CAPABILITY_NAMES = ['CAP_CHOWN', 'CAP_SYS_ADMIN', 'CAP_CHECKPOINT_RESTORE'];
/** Those of the names, their neighbours and the ends of words. */
const CAPABILITY_BITS = [0n, 21n, 40n, 1n, 20n, 31n, 32n, 63n];

const PATHS = [
  '/bin/sh',
  '/bin/bash',
  '/usr/bin/bash',
  '/usr/bin/x/y',
  '/tmp/a',
  '/tmp/a.sh',
  '/tmp/b\nc',
  '/tmp/é',
  '/opt/averylongprogra',
  '/opt/averylongprogram',
  '/',
  '/a*b',
];
const PATH_GLOBS = [
  ...[
    '/**',
    '/bin/sh',
    '/bin/*',
    '/bin/**',
    '/**/bash',
    '/usr/**/bash',
    '/usr/**/**/y',
    '/usr/bin',
  ],
  ...['/tmp/?', '/tmp/??', '/tmp/[!b]*', '/tmp/[a-c]?c', '/tmp/é', '/tmp/[^a-z]?', '/tmp/{a,b*}'],
  ...['/{usr/,}bin/{ba,}sh', '/{bin,tmp,opt/{a,b}}/**', '/opt/*gra', '/opt/*gram', '/a\\*b'],
  ...['/*/*', '/?*/a{,.sh}', '/tmp/a[.]sh', '/**/*.sh'],
];
const FILE_NAMES = ['sh', 'bash', 'a*b', 'averylongprogra', 'averylongprogram', 'é', '*', 'a'];
const ARGS = ['-c', '--', '', 'a/b', 'x\ny', '--token=é'];
const ARG_GLOBS = [
  '*',
  '-?',
  '-[!c]',
  '**',
  'a?b',
  'a[!x]b',
  '*\\**',
  '--{token,x}=*',
  'x*y',
  '-c',
];

const NAMES = ['web', 'web-1', 'db', 'kube-system'];
const NAME_GLOBS = ['*', 'web', 'web*', 'w?b', 'web-[0-9]', '[!d]*', '{web,db}', 'kube-**', 'd\\b'];
const TAGS = ['latest', '1.2', '1.25', ''];
const TAG_GLOBS = ['*', 'latest', '1.*', '1.?', '1.[2-3]', '{latest,1.2}'];
const IMAGES = [
  'docker.io/library/nginx',
  'ghcr.io/team/nginx',
  'ghcr.io/team/sub/api',
  'localhost:5000/api',
  '[::1]:5000/api',
];
const FULL_IMAGE_GLOBS = [
  ...['docker.io/library/nginx', 'ghcr.io/team/*', 'ghcr.io/**', '*/*/nginx', '**/nginx', '**/api'],
  ...['ghcr.io/**/api', 'localhost:5000/api', 'localhost:500?/*', '[::1]:5000/api', '[::1]:5000/*'],
  ...['{ghcr,docker}.io/**', '**', 'ghcr.io/{team/nginx:1.*,team/sub/*}'],
];
const IMAGE_GLOBS = ['nginx', 'api', '*', 'ng?nx', '[!n]*', '{nginx,api}', '**'];
const LABEL_GLOBS = [
  'app:web',
  'app:*',
  '*:web',
  'a?p:{web,db}',
  'tier_1:[!x]*',
  '**:**',
  '{app:web,z:x}',
];
const LABEL_VALUES = ['web', 'db', 'x', ''];
const WORKLOADS = ['Deployment/web', 'DaemonSet/db', 'CronJob/web-1', ''];
const WORKLOAD_GLOBS = [
  'Deployment/web',
  '*/web',
  '*Set/*',
  '{Job/web,CronJob/web-1}',
  '{Deployment,CronJob}/web*',
  '*/*',
];
const CLUSTERS = ['c1', 'c2'];

/** Some values of a stock, one at least. */
function some<Value>(stock: readonly Value[], maxLength = 3): fc.Arbitrary<Value[]> {
  return fc.subarray([...stock], { minLength: 1, maxLength: Math.min(maxLength, stock.length) });
}

/** A value, once in a while undefined. */
function maybe<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.option(value, { nil: undefined, freq: 7 });
}

/** Image names, some with a tag and digest. */
function withTag(names: readonly string[]): fc.Arbitrary<string> {
  const suffix = (mark: string, stock: readonly string[]): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.constantFrom(...stock).map((text) => mark + text) },
    );
  return fc
    .tuple(fc.constantFrom(...names), suffix(':', TAG_GLOBS), suffix('@', DIGESTS))
    .map((parts) => parts.join(''));
}

function someImages(names: readonly string[]): fc.Arbitrary<string[]> {
  return fc.uniqueArray(withTag(names), { minLength: 1, maxLength: 3 });
}

const pathGlobs = some(PATH_GLOBS);
const userIds = fc.uniqueArray(
  fc.constantFrom<number | string>(0, 1000, '1000', '0-999', '1000-1999', 65534, 4294967294),
  { minLength: 1, maxLength: 2, selector: String },
);

type ConditionArbitrary = fc.Arbitrary<SelectorConditions>;

const BOTH: readonly ConditionArbitrary[] = [
  fc.record({ containerImageFullName: someImages(FULL_IMAGE_GLOBS) }),
  fc.record({ containerImageName: someImages(IMAGE_GLOBS) }),
  fc.record({ containerImageTag: some(TAG_GLOBS) }),
  fc.record({ containerImageDigest: some(DIGESTS) }),
  fc.record({ containerName: some(NAME_GLOBS) }),
  fc.record({ containerPrivileged: fc.boolean() }),
  fc.record({ kubernetesClusterId: some(CLUSTERS) }),
  fc.record({ kubernetesClusterName: some(CLUSTERS) }),
  fc.record({ kubernetesNamespace: some(NAME_GLOBS) }),
  fc.record({ kubernetesPodName: some(NAME_GLOBS) }),
  fc.record({ kubernetesPodLabel: some(LABEL_GLOBS) }),
  fc.record({ kubernetesWorkload: some(WORKLOAD_GLOBS) }),
  fc.record({ kubernetesServiceAccount: some(NAME_GLOBS) }),
  fc.record({ nodeLabel: some(LABEL_GLOBS) }),
  fc.record({ processExecutable: pathGlobs }),
  fc.record({ processName: some(FILE_NAMES) }),
  fc.record({ processUserId: userIds }),
  fc.record({ processCapability: some(CAPABILITY_NAMES, 2) }),
];
const CONDITIONS: Readonly<Record<SectionName, readonly ConditionArbitrary[]>> = {
  process: [
    ...BOTH,
    fc.record({ parentExecutable: pathGlobs }),
    fc.record({ processArgs: some(ARG_GLOBS) }),
    fc.record({ sessionLeaderInteractive: fc.boolean() }),
    fc.record({ executableOrigin: some(ORIGINS) }),
  ],
  file: [
    ...BOTH,
    fc.record({ ignoreVolumeMounts: fc.boolean() }),
    fc.record({ ignoreVolumeFiles: fc.boolean() }),
    // Often, since without a path little can be blocked.
    ...Array.from({ length: 12 }, () => fc.record({ targetFilePath: pathGlobs })),
  ],
};
const OPERATIONS: Readonly<Record<SectionName, readonly Operation[]>> = {
  process: PROCESS_OPERATIONS,
  file: FILE_OPERATIONS,
};

/** The same for conditions of which a selector may have only one. */
function exclusionOf(conditions: SelectorConditions): string {
  const [word = ''] = Object.keys(conditions);
  if (/^containerImage(Full)?Name$/.test(word)) return 'image';
  if (/^ignoreVolume/.test(word)) return 'volume';
  return /^process(Executable|Name)$/.test(word) ? 'executable' : word;
}

function selector(section: SectionName, name: string): fc.Arbitrary<SelectorDocument> {
  const operation = fc.record({ operation: some(OPERATIONS[section], 7) });
  const others = (minLength: number): fc.Arbitrary<SelectorConditions[]> =>
    fc.uniqueArray(fc.oneof(...CONDITIONS[section]), {
      minLength,
      maxLength: 3,
      selector: exclusionOf,
    });
  return fc
    .oneof(
      others(1),
      fc.tuple(operation, others(0)).map(([first, rest]) => [first, ...rest]),
    )
    .map(([a, b, c, d]) => ({ name, ...a, ...b, ...c, ...d }));
}

function response(
  section: SectionName,
  selectors: readonly SelectorDocument[],
): fc.Arbitrary<ResponseDocument> {
  const names = selectors.map(({ name }) => name);
  return fc
    .record({
      match: some(names),
      exclude: fc.option(some(names, 2), { nil: [], freq: 2 }),
      actions: some<Action>(['log', 'alert', 'block']),
    })
    .map(({ match, exclude, actions }) => ({
      match,
      ...(exclude.length > 0 ? { exclude } : {}),
      actions: allowedActions(
        section,
        actions,
        ofNames(selectors, match),
        ofNames(selectors, exclude),
      ),
    }));
}

function ofNames(
  selectors: readonly SelectorDocument[],
  names: readonly string[],
): SelectorDocument[] {
  return selectors.filter(({ name }) => names.includes(name));
}

const BLOCK_NEEDS_PATH: readonly Operation[] = [
  'createFile',
  'modifyFile',
  'deleteFile',
  'openFile',
  'renameFile',
];

/** `block` gets an `alert` beside it, or goes where the language does not allow it. */
function allowedActions(
  section: SectionName,
  actions: readonly Action[],
  match: readonly SelectorDocument[],
  exclude: readonly SelectorDocument[],
): Action[] {
  const needsPath = ({ operation = FILE_OPERATIONS, targetFilePath }: SelectorDocument): boolean =>
    !targetFilePath && operation.some((word) => BLOCK_NEEDS_PATH.includes(word));
  const isLimited = exclude.some(({ targetFilePath }) => targetFilePath) || !match.some(needsPath);
  const mayBlock =
    section === 'process'
      ? ![...match, ...exclude].some(({ processArgs }) => processArgs)
      : isLimited;
  if (!actions.includes('block')) return [...actions];
  return mayBlock ? [...new Set<Action>([...actions, 'alert'])] : ['alert'];
}

function section(name: SectionName): fc.Arbitrary<SectionDocument> {
  return some(['a', 'build-pods', 'X_1', '9'], 4)
    .chain((names) => fc.tuple(...names.map((selectorName) => selector(name, selectorName))))
    .chain((selectors) =>
      fc.record({
        selectors: fc.constant(selectors),
        responses: fc.array(response(name, selectors), { minLength: 1, maxLength: 3 }),
      }),
    );
}

/** Valid documents, as plain objects: parsePolicy accepts their JSON. */
export const documents: fc.Arbitrary<PolicyDocument> = fc
  .record(
    {
      version: fc.constantFrom('1.0.0'),
      process: section('process'),
      file: section('file'),
      unknownContainer: fc.constantFrom('allow', 'enforce'),
    },
    { requiredKeys: [] },
  )
  .filter(({ process, file }) => process !== undefined || file !== undefined);

export const referencePolicies: fc.Arbitrary<ReferencePolicy> = fc.record({
  document: documents,
  mode: fc.constantFrom('observe', 'enforce'),
});

/** The policies of one container. */
export const policySets: fc.Arbitrary<ReferencePolicy[]> = fc.array(referencePolicies, {
  minLength: 1,
  maxLength: 3,
});

const names = fc.constantFrom(...NAMES, '');
const labels = fc.dictionary(
  fc.constantFrom('app', 'tier_1', 'z'),
  fc.constantFrom(...LABEL_VALUES),
  {
    maxKeys: 2,
    noNullPrototype: true,
  },
);

export const knownFacts: fc.Arbitrary<ContainerFacts> = fc.record(
  {
    id: fc.constantFrom('c0ffee', ''),
    name: names,
    imageFullName: fc.constantFrom(...IMAGES, ''),
    imageTag: fc.constantFrom(...TAGS),
    imageDigest: fc.constantFrom(...DIGESTS, ''),
    podName: names,
    podNamespace: names,
    podUid: fc.constantFrom('u1', ''),
    privileged: fc.boolean(),
    clusterId: fc.constantFrom(...CLUSTERS, ''),
    clusterName: fc.constantFrom(...CLUSTERS, ''),
    podLabels: labels,
    workload: fc.constantFrom(...WORKLOADS),
    serviceAccount: names,
    nodeLabels: labels,
  },
  {
    requiredKeys: [
      ...(['id', 'name', 'imageFullName', 'imageTag'] as const),
      ...(['imageDigest', 'podName', 'podNamespace', 'podUid'] as const),
    ],
  },
);

/** undefined: nothing is known of the container; members that are not there: so much is not known. */
export const facts: fc.Arbitrary<ContainerFacts | undefined> = maybe(knownFacts);

/** A path as text, as its bytes, or with bytes that are no UTF-8. */
export const paths: fc.Arbitrary<PathBytes> = fc.oneof(
  fc.constantFrom(...PATHS),
  fc.constantFrom(...PATHS).map((path) => new Uint8Array(Buffer.from(path))),
  fc
    .constantFrom('/tmp/\xff', '/tmp/\x80c', '/bin/\n')
    .map((path) => new Uint8Array(Buffer.from(path, 'latin1'))),
);

const ofAnySection = {
  executable: maybe(paths),
  userId: maybe(fc.constantFrom(0, 999, 1000, 1001, 1999, 65534, 4294967294, 4294967295)),
  capabilities: maybe(
    fc.subarray(CAPABILITY_BITS).map((bits) => bits.reduce((set, bit) => set | (1n << bit), 0n)),
  ),
};

export const processEvents: fc.Arbitrary<PolicyEvent> = fc.record({
  ...ofAnySection,
  operations: some(PROCESS_OPERATIONS),
  parentExecutable: maybe(paths),
  origin: maybe(fc.constantFrom(...ORIGINS)),
  args: maybe(fc.array(fc.constantFrom(...ARGS), { maxLength: 3 })),
  interactive: maybe(fc.boolean()),
});

export const fileEvents: fc.Arbitrary<PolicyEvent> = fc.record({
  ...ofAnySection,
  operations: some(FILE_OPERATIONS),
  targetPath: maybe(paths),
  targetVolume: maybe(fc.constantFrom('none', 'directory', 'file')),
});

export const events: fc.Arbitrary<PolicyEvent> = fc.oneof(processEvents, fileEvents);

/** A pattern, or a piece of one, and a text that it matches. */
export interface GlobExample {
  readonly pattern: string;
  readonly text: string;
}

const GLOB_PIECES: readonly GlobExample[] = [
  ...['a', 'b', '.', '/', 'é'].map((text) => ({ pattern: text, text })),
  ...['*', '?', '[', '{', ',', '\\', 'a', '/'].map((text) => ({ pattern: `\\${text}`, text })),
  ...['', 'a', 'ab', '.\n'].map((text) => ({ pattern: '*', text })),
  ...['', 'a', '/', 'a/b', 'b/.a/'].map((text) => ({ pattern: '**', text })),
  ...['/', '//', '/a/', '/a/b/'].map((text) => ({ pattern: '/**/', text })),
  ...['a', '.', '\n'].map((text) => ({ pattern: '?', text })),
  ...['[ab]', '[a-b]', '[!b]', '[^.]', '[.-a]', '[]a]', '[!]]', '[\\]a]', '[a-]', '[{,a}]'].map(
    (pattern) => ({ pattern, text: 'a' }),
  ),
  ...['[]]', '[\\]]', '[!a]', '[!!a]'].map((pattern) => ({ pattern, text: ']' })),
];

const globPieces = fc.constantFrom(...GLOB_PIECES).map((piece) => ({ ...piece, alternatives: 1 }));

/** Far below what the language allows a value. */
const MAX_ALTERNATIVES = 32;

interface CountedGlob extends GlobExample {
  readonly alternatives: number;
}

const { globs: countedGlobs } = fc.letrec<{ globs: CountedGlob; braces: CountedGlob }>((tie) => ({
  globs: fc
    .array(
      fc.oneof(
        { depthSize: 'small', maxDepth: 3, withCrossShrink: true },
        { weight: 9, arbitrary: globPieces },
        { weight: 1, arbitrary: tie('braces') },
      ),
      { maxLength: 5 },
    )
    .map((pieces) => ({
      pattern: pieces.map(({ pattern }) => pattern).join(''),
      text: pieces.map(({ text }) => text).join(''),
      alternatives: pieces.reduce((product, { alternatives }) => product * alternatives, 1),
    })),
  braces: fc.array(tie('globs'), { minLength: 2, maxLength: 3 }).map((alternatives) => ({
    pattern: `{${alternatives.map(({ pattern }) => pattern).join(',')}}`,
    text: alternatives[0]?.text ?? '',
    alternatives: alternatives.reduce((sum, one) => sum + one.alternatives, 0),
  })),
}));

/** Patterns with a text that they match. */
export const globExamples: fc.Arbitrary<GlobExample> = countedGlobs.filter(
  ({ alternatives }) => alternatives <= MAX_ALTERNATIVES,
);

/** Well formed patterns with all that globs have; not all begin with `/`. */
export const globPatterns: fc.Arbitrary<string> = globExamples.map(({ pattern }) => pattern);

/** Bytes out of the alphabet of globPatterns, newlines, what is no UTF-8 and the bytes of globs. */
export const pathTexts: fc.Arbitrary<Uint8Array> = fc
  .array(fc.constantFrom(...Buffer.from('aab..//\n*]\x80\xff', 'latin1')), { maxLength: 9 })
  .map((bytes) => Uint8Array.from(bytes));

/** A pattern and a text: one that it matches, one near that, or any. */
export const globCases: fc.Arbitrary<{ pattern: string; text: Uint8Array }> = fc.oneof(
  globExamples.map(({ pattern, text }) => ({ pattern, text: Uint8Array.from(Buffer.from(text)) })),
  fc
    .record({ glob: globExamples, at: fc.nat(9), removed: fc.nat(1), added: pathTexts })
    .map(({ glob, at, removed, added }) => {
      const bytes = [...Buffer.from(glob.text)];
      bytes.splice(at, removed, ...added.slice(0, 1));
      return { pattern: glob.pattern, text: Uint8Array.from(bytes) };
    }),
  fc.record({ pattern: globPatterns, text: pathTexts }),
);
