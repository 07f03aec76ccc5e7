import { BLOCK_NEEDS_PATH, RESPONSE_KEYS } from './language.js';
import { ACTIONS, type Action, type PolicyResponse } from './model.js';
import { didYouMean, type ParseContext, quoted, reportUnknownKeys } from './parse-context.js';
import type { NamedSelector } from './parse-selector.js';
import type { ProblemList } from './problem-list.js';
import type { Item } from './yaml-document.js';

/** Names a selector's place in the list and remembers whether a response named it. */
export class SelectorNames {
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

/** `names` undefined: the selectors could not be read, so names are not looked up. */
export function parseResponse(
  context: ParseContext,
  item: Item,
  selectors: readonly NamedSelector[],
  names: SelectorNames | undefined,
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
  const exclude = parseReferences(context, itemOf('exclude'), names, true);
  const actions = parseActions(context, itemOf('actions'));
  const block = actions.find(({ action }) => action === 'block')?.item;
  if (block) {
    if (!actions.some(({ action }) => action === 'alert')) {
      const message = 'block needs alert beside it';
      problems.error('POLICY_BLOCK_WITHOUT_ALERT', block.at, block.path, message, 'add alert');
    }
    const named = (indexes: readonly number[]) =>
      indexes.flatMap((index) => selectors[index] ?? []);
    checkBlock(block, named(match), named(exclude), problems);
  }
  return { match, exclude, actions: actions.map(({ action }) => action) };
}

function parseReferences(
  { document, problems }: ParseContext,
  list: Item | undefined,
  names: SelectorNames | undefined,
  mayBeEmpty = false,
): number[] {
  const items = (list && document.listItems(list, mayBeEmpty)) ?? [];
  return items.flatMap((item) => {
    if (problems.full) return [];
    const name = document.string(item);
    if (name === undefined || names === undefined) return [];
    const index = names.use(name);
    if (index !== undefined) return [index];
    const message = `this section has no selector ${quoted(name)}`;
    const hint = didYouMean(problems.nearest(name, names.known));
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
    const hint =
      didYouMean(problems.nearest(action, Object.keys(ACTIONS))) ?? 'write log, alert or block';
    const message = `there is no action ${quoted(action)}`;
    problems.error('POLICY_UNKNOWN_VALUE', item.at, item.path, message, hint);
    return [];
  });
}

export function isAction(word: string): word is Action {
  return Object.hasOwn(ACTIONS, word);
}

function checkBlock(
  { at, path }: Item,
  match: readonly NamedSelector[],
  exclude: readonly NamedSelector[],
  problems: ProblemList,
): void {
  const withArgs = [...match, ...exclude].find(({ keys }) => keys.has('processArgs'));
  if (withArgs) {
    const message = `${withArgs.name} asks for arguments, which a process can change under the check`;
    const hint = 'use log and alert, or another condition';
    problems.error('POLICY_BLOCK_WITH_ARGS', at, path, message, hint);
  }
  const hasPath = ({ keys }: NamedSelector) => keys.has('targetFilePath');
  const pathless = match.find(
    (named) =>
      !hasPath(named) &&
      named.conditions?.operations.some((operation) => BLOCK_NEEDS_PATH.includes(operation)),
  );
  if (pathless && !exclude.some(hasPath)) {
    const message = `block of ${BLOCK_NEEDS_PATH.join(', ')} needs a path, and ${pathless.name} has none`;
    const hint = `add targetFilePath to ${pathless.name}, or exclude a selector that has one`;
    problems.error('POLICY_BLOCK_WITHOUT_PATH', at, path, message, hint);
  }
  const all = match.find(({ conditions }) => conditions?.texts.targetFilePath?.includes('/**'));
  if (all) {
    const message = `${all.name} means every path`;
    problems.warning('POLICY_BLOCK_EVERYTHING', at, path, message, 'name the paths to protect');
  }
}
