import { WORKLOAD_KINDS } from '../language.js';
import { splitPair } from '../values.js';
import { instancesOf } from './instances.js';
import { NAMES } from './languages.js';
import type { Question } from './questions.js';
import { textClasses } from './text-classes.js';

/** Kind/name in every way that the questions tell apart, and some that they do not. */
export function workloadTexts(questions: readonly Question[]): {
  texts: readonly string[];
  complete: boolean;
} {
  const lists = listsBySide(questions, '/');
  const { classes, complete } = textClasses({
    language: NAMES,
    machines: [{ lists, kind: 'name' }],
    ordinary: ['example', ...lists.flat().flatMap((pattern) => instancesOf(pattern, 'name'))],
  });
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const texts = WORKLOAD_KINDS.flatMap((kind) =>
    classes.map(({ texts: [name] }) => `${kind}/${decoder.decode(name)}`),
  );
  return { texts, complete };
}

/** The right sides of pairs, in lists of those that one question asks of one left side. */
export function listsBySide(questions: readonly Question[], separator: ':' | '/'): string[][] {
  const lists = new Map<string, string[]>();
  questions.forEach(({ values }, at) => {
    for (const value of values) {
      const [left, right] = splitPair(value, separator);
      const key = `${at} ${left}`;
      const list = lists.get(key);
      if (list) list.push(right);
      else lists.set(key, [right]);
    }
  });
  return [...lists.values()];
}
