import { BulkheadError } from '../../proto/ts/wire/errors.js';

/** Chooses by labels, with the words and the meaning of Kubernetes (LabelSelector of meta/v1). */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?: readonly LabelRequirement[] | undefined;
}

export const SELECTOR_OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

export interface LabelRequirement {
  readonly key: string;
  readonly operator: (typeof SELECTOR_OPERATORS)[number];
  /** In, NotIn: at least one. Exists, DoesNotExist: none. */
  readonly values?: readonly string[] | undefined;
}

export type Labels = Readonly<Record<string, string>>;

/** A prefix of 253 and a name of 63; a value of 63. */
export const LABEL_KEY = '[A-Za-z0-9][A-Za-z0-9._/-]{0,316}';
export const LABEL_VALUE = '[A-Za-z0-9._-]{0,63}';
export const SELECTOR_MAX_REQUIREMENTS = 64;
export const SELECTOR_MAX_VALUES = 64;

/** All of them must hold; none at all choose everything. */
export function requirementsOf(selector: LabelSelector): readonly LabelRequirement[] {
  const equal = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]): LabelRequirement => ({ key, operator: 'In', values: [value] }),
  );
  return [...equal, ...(selector.matchExpressions ?? [])];
}

/** For many sets of labels. NotIn holds where there is no such label at all. */
export function matcherOf(selector: LabelSelector): (labels: Labels) => boolean {
  const requirements = requirementsOf(selector);
  return (labels) => requirements.every((requirement) => holds(requirement, labels));
}

export function selectorMatches(selector: LabelSelector, labels: Labels): boolean {
  return matcherOf(selector)(labels);
}

function holds({ key, operator, values = [] }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** @throws BulkheadError INVALID_ARGUMENT where an operator has values that it does not take, or lacks them */
export function checkSelector(name: string, selector: LabelSelector): void {
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (takesValues === values.length > 0) continue;
    const wanted = takesValues ? 'takes at least one value' : 'takes no values';
    throw new BulkheadError('INVALID_ARGUMENT', `${name}: ${key}: ${operator} ${wanted}`);
  }
}

/**
 * As kubectl takes it: `env=prod,tier!=db,team in (a, b),zone notin (c),gpu,!legacy`.
 * @throws BulkheadError INVALID_ARGUMENT with the place of what is wrong
 */
export function selectorFromText(name: string, text: string): LabelSelector {
  const matchExpressions: LabelRequirement[] = [];
  let rest = text.trim();
  while (rest !== '') {
    const [requirement, length] = leadingRequirement(rest) ?? [];
    if (!requirement || !length || matchExpressions.length >= SELECTOR_MAX_REQUIREMENTS) {
      const place = text.trimEnd().length - rest.length + 1;
      throw new BulkheadError('INVALID_ARGUMENT', `${name}: no requirement at character ${place}`);
    }
    matchExpressions.push(requirement);
    rest = rest.slice(length);
  }
  return { matchExpressions };
}

/** What selectorFromText reads as the same selector. */
export function selectorToText(selector: LabelSelector): string {
  return requirementsOf(selector).map(textOf).join(',');
}

function textOf({ key, operator, values = [] }: LabelRequirement): string {
  const [only = ''] = values;
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${only}` : `${key} in (${values.join(',')})`;
    case 'NotIn':
      return values.length === 1 ? `${key}!=${only}` : `${key} notin (${values.join(',')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}

const KEY = `(?<key>${LABEL_KEY})`;
const END = '\\s*(?:,\\s*(?=.)|$)';
const VALUES = `\\(\\s*(?<values>${LABEL_VALUE}(?:\\s*,\\s*${LABEL_VALUE}){0,${SELECTOR_MAX_VALUES - 1}})\\s*\\)`;
/** Sticky to the start: nothing backtracks further than one requirement. */
const FORMS: readonly (readonly [RegExp, LabelRequirement['operator']])[] = [
  [new RegExp(`^!\\s*${KEY}${END}`), 'DoesNotExist'],
  [new RegExp(`^${KEY}${END}`), 'Exists'],
  [new RegExp(`^${KEY}\\s*==?\\s*(?<values>${LABEL_VALUE})${END}`), 'In'],
  [new RegExp(`^${KEY}\\s*!=\\s*(?<values>${LABEL_VALUE})${END}`), 'NotIn'],
  [new RegExp(`^${KEY}\\s+in\\s*${VALUES}${END}`), 'In'],
  [new RegExp(`^${KEY}\\s+notin\\s*${VALUES}${END}`), 'NotIn'],
];

/** With the length of its text. */
function leadingRequirement(text: string): [LabelRequirement, number] | undefined {
  for (const [form, operator] of FORMS) {
    const match = form.exec(text);
    const { key, values } = match?.groups ?? {};
    if (!match || key === undefined) continue;
    const requirement = { key, operator };
    if (values === undefined) return [requirement, match[0].length];
    return [{ ...requirement, values: values.split(/\s*,\s*/) }, match[0].length];
  }
  return undefined;
}

/** Whether whatever `inner` chooses `outer` chooses too, by its very words: it has all of its requirements. */
export function isWithin(inner: LabelSelector, outer: LabelSelector): boolean {
  const held = new Set(requirementsOf(inner).map(wordsOf));
  return requirementsOf(outer).every((requirement) => held.has(wordsOf(requirement)));
}

function wordsOf({ key, operator, values = [] }: LabelRequirement): string {
  return JSON.stringify([key, operator, [...new Set(values)].sort()]);
}
