import { isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import { type Entry, nodeOf, type YamlSource } from './edit-document.js';
import type { Splice } from './edit-layout.js';
import type { SectionName } from './model.js';

/** The closed list of why an edit is refused. */
export const EDIT_FAULTS = {
  'too-large': 'the document is, or would be, larger than a policy may be',
  'not-a-policy': 'it is no YAML document, or laid out as no edit can handle',
  'no-such-selector': 'the section has no selector of this name',
  'no-such-response': 'the section has no response at this index',
  'name-taken': 'two selectors of the section have, or would have, this name',
  'bad-name': 'a selector cannot have this name',
  'bad-value': 'a value that no condition or response can have',
  'still-referenced': 'a response names the selector',
  'shared-by-alias': 'an alias or a merge key elsewhere uses what would change',
} as const;
export type EditFault = keyof typeof EDIT_FAULTS;

/** Ends the planning of an edit. */
export class Refusal extends Error {
  readonly reason: EditFault;

  constructor(reason: EditFault, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** A pair of a mapping; `value` undefined: nothing stands there. */
export interface Slot {
  readonly map: YAMLMap;
  readonly at: number;
  readonly entry: Entry;
  readonly value: Node | undefined;
}

/** Where a list of a section stands, as far as it is there. */
export interface ListPlace {
  readonly root: YAMLMap | undefined;
  readonly section: Slot | undefined;
  readonly sectionMap: YAMLMap | undefined;
  readonly list: Slot | undefined;
  readonly items: YAMLSeq | undefined;
}

export type ListName = 'selectors' | 'responses';

export interface NamedItem {
  readonly map: YAMLMap;
  readonly name: Scalar;
  /** The name comes by a merge key. */
  readonly merged: boolean;
}

/** Where a response names a selector. */
export interface Reference {
  readonly response: number;
  readonly key: 'match' | 'exclude';
  readonly map: YAMLMap;
  readonly list: YAMLSeq;
  /** Indexes in the list. */
  readonly hits: ReadonlySet<number>;
  /** A merge key brings the list here. */
  readonly merged: boolean;
  /** That, or an alias brings it here or uses it elsewhere. */
  readonly shared: boolean;
}

const REFERENCE_KEYS = ['match', 'exclude'] as const;
/** More mappings than any policy merges into one. */
const MAX_MERGED = 64;

/** Finds a list of a section. Refuses where something else shares it. */
export function placeOfList(source: YamlSource, section: SectionName, name: ListName): ListPlace {
  const root = rootMap(source);
  const slot = root && ownSlot(source, root, section);
  const sectionMap = slot?.value;
  if (sectionMap && !isMap(sectionMap)) foreign(`${section} is not a mapping`);
  const list = sectionMap && ownSlot(source, sectionMap, name);
  const items = list?.value;
  if (items && !isSeq(items)) foreign(`${section}.${name} is not a list`);
  return { root, section: slot, sectionMap, list, items };
}

/** undefined: the document has no content. */
export function rootMap({ root, rootTokens }: YamlSource): YAMLMap | undefined {
  if (isMap(root)) return root;
  const hasProps = rootTokens.some(({ type }) => type === 'anchor' || type === 'tag');
  return root === undefined || (isEmpty(root) && !hasProps)
    ? undefined
    : foreign('the document is not a mapping');
}

/** The one pair with this key, which nothing else may share. */
export function ownSlot(source: YamlSource, map: YAMLMap, key: string): Slot | undefined {
  const slot = slotOf(source, map, key);
  if (slot?.value && source.isShared(slot.value)) shared(key);
  if (!slot && mergedValue(source, map, key)) shared(key);
  return slot;
}

/** The one pair with this key, whatever its value is. */
export function slotOf(source: YamlSource, map: YAMLMap, key: string): Slot | undefined {
  const [at, second] = source.pairsOf(map, key);
  if (second !== undefined) foreign(`the key ${key} stands twice in a mapping`);
  if (at === undefined) return undefined;
  const entry = source.entries(map)[at];
  if (!entry) return foreign(`the key ${key} has no place of its own`);
  return { map, at, entry, value: isEmpty(entry.value) ? undefined : entry.value };
}

/** What merge keys give a mapping for a key; its own pairs are not looked at. */
export function mergedValue(source: YamlSource, map: YAMLMap, key: string): Node | undefined {
  const waiting = mergeSources(source, map);
  const seen = new Set<YAMLMap>();
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (seen.size > MAX_MERGED) foreign('too many merge keys lead to one another');
    const [at] = source.pairsOf(next, key);
    const value = at === undefined ? undefined : nodeOf(next.items[at]?.value);
    if (value) return value;
    waiting.unshift(...mergeSources(source, next));
  }
  return undefined;
}

/** The selectors of a list by index; what has no name is undefined. */
export function namedItems(
  source: YamlSource,
  items: YAMLSeq | undefined,
): (NamedItem | undefined)[] {
  return (items?.items ?? []).map((item) => {
    const map = source.resolve(nodeOf(item));
    if (!isMap(map)) return undefined;
    const [at] = source.pairsOf(map, 'name');
    const own = at === undefined ? undefined : nodeOf(map.items[at]?.value);
    const name = source.resolve(own ?? mergedValue(source, map, 'name'));
    return isScalar(name) && typeof name.value === 'string'
      ? { map, name, merged: own === undefined }
      : undefined;
  });
}

/** The index of the one selector with this name. */
export function indexOfName(items: readonly (NamedItem | undefined)[], name: string): number {
  const at = items.findIndex((item) => item?.name.value === name);
  if (at === -1) throw new Refusal('no-such-selector', `the section has no selector ${name}`);
  if (items.some((item, index) => index > at && item?.name.value === name)) {
    throw new Refusal('name-taken', `several selectors are named ${name}`);
  }
  return at;
}

export function refuseTaken(items: readonly (NamedItem | undefined)[], name: string): void {
  if (items.some((item) => item?.name.value === name)) {
    throw new Refusal('name-taken', `a selector is named ${name} already`);
  }
}

/** Every list of the responses that holds the name, those behind aliases and merge keys too. */
export function referencesTo(
  source: YamlSource,
  responses: YAMLSeq | undefined,
  name: string,
): Reference[] {
  const known = new Map<YAMLSeq, ReadonlySet<number>>();
  const hitsIn = (list: YAMLSeq): ReadonlySet<number> => {
    const hits = known.get(list) ?? placesOfName(source, list, name);
    known.set(list, hits);
    return hits;
  };
  return (responses?.items ?? []).flatMap((item, response): Reference[] => {
    const node = nodeOf(item);
    const map = source.resolve(node);
    if (!node || !isMap(map)) return [];
    return REFERENCE_KEYS.flatMap((key): Reference[] => {
      const slot = slotOf(source, map, key);
      const value = slot ? slot.value : mergedValue(source, map, key);
      const list = source.resolve(value);
      if (!value || !isSeq(list)) return [];
      const hits = hitsIn(list);
      const merged = slot === undefined;
      const isShared = merged || source.isShared(node) || source.isShared(value);
      return hits.size > 0 ? [{ response, key, map, list, hits, merged, shared: isShared }] : [];
    });
  });
}

/** Refuses to cut out an anchor that an alias outside of the cuts uses. */
export function refuseDangling(source: YamlSource, splices: readonly Splice[]): void {
  const cuts = [...splices].sort((a, b) => a.start - b.start);
  const isCut = (node: Node): boolean => {
    const offset = node.range?.[0] ?? 0;
    let low = 0;
    let high = cuts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cuts[middle]?.end ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const cut = cuts[low];
    return cut !== undefined && cut.start <= offset;
  };
  for (const [alias, target] of source.targets) {
    if (isCut(target) && !isCut(alias)) shared(`&${alias.source}`);
  }
}

export function foreign(message: string): never {
  throw new Refusal('not-a-policy', message);
}

export function shared(what: string): never {
  throw new Refusal('shared-by-alias', `${what} is shared by an alias or a merge key`);
}

function isEmpty(node: Node | undefined): boolean {
  return (
    node === undefined ||
    (isScalar(node) && node.value === null && node.source === '' && !node.anchor && !node.tag)
  );
}

function placesOfName(source: YamlSource, list: YAMLSeq, name: string): ReadonlySet<number> {
  const places = list.items.flatMap((item, at) => {
    const node = source.resolve(nodeOf(item));
    return isScalar(node) && node.value === name ? [at] : [];
  });
  return new Set(places);
}

/** The mappings that a mapping merges, the first wins. */
function mergeSources(source: YamlSource, map: YAMLMap): YAMLMap[] {
  return source.pairsOf(map, '<<').flatMap((at) => {
    const node = source.resolve(nodeOf(map.items[at]?.value));
    const sources = isSeq(node) ? node.items.map((item) => source.resolve(nodeOf(item))) : [node];
    return sources.filter(isMap);
  });
}
