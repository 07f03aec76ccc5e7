import { isMap, isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from 'yaml';
import { nodeOf, type YamlSource } from './edit-document.js';
import type { Splice } from './edit-layout.js';
import {
  foreign,
  indexOfName,
  type ListName,
  mergedValue,
  namedItems,
  referencesTo,
  refuseTaken,
  rootMap,
  shared,
  slotOf,
} from './edit-places.js';
import { formatString } from './format-scalar.js';
import { DOCUMENT_KEYS } from './language.js';
import type { SectionName } from './model.js';

/** Changes a selector's name and what names it in match and exclude of its section; anchored lists once. */
export function renaming(
  source: YamlSource,
  section: SectionName,
  from: string,
  to: string,
): Splice[] {
  const map = resolvedSection(source, section);
  const selectors = namedItems(source, map && resolvedList(source, map, 'selectors'));
  const selector = selectors[indexOfName(selectors, from)];
  if (!selector || selector.merged) return shared(`the name ${from}`);
  if (from !== to) refuseTaken(selectors, to);
  const scalars = new Set<Node>([selector.name]);
  const responses = map && resolvedList(source, map, 'responses');
  for (const { list, hits, merged } of referencesTo(source, responses, from)) {
    if (merged) shared('a list of the responses');
    for (const at of hits) {
      const scalar = source.resolve(nodeOf(list.items[at]));
      if (scalar) scalars.add(scalar);
    }
  }
  refuseForeignUse(source, section, scalars);
  return from === to ? [] : [...scalars].map((scalar) => nameSplice(scalar, to));
}

/** Puts a name where a scalar or an alias stands, quoted as that was. */
export function nameSplice(node: Node, name: string): Splice {
  const [start = 0, end = 0] = node.range ?? [];
  if (!isScalar(node)) return { start, end, text: formatString(name, true) };
  switch (node.type) {
    case 'QUOTE_DOUBLE':
      return { start, end, text: `"${name}"` };
    case 'QUOTE_SINGLE':
      return { start, end, text: `'${name}'` };
    case 'PLAIN':
      return { start, end, text: formatString(name, true) };
    default:
      return foreign('the name is a block scalar');
  }
}

function resolvedSection(source: YamlSource, section: SectionName): YAMLMap | undefined {
  const root = rootMap(source);
  const map = root && resolvedValue(source, root, section);
  return map === undefined || isMap(map) ? map : foreign(`${section} is not a mapping`);
}

function resolvedList(source: YamlSource, map: YAMLMap, name: ListName): YAMLSeq | undefined {
  const list = resolvedValue(source, map, name);
  return list === undefined || isSeq(list) ? list : foreign(`${name} is not a list`);
}

function resolvedValue(source: YamlSource, map: YAMLMap, key: string): Node | undefined {
  const slot = slotOf(source, map, key);
  if (!slot && mergedValue(source, map, key)) shared(key);
  return source.resolve(slot?.value);
}

/** Refuses where one of the scalars is used as something else than the name of this selector. */
function refuseForeignUse(
  source: YamlSource,
  section: SectionName,
  scalars: ReadonlySet<Node>,
): void {
  const waiting = foreignNodes(source, section);
  const seen = new Set<Node>();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const node = source.resolve(next);
    if (!node || seen.has(node)) continue;
    seen.add(node);
    if (scalars.has(node)) shared('the name');
    for (const child of childrenOf(node)) waiting.push(child);
  }
}

/** Everything that means something and is not a name in the section; keys that nobody knows mean nothing. */
function foreignNodes(source: YamlSource, section: SectionName): Node[] {
  const known: readonly string[] = ['<<', ...DOCUMENT_KEYS];
  const root = rootMap(source);
  const map = resolvedSection(source, section);
  const isList = (key: string): boolean => key === 'selectors' || key === 'responses';
  const isReference = (key: string): boolean => key === 'match' || key === 'exclude';
  return [
    ...pairsBut(root, (key) => key === section || !known.includes(key)),
    ...pairsBut(map, isList),
    ...mapsOf(source, map, 'selectors').flatMap((one) => pairsBut(one, (key) => key === 'name')),
    ...mapsOf(source, map, 'responses').flatMap((one) => pairsBut(one, isReference)),
  ];
}

function mapsOf(source: YamlSource, section: YAMLMap | undefined, name: ListName): YAMLMap[] {
  const list = section && resolvedList(source, section, name);
  return (list?.items ?? []).map((item) => source.resolve(nodeOf(item))).filter(isMap);
}

function pairsBut(map: YAMLMap | undefined, isLeftOut: (key: string) => boolean): Node[] {
  return (map?.items ?? []).flatMap(({ key, value }) => {
    const word = isScalar(key) && typeof key.value === 'string' ? key.value : '';
    return isLeftOut(word) ? [] : [nodeOf(key) ?? [], nodeOf(value) ?? []].flat();
  });
}

function childrenOf(node: Node): Node[] {
  if (isMap(node)) return pairsBut(node, () => false);
  return isSeq(node) ? node.items.flatMap((item) => nodeOf(item) ?? []) : [];
}
