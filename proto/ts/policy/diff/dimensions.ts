import { type Capability, capabilityNumber, isCapability } from '../capabilities.js';
import type { PathBytes, TargetVolume } from '../event.js';
import type { ExecutableOrigin } from '../model.js';
import { MAX_USER_ID } from '../user-ids.js';
import { type Choice, ChoiceDimension } from './choice-dimension.js';
import type { AspectSort, Dimension } from './dimension.js';
import { instancesOf } from './instances.js';
import { labelDimension } from './label-dimension.js';
import { IMAGE_NAMES, KERNEL_PATHS, NAMES, TEXTS } from './languages.js';
import type { Question } from './questions.js';
import {
  type Aspect,
  isCertainFact,
  isEventAspect,
  ordinarySample,
  PUT_NOTHING,
  PUT_PATH,
  PUT_TEXT,
  type Put,
} from './sample.js';
import { SetDimension } from './set-dimension.js';
import { isMatched, type TextClasses, textClasses } from './text-classes.js';
import { workloadTexts } from './workloads.js';

/** The values of an aspect that these questions tell apart. */
export function createDimension(aspect: Aspect, questions: readonly Question[]): Dimension {
  switch (aspect) {
    case 'origin':
      return judged(
        aspect,
        questions,
        ORIGINS.map((origin) => ({ event }) => {
          event.origin = origin;
        }),
      );
    case 'volume':
      return judged(
        aspect,
        questions,
        VOLUMES.map((volume) => ({ event }) => {
          event.targetVolume = volume;
        }),
      );
    case 'interactive':
      return judged(
        aspect,
        questions,
        [false, true].map((is) => ({ event }) => {
          event.interactive = is;
        }),
      );
    case 'privileged':
      return judged(
        aspect,
        questions,
        [false, true].map((is) => ({ facts }) => {
          facts.privileged = is;
        }),
      );
    case 'userId':
      return judged(
        aspect,
        questions,
        userIdsOf(questions).map((userId) => ({ event }) => {
          event.userId = userId;
        }),
      );
    case 'capabilities':
      return capabilityDimension(questions);
    case 'args':
      return argumentDimension(questions);
    case 'target':
    case 'executable':
    case 'parentExecutable':
      return pathDimension(aspect, questions);
    case 'imageFullName':
      return imageDimension(questions);
    case 'imageDigest':
    case 'clusterId':
    case 'clusterName':
      return exactDimension(aspect, questions);
    case 'imageTag':
    case 'containerName':
    case 'podNamespace':
    case 'podName':
    case 'serviceAccount':
      return nameDimension(aspect, questions);
    case 'workload': {
      const { texts, complete } = workloadTexts(questions);
      return judged(
        aspect,
        questions,
        [...texts, ''].map((text) => textPut(aspect, text)),
        complete,
      );
    }
    case 'podLabels':
    case 'nodeLabels':
      return labelDimension(aspect, questions);
  }
}

const ORIGINS: readonly ExecutableOrigin[] = ['image', 'writable', 'volume', 'memory', 'unknown'];
const VOLUMES: readonly TargetVolume[] = ['none', 'directory', 'file'];

/** Each value is judged as the matcher does. */
function judged(
  aspect: Aspect,
  questions: readonly Question[],
  puts: readonly Put[],
  complete = true,
): Dimension {
  const choices = new Map<string, Choice>();
  for (const put of puts) {
    const sample = ordinarySample();
    put(sample);
    const truths = questions.map(({ judge }) => judge(sample));
    const key = truths.join();
    if (!choices.has(key)) choices.set(key, { answer: (at) => truths[at], put, gap: false });
  }
  return withGap(aspect, questions, [...choices.values()], complete);
}

function withGap(
  aspect: Aspect,
  questions: readonly Question[],
  choices: readonly Choice[],
  complete: boolean,
): Dimension {
  const put: Put = isCertainFact(aspect) ? () => undefined : PUT_NOTHING[aspect];
  const gap: Choice = { answer: () => undefined, put, gap: true };
  return new ChoiceDimension([...choices, gap], questions.length, sortOf(aspect), complete);
}

function sortOf(aspect: Aspect): AspectSort {
  if (isEventAspect(aspect)) return 'event';
  return isCertainFact(aspect) ? 'certain fact' : 'uncertain fact';
}

/** Where a range begins, and where what is behind one does. */
function userIdsOf(questions: readonly Question[]): number[] {
  const ranges = questions.flatMap(({ userIds }) => userIds);
  const userIds = [1000, 0, ...ranges.flatMap(({ first, last }) => [first, last + 1])];
  return userIds.filter((userId) => userId <= MAX_USER_ID);
}

function capabilityDimension(questions: readonly Question[]): Dimension {
  const names = new Set(questions.flatMap(({ values }) => values.filter(isCapability)));
  const maskOf = (values: readonly Capability[]): bigint =>
    values.reduce((mask, name) => mask | (1n << BigInt(capabilityNumber(name))), 0n);
  const members = [...names].map((value) => {
    const sample = ordinarySample();
    sample.event.capabilities = maskOf([value]);
    return { value, yes: questionsOf(questions, ({ judge }) => judge(sample)), group: value };
  });
  return new SetDimension<Capability>({
    members,
    complete: true,
    groupsOfSort: members.length,
    put: ({ event }, values) => {
      event.capabilities = maskOf(values);
    },
    putNothing: PUT_NOTHING.capabilities,
    sort: 'event',
  });
}

function questionsOf(
  questions: readonly Question[],
  has: (question: Question, at: number) => boolean | undefined,
): Set<number> {
  return new Set(
    [...questions.keys()].filter((at) => {
      const question = questions[at];
      return question !== undefined && has(question, at) === true;
    }),
  );
}

function argumentDimension(questions: readonly Question[]): Dimension {
  const lists = questions.map(({ values }) => values);
  const { classes, complete } = textClasses({
    language: TEXTS,
    machines: [{ lists, kind: 'name' }],
    ordinary: ['example', ...lists.flat().flatMap((pattern) => instancesOf(pattern, 'name'))],
  });
  const members = classes.map((one) => {
    const value = textOf(one.texts[0]);
    return { value, yes: questionsOf(questions, (_, at) => isMatched(one, at)), group: value };
  });
  return new SetDimension<string>({
    members,
    complete,
    groupsOfSort: Number.POSITIVE_INFINITY,
    put: ({ event }, values) => {
      event.args = values;
    },
    putNothing: PUT_NOTHING.args,
    sort: 'event',
  });
}

const ORDINARY_PATHS = {
  target: ['/srv/example', '/data/example', '/mnt/example/file'],
  executable: ['/usr/bin/example', '/opt/example/bin/example', '/srv/example'],
  parentExecutable: ['/usr/bin/example', '/opt/example/bin/example', '/srv/example'],
} as const;

function pathDimension(
  aspect: keyof typeof ORDINARY_PATHS,
  questions: readonly Question[],
): Dimension {
  const lists = questions.map(({ values }) => values);
  const instances = lists.flat().flatMap((pattern) => instancesOf(pattern, 'path'));
  const { classes, complete } = textClasses({
    language: KERNEL_PATHS,
    machines: [{ lists, kind: 'path' }],
    ordinary: [...ORDINARY_PATHS[aspect], ...instances],
  });
  const choices = classes.map(
    (one): Choice => ({
      answer: (at) => isMatched(one, at),
      put: (sample) => PUT_PATH[aspect](sample, pathOf(one.texts[0])),
      gap: false,
    }),
  );
  return withGap(aspect, questions, choices, complete);
}

function textPut(aspect: keyof typeof PUT_TEXT, text: string): Put {
  return (sample) => PUT_TEXT[aspect](sample, text);
}

const ORDINARY_NAMES = {
  imageTag: ['latest'],
  containerName: ['example'],
  podNamespace: ['default', 'example'],
  podName: ['example'],
  serviceAccount: ['default', 'example'],
} as const;

function nameDimension(
  aspect: keyof typeof ORDINARY_NAMES,
  questions: readonly Question[],
): Dimension {
  const lists = questions.map(({ values }) => values);
  const found = textClasses({
    language: NAMES,
    machines: [{ lists, kind: 'name' }],
    ordinary: [
      ...ORDINARY_NAMES[aspect],
      ...lists.flat().flatMap((pattern) => instancesOf(pattern, 'name')),
    ],
  });
  return namesDimension(aspect, questions, found, () => 0);
}

function imageDimension(questions: readonly Question[]): Dimension {
  const isFull = ({ condition }: Question): boolean => condition === 'containerImageFullName';
  const listsOf = (full: boolean): (readonly string[])[] =>
    questions.map((question) => (isFull(question) === full ? question.values : []));
  const [full, base] = [listsOf(true), listsOf(false)];
  const found = textClasses({
    language: IMAGE_NAMES,
    machines: [
      { lists: full, kind: 'path' },
      { lists: base, kind: 'path', lastComponent: true },
    ],
    ordinary: [
      'docker.io/library/example',
      ...full.flat().flatMap((pattern) => instancesOf(pattern, 'path')),
      ...base
        .flat()
        .flatMap((pattern) => instancesOf(pattern, 'path'))
        .map((name) => `docker.io/library/${name}`),
    ],
  });
  return namesDimension('imageFullName', questions, found, (question) =>
    isFull(question) ? 0 : 1,
  );
}

/** What has no name matches nothing. */
function namesDimension(
  aspect: keyof typeof PUT_TEXT,
  questions: readonly Question[],
  { classes, complete }: TextClasses,
  machineOf: (question: Question) => number,
): Dimension {
  const machines = questions.map(machineOf);
  const choices = classes.map(
    (one): Choice => ({
      answer: (at) => isMatched(one, at, machines[at]),
      put: (sample) => PUT_TEXT[aspect](sample, textOf(one.texts[0])),
      gap: false,
    }),
  );
  const none: Choice = {
    answer: () => false,
    put: textPut(aspect, ''),
    gap: false,
  };
  return withGap(aspect, questions, [...choices, none], complete);
}

function exactDimension(
  aspect: 'imageDigest' | 'clusterId' | 'clusterName',
  questions: readonly Question[],
): Dimension {
  const other = aspect === 'imageDigest' ? `sha256:${'0'.repeat(64)}` : 'example';
  const values = questions.flatMap((question) => question.values);
  const texts = [other, ...values, `${other}-other`, ''];
  return judged(
    aspect,
    questions,
    texts.map((text) => textPut(aspect, text)),
  );
}

function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** As a text where it is one. */
function pathOf(bytes: Uint8Array | undefined): PathBytes {
  const text = textOf(bytes);
  const again = new TextEncoder().encode(text);
  return bytes && again.join() !== bytes.join() ? bytes : text;
}
