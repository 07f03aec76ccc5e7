import { isAlias, isMap, isScalar, type Node } from 'yaml';
import {
  type Collection,
  type Entry,
  isCollection,
  isFlow,
  nodeOf,
  YamlSource,
} from './edit-document.js';
import {
  type Line,
  type Name,
  type Part,
  renderRoot,
  type Tree,
  withBlank,
} from './format-lines.js';
import { CONDITION_WORDS, DOCUMENT_KEYS, RESPONSE_KEYS, SECTION_KEYS } from './language.js';
import { ProblemList } from './problem-list.js';
import type { Problem } from './problems.js';

export type FormatResult =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** What a node of a policy is; `other`: nothing that has an order of keys. */
export type Role =
  | 'document'
  | 'section'
  | 'selectors'
  | 'selector'
  | 'responses'
  | 'response'
  | 'other';

/** Where the next thing begins behind what is read. */
interface Place {
  readonly start: number;
  readonly column: number;
}

const END: Place = { start: Number.POSITIVE_INFINITY, column: -1 };

/** What stands in what: below a key of a mapping, or in a list (''). */
const ROLES_BELOW: Readonly<Partial<Record<Role, Readonly<Record<string, Role>>>>> = {
  document: { process: 'section', file: 'section' },
  section: { selectors: 'selectors', responses: 'responses' },
  selectors: { '': 'selector' },
  responses: { '': 'response' },
};

/** Merge keys first, then the words of the language; what else there is keeps its place behind them. */
const KEY_ORDER: Readonly<Partial<Record<Role, readonly string[]>>> = {
  document: ['<<', ...DOCUMENT_KEYS],
  section: ['<<', ...SECTION_KEYS],
  selector: ['<<', 'name', ...Object.keys(CONDITION_WORDS)],
  response: ['<<', ...RESPONSE_KEYS],
};

/**
 * Lays a document out in the one canonical way. Comments, the order of lists, anchors, aliases and
 * merge keys stay. Only what is no YAML document within the limits is refused, before or after.
 */
export function formatPolicy(text: string): FormatResult {
  const problems = new ProblemList();
  const source = YamlSource.read(text, problems);
  if (!source) return { ok: false, problems: problems.toArray() };
  const lines = layOut(source, 'document', 0);
  const head = source.directives.length > 0 ? [...source.directives, '---'] : [];
  const formatted = [...head, ...lines].map((line) => `${line}\n`).join('');
  return YamlSource.accepts(formatted, problems)
    ? { ok: true, text: formatted }
    : { ok: false, problems: problems.toArray() };
}

/** The lines of a value as they would be written at this column. undefined: it cannot be written. */
export function formatValue(value: unknown, role: Role, column: number): string[] | undefined {
  const source = YamlSource.read(JSON.stringify(value), new ProblemList());
  return source && layOut(source, role, column);
}

/** The order of keys in a mapping of this role. */
export function inOrder(role: Role, keys: readonly string[]): string[] {
  return sortedBy(KEY_ORDER[role] ?? [], keys, (key) => key);
}

function layOut(source: YamlSource, role: Role, column: number): string[] {
  const lines = renderRoot(new TreeReader(source).root(role), column);
  return lines.flatMap(({ blank, text }, at) => (blank && at > 0 ? ['', text] : [text]));
}

/** Reads nodes together with the comments around them. */
class TreeReader {
  readonly #source: YamlSource;
  /** The next comment that belongs to nothing yet. */
  #comment = 0;

  constructor(source: YamlSource) {
    this.#source = source;
  }

  root(role: Role): Part {
    const { root, rootTokens } = this.#source;
    const props = propsOf(rootTokens);
    const tree =
      isCollection(root) && root.items.length > 0
        ? this.#collection(root, props, role, END)
        : leaf(root, props);
    const above = tree.parts.length === 0 ? this.#takeAbove(root?.range?.[0] ?? 0) : [];
    const tail = this.#takeAbove(END.start);
    return {
      key: undefined,
      value: { ...tree, tail: [...tree.tail, ...tail] },
      above,
      blank: false,
      beside: [],
    };
  }

  #collection(node: Collection, props: string, role: Role, next: Place): Tree {
    const entries = this.#source.entries(node);
    const parts = entries.map((entry, at) => {
      const sibling = entries[at + 1];
      return this.#part(entry, role, sibling ? this.#placeOf(sibling) : next);
    });
    const tail = isFlow(node)
      ? this.#takeAbove((node.range?.[1] ?? 0) - 1)
      : this.#takeTail(entries, next);
    return treeOf(node, props, inRoleOrder(parts, role), tail);
  }

  #part(entry: Entry, role: Role, next: Place): Part {
    const { start, end, token, key, value } = entry;
    const above = this.#takeAbove(start);
    const blank = this.#source.blankAbove(start);
    // [a: b] is a list of mappings of one pair each.
    if (key === undefined && token.sep && isMap(value)) {
      const [pair] = value.items;
      const only = this.#pair(
        { ...entry, key: nodeOf(pair?.key), value: nodeOf(pair?.value) },
        'other',
        next,
      );
      return { key: undefined, value: treeOf(value, '', [only], []), above, blank, beside: [] };
    }
    const read =
      key === undefined && !token.sep
        ? this.#item(entry, role, next)
        : this.#pair(entry, role, next);
    return {
      ...read,
      above,
      blank,
      beside: [...read.beside, ...this.#takeBehind(end, next.start)],
    };
  }

  #item({ token, value, end }: Entry, role: Role, next: Place): Part {
    const beside: string[] = [];
    const tree = this.#value(value, propsOf(token.start), end, roleBelow(role, ''), next, beside);
    return { key: undefined, value: tree, above: [], blank: false, beside };
  }

  #pair({ start, end, token, key, value }: Entry, role: Role, next: Place): Part {
    const beside: string[] = [];
    const sep = token.sep ?? [];
    const colon = sep.findIndex(({ type }) => type === 'map-value-ind');
    const keyEnd = sep[colon]?.offset ?? next.start;
    const place = { start: keyEnd, column: this.#source.column(start) };
    const keyTree = this.#value(
      key,
      propsOf(token.start),
      sep[colon]?.offset ?? end,
      'other',
      place,
      beside,
    );
    const word = isScalar(key) && typeof key.value === 'string' ? key.value : '';
    const tree = this.#value(
      value,
      colon === -1 ? '' : propsOf(sep.slice(colon)),
      end,
      roleBelow(role, word),
      next,
      beside,
    );
    return { key: keyTree, value: tree, above: [], blank: false, beside };
  }

  #value(
    node: Node | undefined,
    props: string,
    end: number,
    role: Role,
    next: Place,
    beside: string[],
  ): Tree {
    const first = isCollection(node) ? this.#source.entries(node)[0] : undefined;
    if (!isCollection(node) || !first) {
      beside.push(...this.#take(({ start }) => start < end).map(({ text }) => text));
      return leaf(node, props);
    }
    const inLine = this.#take(({ start, ownLine }) => start < first.start && !ownLine);
    beside.push(...inLine.map(({ text }) => text));
    return this.#collection(node, props, role, next);
  }

  /** Comments behind a value in its last line. */
  #takeBehind(end: number, limit: number): string[] {
    const { text } = this.#source;
    const taken = this.#take(
      ({ start, ownLine }) =>
        start >= end && start < limit && !ownLine && /^[ \t,]*$/.test(text.slice(end, start)),
    );
    return taken.map((line) => line.text);
  }

  /** Comments behind the last entry of a block collection that are indented like the entry. */
  #takeTail(entries: readonly Entry[], next: Place): Line[] {
    const own = this.#source.column(entries[0]?.start ?? 0);
    return this.#take(
      ({ start, column }) => start < next.start && column >= own && column > next.column,
    );
  }

  #takeAbove(limit: number): Line[] {
    return this.#take(({ start }) => start < limit);
  }

  #take(belongs: (comment: YamlSource['comments'][number]) => boolean): Line[] {
    const lines: Line[] = [];
    const { comments, text } = this.#source;
    for (;;) {
      const comment = comments[this.#comment];
      if (!comment || !belongs(comment)) return lines;
      const blank = this.#source.blankAbove(comment.start);
      lines.push({ blank, text: text.slice(comment.start, comment.end).trimEnd() });
      this.#comment += 1;
    }
  }

  #placeOf({ start }: Entry): Place {
    return { start, column: this.#source.column(start) };
  }
}

function roleBelow(role: Role, key: string): Role {
  const roles = ROLES_BELOW[role] ?? {};
  return Object.hasOwn(roles, key) ? (roles[key] ?? 'other') : 'other';
}

function leaf(node: Node | undefined, props: string): Tree {
  return treeOf(node, props, [], []);
}

function treeOf(
  node: Node | undefined,
  props: string,
  parts: readonly Part[],
  tail: readonly Line[],
): Tree {
  const own = isAlias(node) ? { text: node.source, alias: true } : undefined;
  const anchor = !own && node?.anchor ? { text: node.anchor, alias: false } : undefined;
  const names = [own ?? anchor ?? [], ...namesOf(parts)].flat();
  return { node, props, parts, tail, names };
}

function namesOf(parts: readonly Part[]): Name[] {
  return parts.flatMap(({ key, value }) => [...(key?.names ?? []), ...value.names]);
}

function propsOf(tokens: readonly { readonly type: string; readonly source: string }[]): string {
  const props = tokens.filter(({ type }) => type === 'anchor' || type === 'tag');
  return props.map(({ source }) => source).join(' ');
}

function inRoleOrder(parts: readonly Part[], role: Role): readonly Part[] {
  const [first] = parts;
  const sorted = sortedBy(KEY_ORDER[role] ?? [], parts, ({ key }) =>
    String(key && isScalar(key.node) && key.node.value),
  );
  const [head, ...rest] = sorted;
  if (!first || !head || !meanTheSame(parts, sorted)) return parts;
  if (head === first) return sorted;
  // What a blank line parts from the first key is about the whole mapping: it stays on top.
  const from = first.blank ? first.above.length : first.above.findLastIndex(({ blank }) => blank);
  const detached = first.above.slice(0, Math.max(from, 0));
  if (detached.length === 0) return sorted;
  const moved = { ...first, above: first.above.slice(detached.length), blank: false };
  const above = [...detached, ...withBlank(head.above, true)];
  const top = { ...head, above, blank: head.blank || head.above.length === 0 };
  return [top, ...rest.map((part) => (part === first ? moved : part))];
}

function sortedBy<T>(
  order: readonly string[],
  items: readonly T[],
  wordOf: (item: T) => string,
): T[] {
  const rank = (item: T): number => {
    const at = order.indexOf(wordOf(item));
    return at === -1 ? order.length : at;
  };
  return [...items].sort((a, b) => rank(a) - rank(b));
}

/** Whether every alias means the same anchor in both orders, those behind the mapping too. */
function meanTheSame(before: readonly Part[], after: readonly Part[]): boolean {
  const old = meanings(before);
  const now = meanings(after);
  const same = (a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean =>
    [...a].every(([key, value]) => b.get(key) === value);
  return same(old.aliases, now.aliases) && same(old.anchors, now.anchors);
}

function meanings(parts: readonly Part[]): {
  aliases: Map<Name, Name | undefined>;
  anchors: Map<string, Name>;
} {
  const anchors = new Map<string, Name>();
  const aliases = new Map<Name, Name | undefined>();
  for (const name of namesOf(parts)) {
    if (name.alias) aliases.set(name, anchors.get(name.text));
    else anchors.set(name.text, name);
  }
  return { aliases, anchors };
}
