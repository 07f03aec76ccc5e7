import {
  type Alias,
  Composer,
  type CST,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  Parser,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { ProblemList } from './problem-list.js';
import { readText } from './source-text.js';
import { YamlDocument } from './yaml-document.js';

export interface Comment {
  readonly start: number;
  readonly end: number;
  readonly column: number;
  /** Nothing but space stands before it in its line. */
  readonly ownLine: boolean;
}

/** An item of a list or a pair of a mapping. */
export interface Entry {
  /** Where its dash, its key or the anchor of its key stands. */
  readonly start: number;
  /** Behind its value; comments behind that do not count. */
  readonly end: number;
  readonly token: CST.CollectionItem;
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

export type Collection = YAMLMap | YAMLSeq;

const BOM = '\ufeff';
/** Markers without width that yaml's lexer puts between the pieces of the text. */
const DOCUMENT_MARK = '\u0002';
const FLOW_ERROR_MARK = '\u0018';
const SCALAR_MARK = '\u001f';

/** One YAML document with the places of everything in it, comments too. */
export class YamlSource {
  readonly text: string;
  readonly root: Node | undefined;
  /** Anchors and tags of the root. */
  readonly rootTokens: readonly CST.SourceToken[];
  readonly directives: readonly string[];
  readonly comments: readonly Comment[];
  readonly anchors: readonly { readonly start: number; readonly end: number }[];
  /** Alias -> the node whose anchor it means. */
  readonly targets: ReadonlyMap<Alias, Node>;
  readonly eol: string;
  readonly #shared: ReadonlySet<Node>;
  /** Where lines begin that hold nothing but a comment. */
  readonly commentLines: ReadonlySet<number>;
  readonly #pairs = new Map<YAMLMap, Map<string, number[]>>();
  readonly #entries = new Map<Collection, readonly Entry[]>();

  /** undefined: refused, the problems say why. */
  static read(source: string, problems: ProblemList): YamlSource | undefined {
    return YamlSource.accepts(source, problems) ? new YamlSource(source) : undefined;
  }

  /** Holds hostile documents off: all that reads a source recurses and counts nothing. */
  static accepts(text: string, problems: ProblemList): boolean {
    return (
      readText(text, problems) !== undefined && YamlDocument.parse(text, problems) !== undefined
    );
  }

  private constructor(text: string) {
    this.text = text;
    const tokens = [...new Parser().parse(text)];
    const options = {
      version: '1.2',
      schema: 'core',
      uniqueKeys: false,
      resolveKnownTags: false,
      keepSourceTokens: true,
      prettyErrors: false,
      logLevel: 'silent',
    } as const;
    const [document] = new Composer(options).compose(tokens, true, text.length);
    this.root = document?.contents ?? undefined;
    this.rootTokens = tokens.flatMap((token) => (token.type === 'document' ? token.start : []));
    this.directives = tokens.flatMap((token) =>
      token.type === 'directive' ? token.source.trimEnd() : [],
    );
    this.eol = /\r?\n/.exec(text)?.[0] ?? '\n';
    const { comments, anchors } = this.#scan();
    this.comments = comments;
    this.anchors = anchors;
    this.commentLines = new Set(
      comments.filter(({ ownLine }) => ownLine).map(({ start }) => this.lineStart(start)),
    );
    const named = new Map<string, Node>();
    const targets = new Map<Alias, Node>();
    visit(document ?? null, {
      Alias(_key, alias) {
        const target = named.get(alias.source);
        if (target) targets.set(alias, target);
      },
      Value(_key, node) {
        if (node.anchor) named.set(node.anchor, node);
      },
    });
    this.targets = targets;
    this.#shared = new Set(targets.values());
  }

  /** What the node is, or what its alias means. */
  resolve(node: Node | undefined): Node | undefined {
    return isAlias(node) ? this.targets.get(node) : node;
  }

  isShared(node: Node): boolean {
    return isAlias(node) || this.#shared.has(node);
  }

  entries(collection: Collection): readonly Entry[] {
    let entries = this.#entries.get(collection);
    if (!entries) {
      entries = entriesOf(collection);
      this.#entries.set(collection, entries);
    }
    return entries;
  }

  /** Where the pairs with this key stand in the mapping; merge keys are not followed. */
  pairsOf(map: YAMLMap, key: string): readonly number[] {
    let index = this.#pairs.get(map);
    if (!index) {
      index = new Map();
      for (const [at, pair] of map.items.entries()) {
        const word = isScalar(pair.key) ? pair.key.value : undefined;
        if (typeof word !== 'string') continue;
        const places = index.get(word);
        if (places) places.push(at);
        else index.set(word, [at]);
      }
      this.#pairs.set(map, index);
    }
    return index.get(key) ?? [];
  }

  lineStart(offset: number): number {
    const start = offset > 0 ? this.text.lastIndexOf('\n', offset - 1) + 1 : 0;
    return start === 0 && this.text.startsWith(BOM) ? 1 : start;
  }

  column(offset: number): number {
    return offset - this.lineStart(offset);
  }

  beginsLine(offset: number): boolean {
    return isBlank(this.text.slice(this.lineStart(offset), offset));
  }

  /** Whether a blank line stands above the line that begins here. */
  blankAbove(offset: number): boolean {
    return (
      this.beginsLine(offset) &&
      this.skipBlankAbove(this.lineStart(offset), 0) !== this.lineStart(offset)
    );
  }

  /** Where the line of this offset ends, its line break included. */
  lineEnd(offset: number): number {
    const end = this.text.indexOf('\n', offset);
    return end === -1 ? this.text.length : end + 1;
  }

  /** Skips the blank lines above the line that begins here, as far as `bound`. */
  skipBlankAbove(lineStart: number, bound: number): number {
    let from = lineStart;
    while (from > bound) {
      const above = this.lineStart(from - 1);
      if (above < bound || above === from || !isBlank(this.text.slice(above, from))) break;
      from = above;
    }
    return from;
  }

  #scan(): { comments: Comment[]; anchors: { start: number; end: number }[] } {
    const comments: Comment[] = [];
    const anchors: { start: number; end: number }[] = [];
    let start = 0;
    let before = '';
    for (const lexeme of new Lexer().lex(this.text)) {
      const marker =
        lexeme === DOCUMENT_MARK || lexeme === FLOW_ERROR_MARK || lexeme === SCALAR_MARK;
      const end = marker ? start : start + lexeme.length;
      if (before !== SCALAR_MARK && lexeme.startsWith('#')) {
        comments.push({ start, end, column: this.column(start), ownLine: this.beginsLine(start) });
      } else if (before !== SCALAR_MARK && lexeme.startsWith('&')) {
        anchors.push({ start, end });
      }
      start = end;
      before = lexeme;
    }
    return { comments, anchors };
  }
}

export function isFlow(collection: Collection): boolean {
  return collection.flow === true;
}

export function isCollection(node: Node | undefined): node is Collection {
  return isMap(node) || isSeq(node);
}

export function nodeOf(value: unknown): Node | undefined {
  return isNode(value) ? value : undefined;
}

function entriesOf(collection: Collection): readonly Entry[] {
  const tokens = itemTokens(collection);
  return collection.items.flatMap((item: unknown, at): Entry[] => {
    const pair = isPair(item) ? item : undefined;
    const token = pair?.srcToken ?? tokens[at];
    const places = token && placesOf(token);
    if (!token || !places) return [];
    const value = nodeOf(pair ? pair.value : item);
    return [{ ...places, token, key: nodeOf(pair?.key), value }];
  });
}

function itemTokens({ srcToken }: Collection): readonly CST.CollectionItem[] {
  switch (srcToken?.type) {
    case 'block-map':
    case 'block-seq':
    case 'flow-collection':
      return srcToken.items;
    default:
      return [];
  }
}

function placesOf(item: CST.CollectionItem): { start: number; end: number } | undefined {
  const { start: before, key, sep = [], value } = item;
  const marks = [...before.filter(isMark), ...(key ? [key] : []), ...sep.filter(isMark)];
  const first = marks[0] ?? value;
  const last = value ?? marks.at(-1);
  return first && last && { start: first.offset, end: tokenEnd(last) };
}

function isMark({ type }: CST.SourceToken): boolean {
  return type !== 'space' && type !== 'newline' && type !== 'comment' && type !== 'comma';
}

function tokenEnd(token: CST.Token): number {
  switch (token.type) {
    case 'block-map':
    case 'block-seq': {
      const items: readonly CST.CollectionItem[] = token.items;
      for (const item of items.toReversed()) {
        const places = placesOf(item);
        if (places) return places.end;
      }
      return token.offset;
    }
    case 'flow-collection':
      return token.end[0] ? tokenEnd(token.end[0]) : token.start.offset + 1;
    case 'block-scalar': {
      const header = token.props.at(-1);
      return (header ? tokenEnd(header) : token.offset) + token.source.length;
    }
    case 'document':
      return token.offset;
    default:
      return token.offset + token.source.length;
  }
}

/** The comma behind the item at this index of a flow collection. */
export function commaAfter(collection: Collection, at: number): number | undefined {
  const next = itemTokens(collection)[at + 1];
  return next?.start.find(({ type }) => type === 'comma')?.offset;
}

export function isBlank(text: string): boolean {
  return text.trim() === '';
}
