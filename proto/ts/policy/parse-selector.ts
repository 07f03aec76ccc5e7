import { type ConditionName, EXCLUSIVE_CONDITIONS, isConditionName } from './language.js';
import { POLICY_LIMITS, type PolicySelector, type SectionName } from './model.js';
import { ConditionReader } from './parse-condition.js';
import type { ParseContext } from './parse-context.js';
import type { Item, MapEntry } from './yaml-document.js';

/** A selector as far as it could be read: responses may name it even when it is refused. */
export interface NamedSelector {
  readonly name: string | undefined;
  readonly item: Item;
  readonly nameItem: Item;
  readonly conditions: Conditions | undefined;
  /** Of its conditions, also of those that are refused. */
  readonly keys: ReadonlySet<string>;
}

export type Conditions = Omit<PolicySelector, 'name'>;

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

export function parseSelector(
  context: ParseContext,
  item: Item,
  section: SectionName,
): NamedSelector {
  const { document, problems } = context;
  const entries = problems.full ? undefined : document.mapEntries(item);
  if (!entries)
    return { name: undefined, item, nameItem: item, conditions: undefined, keys: new Set() };
  const nameEntry = entries.find((entry) => entry.key === 'name');
  const conditions = entries.filter((entry) => entry !== nameEntry);
  if (!nameEntry) {
    const message = 'the selector has no name';
    problems.error('POLICY_MISSING_KEY', item.at, item.path, message, 'add name');
  }
  if (conditions.length === 0) {
    const message = 'the selector has no condition';
    problems.error('POLICY_NO_CONDITION', item.at, item.path, message, 'add one, as operation');
  }
  checkExclusive(context, conditions);
  const reader = new ConditionReader(context, section);
  for (const condition of conditions) reader.read(condition);
  return {
    name: nameEntry && parseName(context, nameEntry.value),
    item,
    nameItem: nameEntry?.value ?? item,
    conditions: reader.conditions,
    keys: new Set(conditions.map(({ key }) => key)),
  };
}

/** Whether a text may name a selector. */
export function isSelectorName(name: string): boolean {
  return NAME_PATTERN.test(name) && name.length <= POLICY_LIMITS.nameCharacters;
}

function parseName({ document, problems }: ParseContext, item: Item): string | undefined {
  const name = document.string(item);
  if (name === undefined) return undefined;
  if (isSelectorName(name)) return name;
  const message = 'a name begins with a letter or digit and goes on with these, _ and -, up to 128';
  problems.error('POLICY_BAD_NAME', item.at, item.path, message);
  return undefined;
}

function checkExclusive({ problems }: ParseContext, conditions: readonly MapEntry[]): void {
  for (const pair of EXCLUSIVE_CONDITIONS) {
    const isOne = (key: string): key is ConditionName => isConditionName(key) && pair.includes(key);
    const [, second] = conditions.filter(({ key }) => isOne(key));
    if (!second) continue;
    const message = `${pair[0]} and ${pair[1]} exclude each other`;
    const hint = 'use two selectors';
    problems.error('POLICY_EXCLUSIVE_CONDITIONS', second.at, second.path, message, hint);
  }
}
