import { matchesGlob } from './glob-match.js';
import type { ConditionName } from './language.js';
import type { ContainerFacts, PolicySelector, TextCondition } from './model.js';
import { splitImage, splitPair } from './values.js';

/** Three-valued: undefined where the facts that would decide have not arrived. */
export type Truth = boolean | undefined;

/** One condition on a container, judged. */
export interface JudgedFact {
  readonly condition: ConditionName;
  readonly truth: Truth;
  /** What the container has; undefined: not known. */
  readonly actual: string | boolean | undefined;
}

type FactTextCondition = Exclude<
  TextCondition,
  'targetFilePath' | 'processExecutable' | 'processName' | 'parentExecutable' | 'processArgs'
>;

interface FactText {
  /** As it may be shown. */
  readonly actual: string | undefined;
  readonly matches: (value: string) => Truth;
}

/** How each condition on a container sees the facts. */
const FACT_TEXTS: Readonly<
  Record<FactTextCondition, (facts: ContainerFacts | undefined) => FactText>
> = {
  containerImageFullName: (facts) => imageText(facts, (name) => name),
  containerImageName: (facts) => imageText(facts, imageBaseName),
  containerImageTag: (facts) => globText(facts?.imageTag),
  containerImageDigest: (facts) => exactText(facts?.imageDigest),
  containerName: (facts) => globText(facts?.name),
  kubernetesClusterId: (facts) => exactText(facts?.clusterId),
  kubernetesClusterName: (facts) => exactText(facts?.clusterName),
  kubernetesNamespace: (facts) => globText(facts?.podNamespace),
  kubernetesPodName: (facts) => globText(facts?.podName),
  kubernetesPodLabel: (facts) => labelsText(facts?.podLabels),
  kubernetesWorkload: (facts) => workloadText(facts?.workload),
  kubernetesServiceAccount: (facts) => globText(facts?.serviceAccount),
  nodeLabel: (facts) => labelsText(facts?.nodeLabels),
};

/** Conditions that a container's facts decide; the others are about an event. */
export function isFactCondition(condition: ConditionName): boolean {
  return condition === 'containerPrivileged' || isFactText(condition);
}

/** The part of a selector that a container's facts decide, condition by condition. */
export function judgeFacts(
  { texts, flags }: PolicySelector,
  facts: ContainerFacts | undefined,
): JudgedFact[] {
  const judged: JudgedFact[] = [];
  for (const [condition, values] of Object.entries(texts)) {
    if (!isFactText(condition)) continue;
    const { actual, matches } = FACT_TEXTS[condition](facts);
    judged.push({ condition, actual, truth: some(values.map(matches)) });
  }
  const wanted = flags.containerPrivileged;
  if (wanted !== undefined) {
    const actual = facts?.privileged;
    const truth = actual === undefined ? undefined : actual === wanted;
    judged.push({ condition: 'containerPrivileged', actual, truth });
  }
  return judged;
}

/** Kleene's AND: false wins over unknown. */
export function every(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.includes(undefined) ? undefined : true;
}

/** Kleene's OR: true wins over unknown. */
function some(truths: readonly Truth[]): Truth {
  if (truths.includes(true)) return true;
  return truths.includes(undefined) ? undefined : false;
}

/** The last component of an image's path. */
export function imageBaseName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('/') + 1);
}

function isFactText(condition: string): condition is FactTextCondition {
  return Object.hasOwn(FACT_TEXTS, condition);
}

/** '' is what a container does not have: nothing matches it. */
function known(fact: string | undefined, matches: (fact: string) => boolean): Truth {
  if (fact === undefined) return undefined;
  return fact !== '' && matches(fact);
}

function exactText(fact: string | undefined): FactText {
  return { actual: fact, matches: (value) => known(fact, (text) => text === value) };
}

function globText(fact: string | undefined): FactText {
  return {
    actual: fact,
    matches: (value) => known(fact, (text) => matchesGlob(value, text, 'name')),
  };
}

function workloadText(fact: string | undefined): FactText {
  const matches = (value: string) => (text: string) => matchesPair(value, text, '/');
  return { actual: fact, matches: (value) => known(fact, matches(value)) };
}

function labelsText(labels: Readonly<Record<string, string>> | undefined): FactText {
  const texts = labels && Object.entries(labels).map(([key, value]) => `${key}:${value}`);
  return {
    actual: texts?.join(', '),
    matches: (value) => texts?.some((text) => matchesPair(value, text, ':')),
  };
}

function imageText(
  facts: ContainerFacts | undefined,
  part: (fullName: string) => string,
): FactText {
  const name = facts && part(facts.imageFullName);
  return {
    actual: name,
    matches: (value) => {
      const wanted = splitImage(value);
      const { tag, digest } = wanted;
      return every([
        known(name, (text) => matchesGlob(wanted.name, text, 'path')),
        tag === undefined || known(facts?.imageTag, (text) => matchesGlob(tag, text, 'name')),
        digest === undefined || known(facts?.imageDigest, (text) => text === digest),
      ]);
    },
  };
}

function matchesPair(value: string, text: string, separator: ':' | '/'): boolean {
  const [left, right] = splitPair(value, separator);
  const [textLeft, textRight] = splitPair(text, separator);
  return matchesGlob(left, textLeft, 'name') && matchesGlob(right, textRight, 'name');
}
