import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type ParsedNode,
  Parser,
  visit,
} from 'yaml';
import type { ProblemList } from './problem-list.js';

export interface MapEntry {
  readonly key: string;
  /** Where the key stands. */
  readonly at: number;
  readonly path: string;
  readonly value: Item;
}

/** A value with its place and its path; `node` undefined: nothing stands there. */
export interface Item {
  readonly node: Node | undefined;
  readonly at: number;
  readonly path: string;
}

/** Nodes read, aliases counted as often as they are used: more than any policy within the limits has. */
const MAX_NODES = 300_000;
/** The language needs 5. */
const MAX_DEPTH = 64;
/** Some 5 times what a policy at the other limits has; keeps the time for any document under a second. */
const MAX_TOKENS = 120_000;
/** Merge keys that lead to merge keys. */
const MAX_MERGE_DEPTH = 16;

const COMPOSE_OPTIONS = {
  version: '1.2',
  schema: 'core',
  // Quadratic in yaml; mapEntries looks for itself.
  uniqueKeys: false,
  resolveKnownTags: false,
  keepSourceTokens: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

/** One YAML document, its nodes read on demand and within limits. */
export class YamlDocument {
  readonly #problems: ProblemList;
  readonly #targets: ReadonlyMap<Alias, Node>;
  readonly root: Item;
  /** So that it may hold more than is written. */
  readonly hasAliases: boolean;
  #nodesRead = 0;
  #mergeDepth = 0;

  /** undefined: refused, the problems say why. */
  static parse(text: string, problems: ProblemList): YamlDocument | undefined {
    const tokens = tokenise(text, problems);
    if (!tokens) return undefined;
    const documents = [...new Composer(COMPOSE_OPTIONS).compose(tokens.list, true, text.length)];
    const [document] = documents;
    if (!document) return undefined;
    for (const { pos, message } of [...document.errors, ...document.warnings]) {
      problems.error('POLICY_YAML_SYNTAX', pos[0], '', asErrorText(message));
    }
    const [, second] = documents;
    if (second) {
      const at = second.contents?.range[0] ?? second.range[0];
      problems.error('POLICY_YAML_SYNTAX', at, '', 'a second document begins here');
    }
    const targets = tokens.hasAliases ? aliasTargets(document, problems) : new Map();
    return problems.hasErrors ? undefined : new YamlDocument(document, targets, problems);
  }

  private constructor(
    document: Document.Parsed<ParsedNode>,
    targets: ReadonlyMap<Alias, Node>,
    problems: ProblemList,
  ) {
    this.hasAliases = targets.size > 0;
    this.#targets = targets;
    this.#problems = problems;
    const node = document.contents ?? undefined;
    this.root = { node, at: node?.range[0] ?? 0, path: '' };
  }

  /** The entries of a mapping, merge keys (`<<`) followed. undefined: it is none (reported). */
  mapEntries(item: Item): MapEntry[] | undefined {
    const map = this.#resolve(item);
    if (!isMap(map)) return this.#wrongType(item, 'a mapping');
    const entries = new Map<string, MapEntry>();
    const merged: Item[] = [];
    for (const pair of map.items) {
      if (!this.#count(item)) return undefined;
      const at = offsetOf(pair.key, item.at);
      const key = isScalar(pair.key) ? pair.key.value : undefined;
      if (typeof key !== 'string') {
        this.#problems.error('POLICY_WRONG_TYPE', at, item.path, 'a key is not a string');
        continue;
      }
      const path = item.path === '' ? key : `${item.path}.${key}`;
      const value = itemOf(pair.value, at, path);
      if (key === '<<') merged.push({ ...value, path: item.path });
      else if (entries.has(key)) {
        this.#problems.error('POLICY_DUPLICATE_KEY', at, path, `the key ${key} stands here twice`);
      } else entries.set(key, { key, at, path, value });
    }
    for (const source of merged) {
      for (const entry of this.#mergedEntries(source)) {
        if (!entries.has(entry.key)) entries.set(entry.key, entry);
      }
    }
    return [...entries.values()];
  }

  /** The entries of a list that has at least one, unless it may be empty. undefined: it is none (reported). */
  listItems(item: Item, mayBeEmpty = false): Item[] | undefined {
    const list = this.#resolve(item);
    if (!isSeq(list)) {
      const value = isScalar(list) && list.value !== null ? `[${String(list.value)}]` : undefined;
      return this.#wrongType(item, 'a list', value && `write ${value.slice(0, 80)}`);
    }
    if (list.items.length === 0 && !mayBeEmpty) {
      this.#problems.error('POLICY_EMPTY_LIST', item.at, item.path, 'the list is empty');
      return undefined;
    }
    const items: Item[] = [];
    for (const [index, node] of list.items.entries()) {
      if (!this.#count(item)) return undefined;
      items.push(itemOf(node, item.at, `${item.path}[${index}]`));
    }
    return items;
  }

  /** undefined: it is no string (reported). */
  string(item: Item): string | undefined {
    const node = this.#resolve(item);
    if (isScalar(node) && typeof node.value === 'string') return node.value;
    const quotable = isScalar(node) && node.value !== null;
    return this.#wrongType(item, 'a string', quotable ? 'put it in quotes' : undefined);
  }

  /** A string or a number, as `version: 1.0` is written with and without quotes. */
  stringOrNumber(item: Item): string | undefined {
    const node = this.#resolve(item);
    if (isScalar(node) && typeof node.value === 'number') return node.source ?? String(node.value);
    return this.string(item);
  }

  /** undefined: it is neither true nor false (reported). */
  boolean(item: Item): boolean | undefined {
    const node = this.#resolve(item);
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    return this.#wrongType(item, 'a boolean', 'write true or false');
  }

  #mergedEntries(item: Item): MapEntry[] {
    if (this.#mergeDepth === MAX_MERGE_DEPTH) {
      const message = `merge keys lead to merge keys more than ${MAX_MERGE_DEPTH} times`;
      this.#problems.error('POLICY_ALIAS_LIMIT', item.at, item.path, message);
      return [];
    }
    this.#mergeDepth += 1;
    const node = this.#resolve(item);
    // Earlier mappings of a list win, as YAML's merge key says.
    const sources = isSeq(node)
      ? node.items.map((entry) => itemOf(entry, item.at, item.path))
      : [item];
    const entries = sources.flatMap((source) =>
      this.#count(item) ? (this.mapEntries(source) ?? []) : [],
    );
    this.#mergeDepth -= 1;
    return entries;
  }

  #resolve(item: Item): Node | undefined {
    if (!isAlias(item.node)) return item.node;
    return this.#count(item) ? this.#targets.get(item.node) : undefined;
  }

  /** false: the limit is reached (reported once). */
  #count(item: Item): boolean {
    this.#nodesRead += 1;
    if (this.#nodesRead === MAX_NODES) {
      const message = 'aliases expand to more than a policy may hold';
      this.#problems.error('POLICY_ALIAS_LIMIT', item.at, item.path, message);
    }
    return this.#nodesRead < MAX_NODES;
  }

  #wrongType(item: Item, wanted: string, hint?: string): undefined {
    if (this.#nodesRead >= MAX_NODES) return undefined;
    const message = `this is ${kindOf(this.#resolve(item))}, not ${wanted}`;
    this.#problems.error('POLICY_WRONG_TYPE', item.at, item.path, message, hint);
    return undefined;
  }
}

interface Tokens {
  readonly list: CST.Token[];
  readonly hasAliases: boolean;
}

/** yaml's composer recurses, so depth is measured while its parser, which does not, goes along. */
function tokenise(text: string, problems: ProblemList): Tokens | undefined {
  const parser = new Parser();
  const list: CST.Token[] = [];
  let hasAliases = false;
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    // Hardly a lexeme ends a token, so nothing is spread here.
    for (const token of parser.next(lexeme)) list.push(token);
    count += 1;
    if (lexeme.startsWith('*')) hasAliases = true;
    if (count > MAX_TOKENS) {
      const message = `the document has more than ${MAX_TOKENS} tokens`;
      problems.error('POLICY_TOO_LARGE', parser.offset, '', message);
      return undefined;
    }
    if (parser.stack.length > MAX_DEPTH) {
      const message = `collections are nested deeper than ${MAX_DEPTH}`;
      problems.error('POLICY_TOO_DEEP', parser.offset, '', message);
      return undefined;
    }
  }
  list.push(...parser.end());
  return { list, hasAliases };
}

/** Alias -> what its anchor named when the alias was read. One pass: yaml's own takes one for each alias. */
function aliasTargets(document: Document.Parsed, problems: ProblemList): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Alias(_key, alias, ancestors) {
      const target = anchors.get(alias.source);
      const at = offsetOf(alias, 0);
      if (target && ancestors.includes(target)) {
        problems.error('POLICY_ALIAS_LIMIT', at, '', `${alias.source} contains itself`);
      } else if (target) {
        targets.set(alias, target);
      } else {
        problems.error('POLICY_YAML_SYNTAX', at, '', `no anchor ${alias.source} stands before it`);
      }
    },
    Value(_key, node) {
      if (node.anchor) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function itemOf(value: unknown, parentAt: number, path: string): Item {
  const node = isNode(value) ? value : undefined;
  return { node, at: offsetOf(node, parentAt), path };
}

function offsetOf(value: unknown, fallback: number): number {
  return isNode(value) && value.range ? value.range[0] : fallback;
}

function kindOf(node: Node | undefined): string {
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (!isScalar(node) || node.value === null) return 'empty';
  if (typeof node.value === 'string') return 'a string';
  return typeof node.value === 'boolean' ? 'a boolean' : 'a number';
}

function asErrorText(message: string): string {
  const text = message.replace(/\.$/, '');
  return text.charAt(0).toLowerCase() + text.slice(1);
}
