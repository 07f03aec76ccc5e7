import { splitPair } from '../values.js';
import type { Dimension } from './dimension.js';
import { instancesOf } from './instances.js';
import { LABEL_KEYS, TEXTS } from './languages.js';
import type { Question } from './questions.js';
import { ordinarySample, PUT_NOTHING } from './sample.js';
import { type Member, SetDimension } from './set-dimension.js';
import { type TextSpace, textClasses } from './text-classes.js';
import { listsBySide } from './workloads.js';

interface Label {
  readonly key: string;
  readonly value: string;
}

/** So many keys that do the same: a container may need several at once. */
const MAX_KEYS_OF_SORT = 6;
/** Keys times values: it bounds the time. */
const MAX_JUDGED = 20_000;

/** Labels in every way that the questions tell apart. Their keys have no `:`. */
export function labelDimension(
  aspect: 'podLabels' | 'nodeLabels',
  questions: readonly Question[],
): Dimension {
  const lefts = new Set(
    questions.flatMap(({ values }) => values.map((value) => splitPair(value, ':')[0])),
  );
  const perClass = Math.min(questions.length, MAX_KEYS_OF_SORT);
  const keys = textClasses({
    ...spaceOf([...lefts].map((left) => [left])),
    language: LABEL_KEYS,
    perClass,
  });
  const values = textClasses({ ...spaceOf(listsBySide(questions, ':')), language: TEXTS });
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const members: Member<Label>[] = [];
  let judged = 0;
  for (const { texts, matched } of keys.classes) {
    if (matched[0]?.every((bits) => bits === 0)) continue;
    const names = texts.map((text) => decoder.decode(text));
    const seen = new Set<string>();
    for (const { texts: valueTexts } of values.classes) {
      judged += 1;
      if (judged > MAX_JUDGED) break;
      const value = decoder.decode(valueTexts[0]);
      const yes = questionsAbout(aspect, questions, { key: names[0] ?? '', value });
      const sort = [...yes].join();
      if (yes.size === 0 || seen.has(sort)) continue;
      seen.add(sort);
      members.push(...names.map((key) => ({ value: { key, value }, yes, group: key })));
    }
  }
  return new SetDimension<Label>({
    members,
    complete: keys.complete && values.complete && judged <= MAX_JUDGED,
    groupsOfSort: perClass,
    put: ({ facts }, labels) => {
      facts[aspect] = Object.fromEntries(labels.map(({ key, value }) => [key, value]));
    },
    putNothing: PUT_NOTHING[aspect],
    sort: 'uncertain fact',
  });
}

function spaceOf(lists: readonly (readonly string[])[]): Pick<TextSpace, 'machines' | 'ordinary'> {
  const instances = lists.flat().flatMap((pattern) => instancesOf(pattern, 'name'));
  return { machines: [{ lists, kind: 'name' }], ordinary: ['example', ...instances] };
}

function questionsAbout(
  aspect: 'podLabels' | 'nodeLabels',
  questions: readonly Question[],
  { key, value }: Label,
): Set<number> {
  const sample = ordinarySample();
  sample.facts[aspect] = { [key]: value };
  return new Set([...questions.keys()].filter((at) => questions[at]?.judge(sample) === true));
}
