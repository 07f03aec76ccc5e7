import { nearest, RESPONSE_KEYS, SECTION_KEYS } from './language.js';
import {
  ACTIONS,
  type Action,
  POLICY_LIMITS,
  type PolicyResponse,
  type PolicySection,
  type SectionName,
} from './model.js';
import { didYouMean, type ParseContext, quoted } from './parse-context.js';
import { type NamedSelector, parseSelector } from './parse-selector.js';
import type { ProblemList } from './problem-list.js';
import type { Item, MapEntry } from './yaml-document.js';

/** undefined: it is refused, the problems say why. */
export function parseSection(
  context: ParseContext,
  item: Item,
  section: SectionName,
): PolicySection | undefined {
  const { problems } = context;
  const lists = sectionLists(context, item);
  if (!lists) return undefined;
  const max = POLICY_LIMITS.selectorsAndResponses;
  if (lists.selectors.length + lists.responses.length > max) {
    const message = `a section may have ${max} selectors and responses`;
    problems.error('POLICY_LIMIT', item.at, item.path, message);
    return undefined;
  }
  const selectors = lists.selectors.map((selector) => parseSelector(context, selector, section));
  const names = indexNames(selectors, problems);
  const responses = lists.responses.map((response) =>
    parseResponse(context, response, selectors, names),
  );
  reportUnused(selectors, names, problems);
  return {
    selectors: selectors.flatMap(({ name, conditions }) =>
      name !== undefined && conditions ? [{ name, ...conditions }] : [],
    ),
    responses: responses.flatMap((response) => response ?? []),
  };
}

function sectionLists(
  { document, problems }: ParseContext,
  item: Item,
): { selectors: Item[]; responses: Item[] } | undefined {
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
  // Without the one list, what the other says would be reported against nothing.
  return selectors && responses ? { selectors, responses } : undefined;
}

/** Names a selector's place in the list and remembers whether a response named it. */
class SelectorNames {
  readonly #indexes = new Map<string, number>();
  readonly used = new Set<number>();

  add(name: string, index: number): boolean {
    if (this.#indexes.has(name)) return false;
    this.#indexes.set(name, index);
    return true;
  }

  indexOf(name: string): number | undefined {
    return this.#indexes.get(name);
  }

  use(name: string): number | undefined {
    const index = this.indexOf(name);
    if (index !== undefined) this.used.add(index);
    return index;
  }

  get known(): Iterable<string> {
    return this.#indexes.keys();
  }
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

function parseResponse(
  context: ParseContext,
  item: Item,
  selectors: readonly NamedSelector[],
  names: SelectorNames,
): PolicyResponse | undefined {
  const { document, problems } = context;
  if (problems.full) return undefined;
  const entries = document.mapEntries(item);
  if (!entries) return undefined;
  reportUnknownKeys(entries, RESPONSE_KEYS, 'a response', problems);
  const itemOf = (key: string): Item | undefined =>
    entries.find((entry) => entry.key === key)?.value;
  for (const key of ['match', 'actions']) {
    if (itemOf(key)) continue;
    const message = `the response has no ${key}`;
    problems.error('POLICY_MISSING_KEY', item.at, item.path, message, `add ${key}`);
  }
  const match = parseReferences(context, itemOf('match'), names);
  const exclude = parseReferences(context, itemOf('exclude'), names);
  const actions = parseActions(context, itemOf('actions'));
  checkBlock(actions, match, selectors, problems);
  return { match, exclude, actions: actions.map(({ action }) => action) };
}

function parseReferences(
  { document, problems }: ParseContext,
  list: Item | undefined,
  names: SelectorNames,
): number[] {
  const items = (list && document.listItems(list)) ?? [];
  return items.flatMap((item) => {
    if (problems.full) return [];
    const name = document.string(item);
    if (name === undefined) return [];
    const index = names.use(name);
    if (index !== undefined) return [index];
    const message = `this section has no selector ${quoted(name)}`;
    const hint = didYouMean(nearest(name, names.known));
    problems.error('POLICY_UNKNOWN_SELECTOR', item.at, item.path, message, hint);
    return [];
  });
}

interface PlacedAction {
  readonly action: Action;
  readonly item: Item;
}

function parseActions(
  { document, problems }: ParseContext,
  list: Item | undefined,
): PlacedAction[] {
  const items = (list && document.listItems(list)) ?? [];
  return items.flatMap((item) => {
    const action = document.string(item);
    if (action === undefined) return [];
    if (isAction(action)) return [{ action, item }];
    const hint = didYouMean(nearest(action, Object.keys(ACTIONS))) ?? 'write log, alert or block';
    const message = `there is no action ${quoted(action)}`;
    problems.error('POLICY_UNKNOWN_VALUE', item.at, item.path, message, hint);
    return [];
  });
}

function isAction(word: string): word is Action {
  return Object.hasOwn(ACTIONS, word);
}

function checkBlock(
  actions: readonly PlacedAction[],
  match: readonly number[],
  selectors: readonly NamedSelector[],
  problems: ProblemList,
): void {
  const block = actions.find(({ action }) => action === 'block')?.item;
  if (!block) return;
  if (!actions.some(({ action }) => action === 'alert')) {
    const message = 'block needs alert beside it';
    problems.error('POLICY_BLOCK_WITHOUT_ALERT', block.at, block.path, message, 'add alert');
  }
  const fork = match
    .map((index) => selectors[index])
    .find((named) => named?.conditions?.operations.includes('fork'));
  if (fork) {
    const message = `block on fork is not supported yet, and the selector ${fork.name} means fork too`;
    const hint = `write operation: [exec] in ${fork.name}`;
    problems.error('POLICY_UNSUPPORTED', block.at, block.path, message, hint);
  }
}

function reportUnknownKeys(
  entries: readonly MapEntry[],
  known: readonly string[],
  what: string,
  problems: ProblemList,
): void {
  for (const { key, at, path } of entries) {
    if (known.includes(key)) continue;
    const hint = didYouMean(nearest(key, known));
    problems.error('POLICY_UNKNOWN_KEY', at, path, `${what} has no key ${quoted(key)}`, hint);
  }
}
