import type { PathBytes, PolicyEvent } from '../../../../proto/ts/policy/event.js';
import type {
  Action,
  ContainerFacts,
  ExecutableOrigin,
  FlagCondition,
  Operation,
  PolicyMode,
  SectionName,
  TextCondition,
} from '../../../../proto/ts/policy/model.js';
import { bytesOf, matchesGlob, withoutBraces } from './naive-glob.js';

/**
 * What policies mean, read from LANGUAGE.md alone and judged on the document itself. It must stay
 * independent of proto/ts/policy, whose matcher is held against it, so it takes nothing but types.
 */

/** A selector as the document has it. */
export type SelectorDocument = { readonly name: string } & SelectorConditions;

export type SelectorConditions = {
  readonly operation?: readonly Operation[];
  readonly executableOrigin?: readonly ExecutableOrigin[];
  readonly processUserId?: readonly (number | string)[];
  readonly processCapability?: readonly string[];
} & { readonly [Word in TextCondition]?: readonly string[] } & {
  readonly [Word in FlagCondition]?: boolean;
};

export interface ResponseDocument {
  readonly match: readonly string[];
  readonly exclude?: readonly string[];
  readonly actions: readonly Action[];
}

export interface SectionDocument {
  readonly selectors: readonly SelectorDocument[];
  readonly responses: readonly ResponseDocument[];
}

export interface PolicyDocument {
  readonly version?: string;
  readonly process?: SectionDocument;
  readonly file?: SectionDocument;
  readonly unknownContainer?: 'allow' | 'enforce';
}

export interface ReferencePolicy {
  readonly document: PolicyDocument;
  readonly mode: PolicyMode;
}

export interface FiredResponse {
  /** Index into the policies. */
  readonly policy: number;
  readonly section: SectionName;
  readonly match: readonly string[];
  readonly exclude: readonly string[];
  readonly actions: readonly Action[];
}

export interface ReferenceVerdict {
  /** In the order of the policies, process before file, then in the order of the document. */
  readonly fired: readonly FiredResponse[];
  /** Of all fired responses as they are written, `block` of observing policies too. */
  readonly actions: ReadonlySet<Action>;
  readonly block: boolean;
  /** Never beside `block`. */
  readonly wouldBlock: boolean;
  /** Names of the conditions that could not be decided and that the outcome may hang on. */
  readonly undecided: ReadonlySet<string>;
}

/** Kleene's logic: undefined is neither true nor false. */
type Truth = boolean | undefined;

const DEFAULT_OPERATIONS: Readonly<Record<SectionName, readonly Operation[]>> = {
  process: ['fork', 'exec'],
  file: ['createExecutable', 'modifyExecutable', 'createFile', 'modifyFile', 'deleteFile'],
};

/** In the order of include/uapi/linux/capability.h. */
const CAPABILITY_WORDS = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
  NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
  SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
  MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
  BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
  .trim()
  .split(/\s+/);

/** Judges one event against all policies of its container. facts undefined: nothing is known yet. */
export function referenceMatch(
  policies: readonly ReferencePolicy[],
  facts: ContainerFacts | undefined,
  event: PolicyEvent,
): ReferenceVerdict {
  // Each operation is judged on its own.
  const judged = policies.flatMap(({ document, mode }, policy) =>
    (['process', 'file'] as const).flatMap((section) =>
      event.operations.map((operation) => ({
        mode,
        ...judgeSection(document, section, policy, facts, { ...event, operations: [operation] }),
      })),
    ),
  );
  const blocks = (mode: PolicyMode): boolean =>
    judged.some((one) => one.mode === mode && one.fired.some((r) => r.actions.includes('block')));
  const fired = judged.flatMap((one) => one.fired);
  return {
    fired,
    actions: new Set(fired.flatMap(({ actions }) => actions)),
    block: blocks('enforce'),
    wouldBlock: blocks('observe') && !blocks('enforce'),
    undecided: new Set(judged.flatMap((one) => one.undecided)),
  };
}

function judgeSection(
  document: PolicyDocument,
  section: SectionName,
  policy: number,
  facts: ContainerFacts | undefined,
  event: PolicyEvent,
): { fired: FiredResponse[]; undecided: string[] } {
  const { selectors, responses } = document[section] ?? { selectors: [], responses: [] };
  const unknown = document.unknownContainer === 'enforce';
  const holds = (selector: SelectorDocument): boolean =>
    all(factConditions(selector, facts)) ?? unknown;
  // A response of which no selector fits the container says nothing about it.
  const live = responses.filter(({ match }) =>
    selectors.some((selector) => match.includes(selector.name) && holds(selector)),
  );
  const named = new Set(live.flatMap(({ match, exclude = [] }) => [...match, ...exclude]));
  const matching = new Set<string>();
  const undecided: string[] = [];
  for (const selector of selectors) {
    const operations = selector.operation ?? DEFAULT_OPERATIONS[section];
    if (!operations.some((operation) => event.operations.includes(operation))) continue;
    if (!holds(selector)) continue;
    const conditions = eventConditions(selector, event);
    const truth = all(conditions.map((condition) => condition.truth));
    if (truth) matching.add(selector.name);
    if (truth !== undefined || !named.has(selector.name)) continue;
    const unread = conditions.filter((condition) => condition.truth === undefined);
    undecided.push(...unread.map((condition) => condition.name));
  }
  const fired = responses
    .map(({ match, exclude = [], actions }) => ({ policy, section, match, exclude, actions }))
    .filter(({ match }) => match.some((name) => matching.has(name)))
    .filter(({ exclude }) => !exclude.some((name) => matching.has(name)));
  return { fired, undecided };
}

function all(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.includes(undefined) ? undefined : true;
}

/** What the selector asks about the container. */
function factConditions(selector: SelectorDocument, facts: ContainerFacts | undefined): Truth[] {
  /** `fact` gives undefined where it is not known. */
  function condition<Value, Fact>(
    value: Value | undefined,
    fact: Fact | undefined,
    holds: (value: Value, fact: Fact) => boolean,
  ): Truth {
    if (value === undefined) return true;
    return fact === undefined ? undefined : holds(value, fact);
  }
  return [
    condition(selector.containerImageFullName, facts, (values, of) =>
      values.flatMap(withoutBraces).some((value) => matchesImage(value, of.imageFullName, of)),
    ),
    condition(selector.containerImageName, facts, (values, of) =>
      values
        .flatMap(withoutBraces)
        .some((value) => matchesImage(value, lastComponent(of.imageFullName), of)),
    ),
    condition(selector.containerImageTag, facts?.imageTag, anyGlob),
    condition(selector.containerImageDigest, facts?.imageDigest, anyExact),
    condition(selector.containerName, facts?.name, anyGlob),
    condition(selector.containerPrivileged, facts?.privileged, (value, fact) => value === fact),
    condition(selector.kubernetesClusterId, facts?.clusterId, anyExact),
    condition(selector.kubernetesClusterName, facts?.clusterName, anyExact),
    condition(selector.kubernetesNamespace, facts?.podNamespace, anyGlob),
    condition(selector.kubernetesPodName, facts?.podName, anyGlob),
    condition(selector.kubernetesPodLabel, facts?.podLabels, anyLabel),
    condition(selector.kubernetesWorkload, facts?.workload, anyWorkload),
    condition(selector.kubernetesServiceAccount, facts?.serviceAccount, anyGlob),
    condition(selector.nodeLabel, facts?.nodeLabels, anyLabel),
  ];
}

/** A fact: '' is none, and nothing matches it. */
function anyGlob(values: readonly string[], fact: string): boolean {
  return fact !== '' && values.some((value) => matchesGlob(value, fact, 'name'));
}

function anyExact(values: readonly string[], fact: string): boolean {
  return fact !== '' && values.includes(fact);
}

function anyLabel(values: readonly string[], labels: Readonly<Record<string, string>>): boolean {
  return values.flatMap(withoutBraces).some((value) => {
    const [keyGlob, valueGlob] = splitAtFirst(value, ':');
    return Object.entries(labels).some(
      ([key, text]) =>
        matchesGlob(keyGlob, key, 'name') && matchesGlob(valueGlob ?? '', text, 'name'),
    );
  });
}

function anyWorkload(values: readonly string[], fact: string): boolean {
  const [kind, name] = splitAtFirst(fact, '/');
  return values.flatMap(withoutBraces).some((value) => {
    const [kindGlob, nameGlob] = splitAtFirst(value, '/');
    return (
      fact !== '' &&
      matchesGlob(kindGlob, kind, 'name') &&
      matchesGlob(nameGlob ?? '', name ?? '', 'name')
    );
  });
}

/** `name[:tag][@digest]`; the tag begins behind the last `/`, so a registry's port is no tag. */
function matchesImage(value: string, imageName: string, facts: ContainerFacts): boolean {
  const [nameAndTag, digest] = splitAtFirst(value, '@');
  const component = nameAndTag.lastIndexOf('/') + 1;
  const [lastOfName, tag] = splitAtFirst(nameAndTag.slice(component), ':');
  const name = nameAndTag.slice(0, component) + lastOfName;
  // An IPv6 registry is no class.
  const nameGlob = name.replace(/^\[((?:[0-9a-fA-F.]*:){2}[0-9a-fA-F.:]*)\]/, '\\[$1\\]');
  return (
    imageName !== '' &&
    matchesGlob(nameGlob, imageName, 'path') &&
    (tag === undefined || anyGlob([tag], facts.imageTag)) &&
    (digest === undefined || anyExact([digest], facts.imageDigest))
  );
}

/** What the selector asks about the event. */
function eventConditions(
  selector: SelectorDocument,
  event: PolicyEvent,
): { name: string; truth: Truth }[] {
  const conditions: { name: string; truth: Truth }[] = [];
  function condition<Value, Read>(
    name: string,
    value: Value | undefined,
    read: Read | undefined,
    holds: (value: Value, read: Read) => boolean,
  ): void {
    if (value === undefined) return;
    conditions.push({ name, truth: read === undefined ? undefined : holds(value, read) });
  }
  const { executable, targetVolume } = event;
  /** false is no condition. */
  const ifTrue = (value: boolean | undefined): true | undefined => value || undefined;
  condition('targetFilePath', selector.targetFilePath, event.targetPath, anyPath);
  condition(
    'ignoreVolumeMounts',
    ifTrue(selector.ignoreVolumeMounts),
    targetVolume,
    (_, of) => of === 'none',
  );
  condition(
    'ignoreVolumeFiles',
    ifTrue(selector.ignoreVolumeFiles),
    targetVolume,
    (_, of) => of !== 'file',
  );
  condition('processExecutable', selector.processExecutable, executable, anyPath);
  condition('processName', selector.processName, executable, anyProcessName);
  condition('parentExecutable', selector.parentExecutable, event.parentExecutable, anyPath);
  condition('processUserId', selector.processUserId, event.userId, anyUserId);
  condition('processCapability', selector.processCapability, event.capabilities, anyCapability);
  condition('processArgs', selector.processArgs, event.args, (globs, args) =>
    globs.some((glob) => args.some((arg) => matchesGlob(glob, arg, 'name'))),
  );
  condition(
    'sessionLeaderInteractive',
    selector.sessionLeaderInteractive,
    event.interactive,
    (value, read) => value === read,
  );
  condition('executableOrigin', selector.executableOrigin, event.origin, (values, origin) =>
    values.includes(origin),
  );
  return conditions;
}

function anyPath(globs: readonly string[], path: PathBytes): boolean {
  return globs.some((glob) => matchesGlob(glob, path, 'path'));
}

function anyProcessName(names: readonly string[], path: PathBytes): boolean {
  const bytes = Buffer.from(bytesOf(path));
  const component = bytes.subarray(bytes.lastIndexOf('/') + 1);
  return names.some((name) => {
    const wanted = Buffer.from(name);
    const compared = wanted.length === 15 ? component.subarray(0, 15) : component;
    return compared.equals(wanted);
  });
}

function anyUserId(values: readonly (number | string)[], userId: number): boolean {
  return values.some((value) => {
    const [first, last = first] = String(value).split('-');
    return Number(first) <= userId && userId <= Number(last);
  });
}

function anyCapability(names: readonly string[], effective: bigint): boolean {
  return names.some((name) => {
    const bit = CAPABILITY_WORDS.indexOf(name.replace(/^CAP_/, ''));
    if (bit < 0) throw new Error(`there is no capability ${name}`);
    return ((effective >> BigInt(bit)) & 1n) === 1n;
  });
}

function lastComponent(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function splitAtFirst(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
