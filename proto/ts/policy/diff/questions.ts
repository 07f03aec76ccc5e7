import { type BoundSelector, SelectorTable } from '../bind.js';
import { eventConditions } from '../event-conditions.js';
import { wantedBy } from '../explain.js';
import { judgeFacts, type Truth } from '../facts.js';
import type { ConditionName } from '../language.js';
import type {
  Operation,
  PolicySelector,
  TextCondition,
  UnknownContainer,
  UserIdRange,
} from '../model.js';
import type { PathMatches } from '../path-matches.js';
import { splitImage } from '../values.js';
import { type Aspect, isEventAspect, type Sample } from './sample.js';

/** What one condition asks of one aspect. */
export interface Question {
  readonly condition: ConditionName;
  readonly values: readonly string[];
  readonly userIds: readonly UserIdRange[];
  /** As the matcher does; not to be used for paths and arguments, which automatons decide. */
  readonly judge: (sample: Sample) => Truth;
}

/** A question that must be answered with yes. */
export interface Literal {
  readonly aspect: Aspect;
  readonly question: number;
  /** What is unknown of a container counts as yes. */
  readonly enforce: boolean;
}

/** A selector, or one of several that together mean it. */
export interface Conjunction {
  readonly operations: readonly Operation[];
  readonly literals: readonly Literal[];
}

/** The distinct questions of selectors, by aspect. */
export class QuestionTable {
  readonly #byAspect = new Map<Aspect, Question[]>();
  readonly #indexes = new Map<string, number>();
  readonly #bound = new SelectorTable();

  of(aspect: Aspect): readonly Question[] {
    return this.#byAspect.get(aspect) ?? [];
  }

  /** The selector matches if one of these does. */
  conjunctionsOf(
    selector: PolicySelector,
    unknownContainer: UnknownContainer,
  ): readonly Conjunction[] {
    const literals = [...this.#eventLiterals(selector), ...this.#factLiterals(selector)];
    const settled = (some: readonly Asked[]): Conjunction => ({
      operations: selector.operations,
      literals: some.map(({ aspect, question }) => ({
        aspect,
        question: this.#indexOf(aspect, question),
        enforce: unknownContainer === 'enforce' && !isEventAspect(aspect),
      })),
    });
    return imagesOf(selector).map((images) => settled([...literals, ...images]));
  }

  #indexOf(aspect: Aspect, question: Question): number {
    const key = JSON.stringify([aspect, question.condition, question.values]);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const questions = this.#byAspect.get(aspect) ?? [];
    this.#byAspect.set(aspect, questions);
    this.#indexes.set(key, questions.length);
    questions.push(question);
    return questions.length - 1;
  }

  #eventLiterals(selector: PolicySelector): Asked[] {
    const bound = this.#bound.list[this.#bound.indexOf(selector)];
    if (!bound) return [];
    const { args, paths } = this.#bound;
    return eventConditions(bound, args.list).flatMap(({ condition, judge }) => {
      const aspect = EVENT_ASPECTS_OF[condition];
      if (!aspect) return [];
      const list = pathListOf(bound, aspect);
      // Both conditions on the executable ask of one path.
      const named = list === undefined ? condition : 'processExecutable';
      const values = list === undefined ? undefined : paths.list[list];
      const question: Question = {
        condition: named,
        values: values ?? wantedBy(selector, condition),
        userIds: condition === 'processUserId' ? selector.userIds : [],
        judge: ({ event }) => judge({ operations: [], ...event }, NO_PATHS),
      };
      return [{ aspect, question }];
    });
  }

  #factLiterals(selector: PolicySelector): Asked[] {
    return judgeFacts(selector, undefined).flatMap(({ condition }) => {
      const aspect = FACT_ASPECTS_OF[condition];
      if (!aspect) return [];
      const { containerPrivileged: wanted } = selector.flags;
      const alone: PolicySelector =
        condition === 'containerPrivileged'
          ? { ...NO_CONDITIONS, flags: wanted === undefined ? {} : { containerPrivileged: wanted } }
          : onlyTexts({ [condition]: wantedBy(selector, condition) });
      return [{ aspect, question: factQuestion(condition, wantedBy(selector, condition), alone) }];
    });
  }
}

interface Asked {
  readonly aspect: Aspect;
  readonly question: Question;
}

const NO_PATH = { known: false, lists: new Uint32Array() };
const NO_PATHS: PathMatches = { executable: NO_PATH, parentExecutable: NO_PATH, target: NO_PATH };

const NO_CONDITIONS: PolicySelector = {
  name: '',
  operations: [],
  executableOrigins: [],
  texts: {},
  flags: {},
  userIds: [],
  capabilities: [],
};

const EVENT_ASPECTS_OF: { readonly [Name in ConditionName]?: Aspect } = {
  executableOrigin: 'origin',
  sessionLeaderInteractive: 'interactive',
  ignoreVolumeMounts: 'volume',
  ignoreVolumeFiles: 'volume',
  targetFilePath: 'target',
  processExecutable: 'executable',
  processName: 'executable',
  parentExecutable: 'parentExecutable',
  processArgs: 'args',
  processUserId: 'userId',
  processCapability: 'capabilities',
};

/** Image names are asked in parts (imagesOf). */
const FACT_ASPECTS_OF: { readonly [Name in ConditionName]?: Aspect } = {
  containerImageTag: 'imageTag',
  containerImageDigest: 'imageDigest',
  containerName: 'containerName',
  containerPrivileged: 'privileged',
  kubernetesClusterId: 'clusterId',
  kubernetesClusterName: 'clusterName',
  kubernetesNamespace: 'podNamespace',
  kubernetesPodName: 'podName',
  kubernetesPodLabel: 'podLabels',
  kubernetesWorkload: 'workload',
  kubernetesServiceAccount: 'serviceAccount',
  nodeLabel: 'nodeLabels',
};

/** The aspects that a condition of a selector is about. */
export function aspectOf(condition: ConditionName): Aspect | undefined {
  if (condition === 'containerImageFullName' || condition === 'containerImageName') {
    return 'imageFullName';
  }
  return EVENT_ASPECTS_OF[condition] ?? FACT_ASPECTS_OF[condition];
}

function pathListOf(bound: BoundSelector, aspect: Aspect): number | undefined {
  if (aspect === 'target' || aspect === 'executable' || aspect === 'parentExecutable') {
    return bound[aspect];
  }
  return undefined;
}

function onlyTexts(texts: PolicySelector['texts']): PolicySelector {
  return { ...NO_CONDITIONS, texts };
}

function factQuestion(
  condition: ConditionName,
  values: readonly string[],
  alone: PolicySelector,
): Question {
  const judge = ({ facts }: Sample): Truth => judgeFacts(alone, facts)[0]?.truth;
  return { condition, values, userIds: [], judge };
}

/** One entry for each tag and digest that image names stand with; no image names are one without any. */
function imagesOf({ texts }: PolicySelector): Asked[][] {
  const { containerImageFullName: full, containerImageName: base } = texts;
  const condition = full ? 'containerImageFullName' : 'containerImageName';
  const values = full ?? base;
  if (!values) return [[]];
  const groups = new Map<string, { names: string[]; rest: Asked[] }>();
  for (const value of values) {
    const { name, tag, digest } = splitImage(value);
    const key = JSON.stringify([tag, digest]);
    const group = groups.get(key) ?? { names: [], rest: tagAndDigest(tag, digest) };
    groups.set(key, group);
    group.names.push(name);
  }
  return [...groups.values()].map(({ names, rest }) => [
    { aspect: 'imageFullName', question: textQuestion(condition, names) },
    ...rest,
  ]);
}

function tagAndDigest(tag: string | undefined, digest: string | undefined): Asked[] {
  const asked: Asked[] = [];
  if (tag !== undefined) {
    asked.push({ aspect: 'imageTag', question: textQuestion('containerImageTag', [tag]) });
  }
  if (digest !== undefined) {
    asked.push({ aspect: 'imageDigest', question: textQuestion('containerImageDigest', [digest]) });
  }
  return asked;
}

function textQuestion(condition: TextCondition, values: readonly string[]): Question {
  return factQuestion(condition, values, onlyTexts({ [condition]: values }));
}
