import { SECTION_KEYS } from './language.js';
import {
  POLICY_LIMITS,
  type PolicyResponse,
  type PolicySection,
  type PolicySelector,
  type SectionName,
} from './model.js';
import { type ParseContext, reportUnknownKeys } from './parse-context.js';
import { parseResponse, SelectorNames } from './parse-response.js';
import { type NamedSelector, parseSelector } from './parse-selector.js';
import type { ProblemList } from './problem-list.js';
import type { Item } from './yaml-document.js';

/** A section with the places of what stands in it, in the order of the document. */
export interface PlacedSection {
  readonly item: Item;
  readonly selectors: readonly Placed<PolicySelector>[];
  readonly responses: readonly Placed<PolicyResponse>[];
}

export interface Placed<T> {
  readonly value: T;
  readonly item: Item;
}

export function sectionOf({ selectors, responses }: PlacedSection): PolicySection {
  return {
    selectors: selectors.map(({ value }) => value),
    responses: responses.map(({ value }) => value),
  };
}

/** undefined: it is refused, the problems say why. */
export function parseSection(
  context: ParseContext,
  item: Item,
  section: SectionName,
): PlacedSection | undefined {
  const { problems } = context;
  const lists = sectionLists(context, item);
  if (!lists) return undefined;
  const max = POLICY_LIMITS.selectorsAndResponses;
  const count = (lists.selectors?.length ?? 0) + (lists.responses?.length ?? 0);
  if (count > max) {
    const message = `a section may have ${max} selectors and responses`;
    problems.error('POLICY_LIMIT', item.at, item.path, message);
    return undefined;
  }
  const selectors = lists.selectors?.map((entry) => parseSelector(context, entry, section));
  // Without selectors, what responses name would be reported against nothing.
  const names = selectors && indexNames(selectors, problems);
  const responses = lists.responses?.map((entry) => ({
    item: entry,
    value: parseResponse(context, entry, selectors ?? [], names),
  }));
  if (!selectors || !names || !responses) return undefined;
  reportUnused(selectors, names, problems);
  return {
    item,
    selectors: selectors.flatMap(({ name, conditions, item: place }) =>
      name !== undefined && conditions ? [{ value: { name, ...conditions }, item: place }] : [],
    ),
    responses: responses.flatMap(({ value, item: place }) =>
      value ? [{ value, item: place }] : [],
    ),
  };
}

interface SectionLists {
  readonly selectors: readonly Item[] | undefined;
  readonly responses: readonly Item[] | undefined;
}

function sectionLists({ document, problems }: ParseContext, item: Item): SectionLists | undefined {
  const entries = document.mapEntries(item);
  if (!entries) return undefined;
  reportUnknownKeys(entries, SECTION_KEYS, 'a section', problems);
  const [selectors, responses] = SECTION_KEYS.map((key) => {
    const entry = entries.find((candidate) => candidate.key === key);
    if (entry) return document.listItems(entry.value);
    const message = `the section has no ${key}`;
    problems.error('POLICY_MISSING_KEY', item.at, item.path, message, `add ${key}`);
    return undefined;
  });
  return { selectors, responses };
}

function indexNames(selectors: readonly NamedSelector[], problems: ProblemList): SelectorNames {
  const names = new SelectorNames();
  selectors.forEach(({ name, nameItem }, index) => {
    if (name === undefined || names.add(name, index)) return;
    const message = `another selector of this section is named ${name}`;
    problems.error('POLICY_DUPLICATE_NAME', nameItem.at, nameItem.path, message);
  });
  return names;
}

function reportUnused(
  selectors: readonly NamedSelector[],
  names: SelectorNames,
  problems: ProblemList,
): void {
  selectors.forEach(({ name, nameItem }, index) => {
    if (name === undefined || names.indexOf(name) !== index || names.used.has(index)) return;
    const message = `no response names the selector ${name}`;
    problems.warning('POLICY_UNUSED_SELECTOR', nameItem.at, nameItem.path, message);
  });
}
