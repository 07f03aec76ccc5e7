import { isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from 'yaml';
import { type Entry, isFlow, nodeOf, YamlSource } from './edit-document.js';
import {
  applySplices,
  copyOf,
  ForeignLayout,
  insertion,
  insertionAtEnd,
  insertionBelow,
  removal,
  replacement,
  type Snippet,
  type Splice,
  valueInsertion,
} from './edit-layout.js';
import {
  type EditFault,
  indexOfName,
  type ListName,
  type ListPlace,
  mergedValue,
  namedItems,
  placeOfList,
  type Reference,
  Refusal,
  referencesTo,
  refuseDangling,
  refuseTaken,
  type Slot,
  shared,
  slotOf,
} from './edit-places.js';
import { nameSplice, renaming } from './edit-rename.js';
import {
  type ConditionValue,
  flowText,
  isConditionValue,
  itemsSnippet,
  type Plain,
  pairsSnippet,
  plainMapping,
} from './edit-snippet.js';
import type { SectionName } from './model.js';
import { isSelectorName } from './parse-selector.js';
import { ProblemList } from './problem-list.js';

export { EDIT_FAULTS, type EditFault } from './edit-places.js';
export type { ConditionValue } from './edit-snippet.js';

export type EditResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly reason: EditFault; readonly message: string };

/** Conditions by their words; undefined ones are left out. */
export interface PlainSelector {
  readonly name: string;
  readonly [condition: string]: ConditionValue | undefined;
}

export interface PlainResponse {
  readonly match: readonly string[];
  readonly exclude?: readonly string[] | undefined;
  readonly actions: readonly string[];
}

/** Appends a selector to its section; the section is created where there is none. */
export function addSelector(
  text: string,
  section: SectionName,
  selector: PlainSelector,
): EditResult {
  return edit(text, (source) => {
    const value = plainMapping(selector, 'selector');
    refuseBadName(selector.name);
    const place = placeOfList(source, section, 'selectors');
    refuseTaken(namedItems(source, place.items), selector.name);
    return addItem(source, place, section, 'selectors', value);
  });
}

/** Appends a response to its section; the section is created where there is none. */
export function addResponse(
  text: string,
  section: SectionName,
  response: PlainResponse,
): EditResult {
  return edit(text, (source) => {
    const value = plainMapping(response, 'response');
    const place = placeOfList(source, section, 'responses');
    return addItem(source, place, section, 'responses', value);
  });
}

/** Renames a selector where it is defined and wherever match and exclude of its section name it. */
export function renameSelector(
  text: string,
  section: SectionName,
  from: string,
  to: string,
): EditResult {
  return edit(text, (source) => {
    refuseBadName(to);
    return renaming(source, section, from, to);
  });
}

/** Removes a selector; `remove` takes its name out of the responses, and out those that match nothing then. */
export function removeSelector(
  text: string,
  section: SectionName,
  name: string,
  { references: what }: { readonly references: 'refuse' | 'remove' },
): EditResult {
  return edit(text, (source) => {
    const selectors = placeOfList(source, section, 'selectors');
    const at = indexOfName(namedItems(source, selectors.items), name);
    const responses = placeOfList(source, section, 'responses');
    const references = referencesTo(source, responses.items, name);
    if (what === 'refuse' && references.length > 0) {
      throw new Refusal('still-referenced', `a response names the selector ${name}`);
    }
    if (references.some((reference) => reference.shared)) shared('a list of the responses');
    const gone = new Set(references.filter(isWholeResponse).map(({ response }) => response));
    const left = references.filter(({ response }) => !gone.has(response));
    return cutting(source, [
      ...removeItems(source, [
        [selectors, new Set([at])],
        [responses, gone],
      ]),
      ...left.flatMap((reference) => withoutName(source, reference)),
    ]);
  });
}

/** Removes the response at this index. */
export function removeResponse(text: string, section: SectionName, index: number): EditResult {
  return edit(text, (source) => {
    const responses = placeOfList(source, section, 'responses');
    refuseNoResponse(responses, index);
    return cutting(source, removeItems(source, [[responses, new Set([index])]]));
  });
}

/** Puts a copy of a selector, without its comments and anchors, behind it. */
export function duplicateSelector(
  text: string,
  section: SectionName,
  name: string,
  newName: string,
): EditResult {
  return edit(text, (source) => {
    refuseBadName(newName);
    const place = placeOfList(source, section, 'selectors');
    const selectors = namedItems(source, place.items);
    const at = indexOfName(selectors, name);
    refuseTaken(selectors, newName);
    const map = nodeOf(place.items?.items[at]);
    const slot = isMap(map) ? slotOf(source, map, 'name') : undefined;
    if (!slot?.value) return shared(`the name ${name}`);
    return copied(source, place, at, [nameSplice(slot.value, newName)]);
  });
}

/** Puts a copy of a response, without its comments and anchors, behind it. */
export function duplicateResponse(text: string, section: SectionName, index: number): EditResult {
  return edit(text, (source) => {
    const place = placeOfList(source, section, 'responses');
    refuseNoResponse(place, index);
    return copied(source, place, index, []);
  });
}

/** Gives a condition a value, or takes it away (undefined); of a list, only what differs is written. */
export function setCondition(
  text: string,
  section: SectionName,
  name: string,
  condition: string,
  value: ConditionValue | undefined,
): EditResult {
  const first = edit(text, (source) => {
    const map = ownSelector(source, section, name);
    if (condition === 'name' || condition === '<<' || condition === '') {
      throw new Refusal('bad-value', `${condition} is not a condition`);
    }
    const slot = slotOf(source, map, condition);
    if (value === undefined) {
      if (mergedValue(source, map, condition)) shared(condition);
      return slot ? cutting(source, removal(source, map, new Set([slot.at]))) : [];
    }
    if (!isConditionValue(value)) {
      throw new Refusal('bad-value', `${condition} cannot have such a value`);
    }
    if (!slot) {
      const snippet = pairsSnippet(source, { [condition]: value }, 'selector');
      return insertion(source, map, map.items.length - 1, snippet);
    }
    const list = ownList(source, slot.value);
    if (list && typeof value === 'object') {
      const kept = valuesOf(source, list).filter((one) => value.some((other) => other === one));
      if (kept.length > 0 && kept.every((one, index) => one === value[index])) {
        const added = itemsSnippet(source, value.slice(kept.length), 'other');
        const end = list.items.length - 1;
        return kept.length < value.length ? insertion(source, list, end, added) : [];
      }
    }
    if (isEqual(slot.value && plainOf(source, slot.value), value)) return [];
    return cutting(source, replacement(source, slot.entry, flowText(source, value)));
  });
  if (!first.ok || typeof value !== 'object') return first;
  return edit(first.text, (source) => {
    const slot = slotOf(source, ownSelector(source, section, name), condition);
    const list = ownList(source, slot?.value);
    if (!list) return [];
    const gone = valuesOf(source, list).flatMap((one, at) =>
      value.some((other) => other === one) ? [] : [at],
    );
    return cutting(source, removal(source, list, new Set(gone)));
  });
}

function edit(text: string, plan: (source: YamlSource) => readonly Splice[]): EditResult {
  const problems = new ProblemList();
  try {
    const source = YamlSource.read(text, problems);
    const result = source && applySplices(text, plan(source));
    const isRead =
      result === text || (result !== undefined && YamlSource.accepts(result, problems));
    return isRead ? { ok: true, text: result } : unreadable(problems);
  } catch (error) {
    if (error instanceof Refusal)
      return { ok: false, reason: error.reason, message: error.message };
    if (!(error instanceof ForeignLayout)) throw error;
    return { ok: false, reason: 'not-a-policy', message: error.message };
  }
}

function unreadable(problems: ProblemList): EditResult {
  const problem = problems.toArray().find(({ severity }) => severity === 'error');
  const reason = problem?.code === 'POLICY_TOO_LARGE' ? 'too-large' : 'not-a-policy';
  return { ok: false, reason, message: problem?.message ?? 'it is not one YAML document' };
}

/** Splices of which some take text away. */
function cutting(source: YamlSource, splices: readonly Splice[]): readonly Splice[] {
  refuseDangling(source, splices);
  return splices;
}

function addItem(
  source: YamlSource,
  { root, section: slot, sectionMap, list, items }: ListPlace,
  section: SectionName,
  name: ListName,
  item: Plain,
): readonly Splice[] {
  if (items) {
    return insertion(source, items, items.items.length - 1, itemsSnippet(source, [item], name));
  }
  if (list) return [fill(source, list, [item], itemsSnippet(source, [item], name))];
  const lists = { [name]: [item] };
  const listsSnippet = pairsSnippet(source, lists, 'section');
  if (sectionMap) return insertion(source, sectionMap, sectionMap.items.length - 1, listsSnippet);
  if (slot) return [fill(source, slot, lists, listsSnippet)];
  const sections = pairsSnippet(source, { [section]: lists }, 'document');
  return root
    ? insertion(source, root, root.items.length - 1, sections)
    : [insertionAtEnd(source, sections.block)];
}

/** Puts a value where a key has none. */
function fill(source: YamlSource, { map, entry }: Slot, value: Plain, { block }: Snippet): Splice {
  return isFlow(map)
    ? valueInsertion(entry, flowText(source, value))
    : insertionBelow(source, entry, block);
}

/** Takes items out of lists of one section; lists and the section go when they become empty. */
function removeItems(
  source: YamlSource,
  lists: readonly (readonly [ListPlace, ReadonlySet<number>])[],
): Splice[] {
  const { root, section, sectionMap } = lists[0]?.[0] ?? {};
  if (!root || !section || !sectionMap) return [];
  const emptied = new Set<number>();
  const splices: Splice[] = [];
  for (const [{ items, list }, gone] of lists) {
    if (!items || !list || gone.size === 0) continue;
    if (gone.size === items.items.length) emptied.add(list.at);
    else splices.push(...removal(source, items, gone));
  }
  if (emptied.size === sectionMap.items.length) {
    return removal(source, root, new Set([section.at]));
  }
  return [...splices, ...removal(source, sectionMap, emptied)];
}

/** Without the name the response would match nothing, or hold nothing. */
function isWholeResponse({ key, map, hits, list }: Reference): boolean {
  return hits.size === list.items.length && (key === 'match' || map.items.length === 1);
}

function withoutName(source: YamlSource, { key, map, list, hits }: Reference): Splice[] {
  if (hits.size < list.items.length) return removal(source, list, hits);
  const slot = slotOf(source, map, key);
  return slot ? removal(source, map, new Set([slot.at])) : [];
}

function copied(
  source: YamlSource,
  { items }: ListPlace,
  at: number,
  changes: readonly Splice[],
): readonly Splice[] {
  if (!items || isAlias(items.items[at])) return shared('the entry');
  refuseRedefinition(source, source.entries(items)[at]);
  const copy = copyOf(source, items, at, changes);
  return insertion(source, items, at, { block: () => copy, flow: copy });
}

/** An alias in the copy must not mean an anchor that the original defines behind its own alias. */
function refuseRedefinition(source: YamlSource, entry: Entry | undefined): void {
  if (!entry) return;
  const isInside = (offset = 0): boolean => offset >= entry.start && offset < entry.end;
  const defined = source.anchors.filter(({ start }) => isInside(start));
  const names = new Set(defined.map(({ start, end }) => source.text.slice(start + 1, end)));
  for (const [alias, target] of source.targets) {
    const comesFromOutside = isInside(alias.range?.[0]) && !isInside(target.range?.[0]);
    if (comesFromOutside && names.has(alias.source)) shared(`&${alias.source}`);
  }
}

function ownSelector(source: YamlSource, section: SectionName, name: string): YAMLMap {
  const { items } = placeOfList(source, section, 'selectors');
  const at = indexOfName(namedItems(source, items), name);
  const map = nodeOf(items?.items[at]);
  return isMap(map) && !source.isShared(map) ? map : shared(`the selector ${name}`);
}

function ownList(source: YamlSource, value: Node | undefined): YAMLSeq | undefined {
  const isOwn = isSeq(value) && !source.isShared(value) && value.items.every(isScalar);
  return isOwn ? value : undefined;
}

function valuesOf(source: YamlSource, list: YAMLSeq): unknown[] {
  return list.items.map((item) => {
    const node = source.resolve(nodeOf(item));
    return isScalar(node) ? node.value : undefined;
  });
}

function plainOf(source: YamlSource, value: Node): unknown {
  const node = source.resolve(value);
  if (isSeq(node)) return valuesOf(source, node);
  return isScalar(node) ? node.value : undefined;
}

function isEqual(now: unknown, value: ConditionValue): boolean {
  if (typeof value !== 'object') return now === value;
  return (
    Array.isArray(now) && now.length === value.length && now.every((one, at) => one === value[at])
  );
}

function refuseBadName(name: unknown): void {
  if (typeof name === 'string' && isSelectorName(name)) return;
  throw new Refusal('bad-name', 'a name is [A-Za-z0-9][A-Za-z0-9_-]*, up to 128 characters');
}

function refuseNoResponse({ items }: ListPlace, index: number): void {
  if (items && Number.isInteger(index) && index >= 0 && index < items.items.length) return;
  throw new Refusal('no-such-response', `the section has no response ${index}`);
}
