import { isAlias, isMap, isScalar, type Node } from 'yaml';
import { isCollection } from './edit-document.js';
import { literalOf, scalarText } from './format-scalar.js';

/** A line of the result; `blank`: an empty line stands above it. */
export interface Line {
  readonly blank: boolean;
  readonly text: string;
}

export interface Tree {
  readonly node: Node | undefined;
  /** Anchor and tag. */
  readonly props: string;
  readonly parts: readonly Part[];
  /** Comments behind the last part. */
  readonly tail: readonly Line[];
  /** Anchors and aliases in it, in their order. */
  readonly names: readonly Name[];
}

/** An item of a list or a pair of a mapping, with its comments. */
export interface Part {
  readonly key: Tree | undefined;
  readonly value: Tree;
  /** Comments above it. */
  readonly above: readonly Line[];
  readonly blank: boolean;
  /** Comments in its own lines. */
  readonly beside: readonly string[];
}

export interface Name {
  readonly text: string;
  readonly alias: boolean;
}

/** Lines in which comments stand above the first entry, and the others. */
interface Rendered {
  readonly above: readonly Line[];
  readonly body: readonly Line[];
}

const MAX_COLUMNS = 100;
/** YAML allows 1024 before the colon. */
const MAX_IMPLICIT_KEY = 1000;

/** The lines of a document or of a value that begins at this column. */
export function renderRoot({ value: tree, above }: Part, column: number): readonly Line[] {
  if (tree.parts.length === 0 || inlineText(tree, column) !== undefined) {
    const { body } = inlineText(tree, column) === '' ? { body: [] } : render('', tree, [], column);
    return [...above, ...body, ...tree.tail];
  }
  const { above: comments, body } = renderCollection(tree, column);
  const props = tree.props === '' ? [] : [plainLine(tree.props)];
  return [...above, ...comments, ...props, ...body];
}

function renderCollection(tree: Tree, column: number): Rendered {
  const [first, ...rest] = tree.parts.map((part) => renderPart(part, column));
  if (!first) return { above: [], body: [] };
  const below = rest.flatMap(({ above, body }) => [...above, ...body]);
  const lines = withBlank([...first.above, ...first.body, ...below, ...tree.tail], false);
  return { above: lines.slice(0, first.above.length), body: lines.slice(first.above.length) };
}

function renderPart({ key, value, above, blank, beside }: Part, column: number): Rendered {
  const word = key && implicitKey(key);
  let rendered: Rendered;
  if (!key) rendered = render('-', value, beside, column);
  else if (word !== undefined) rendered = render(word, value, beside, column);
  else {
    const first = render('?', key, beside, column);
    const none = value.node === undefined || inlineText(value, column) === '';
    const second = none ? { above: [], body: [] } : render(':', value, [], column);
    rendered = {
      above: [...first.above, ...second.above],
      body: [...first.body, ...withBlank(second.body, false)],
    };
  }
  const lines = withBlank([...rendered.above, ...rendered.body], blank);
  const split = rendered.above.length;
  return { above: [...above, ...lines.slice(0, split)], body: lines.slice(split) };
}

/** A value behind `head`, which is a key with its colon, or a mark that may stand before a collection. */
function render(head: string, tree: Tree, beside: readonly string[], column: number): Rendered {
  const compact = head.length === 1 && tree.props === '';
  const top = compact ? tree.parts[0] : undefined;
  const bare = top ? { ...tree, parts: [{ ...top, above: [] }, ...tree.parts.slice(1)] } : tree;
  const inline = inlineText(bare, head === '' ? column : column + head.length + 1);
  if (inline !== undefined) {
    const { above, body } = besideLine(joined(head, inline), beside, []);
    return { above: [...above, ...(top?.above ?? [])], body };
  }
  const literal = isScalar(tree.node) ? literalOf(tree.node) : undefined;
  if (literal) {
    const [mark = '', ...content] = literal;
    return besideLine(joined(head, tree.props, mark), beside, indented(content.map(plainLine)));
  }
  const { above, body } = renderCollection(tree, column + 2);
  const [first, ...rest] = body;
  if (compact && first) {
    const line = { blank: first.blank, text: joined(head, first.text) };
    return { above: [...beside.map(plainLine), ...above], body: [line, ...indented(rest)] };
  }
  return besideLine(joined(head, tree.props), beside, indented([...above, ...body]));
}

/** A line takes one comment at its end; others go above it. */
function besideLine(text: string, beside: readonly string[], rest: readonly Line[]): Rendered {
  const above = beside.slice(0, -1).map(plainLine);
  return { above, body: [plainLine(joined(text, beside.at(-1) ?? '')), ...rest] };
}

/** What fits in one line behind its key. */
function inlineText(tree: Tree, column: number): string | undefined {
  const { node, props, parts } = tree;
  if (parts.length === 0) {
    if (isScalar(node) && literalOf(node)) return undefined;
    return joined(props, leafText(tree, false));
  }
  if (isMap(node) || tree.tail.length > 0) return undefined;
  const items = parts.map(({ value, above, beside }) => {
    const bare = value.parts.length === 0 && above.length === 0 && beside.length === 0;
    const literal = isScalar(value.node) && literalOf(value.node);
    return bare && !literal ? joined(value.props, leafText(value, true)) : '';
  });
  if (items.includes('')) return undefined;
  const text = joined(props, `[${items.join(', ')}]`);
  return column + text.length <= MAX_COLUMNS ? text : undefined;
}

/** A key with its colon; undefined: it has to stand behind a question mark. */
function implicitKey(key: Tree): string | undefined {
  if (isCollection(key.node)) return undefined;
  const text = joined(key.props, leafText(key, false));
  if (text === '' || text.length > MAX_IMPLICIT_KEY) return undefined;
  return isAlias(key.node) || text === key.props ? `${text} :` : `${text}:`;
}

function leafText({ node, props }: Tree, inFlow: boolean): string {
  if (isAlias(node)) return `*${node.source}`;
  if (isScalar(node)) return scalarText(node, /(?:^| )!/.test(props), inFlow);
  if (node === undefined) return '';
  return isMap(node) ? '{}' : '[]';
}

function joined(...texts: string[]): string {
  return texts.filter((text) => text !== '').join(' ');
}

/** `blank` goes to the first line. */
export function withBlank(lines: readonly Line[], blank: boolean): Line[] {
  return lines.map((line, at) => (at === 0 ? { ...line, blank } : line));
}

function plainLine(text: string): Line {
  return { blank: false, text };
}

function indented(lines: readonly Line[]): Line[] {
  return lines.map(({ blank, text }) => ({ blank, text: text === '' ? '' : `  ${text}` }));
}
