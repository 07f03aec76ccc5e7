import type { Random } from './random.js';

/** What a document holds, before anybody decides how it is written. */
export type Tree =
  | string
  /** As it stands. */
  | { readonly bare: string }
  | readonly Tree[]
  | { readonly entries: readonly (readonly [string, Tree])[] };

/** Writes it in block and flow style, with comments, quotes, anchors and aliases as chance has it. */
export function writeTree(tree: Tree, random: Random): string {
  const text = new TreeWriter(random).block(tree, 0).replace(/^\n/, '');
  return `${text}\n`;
}

class TreeWriter {
  readonly #random: Random;
  /** What could be said by an alias instead: the JSON of a tree -> its anchor. */
  readonly #anchors = new Map<string, string>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** As it stands behind `key:` or `-`: a line break or nothing comes first. */
  block(tree: Tree, indent: number): string {
    const random = this.#random;
    if (!isCollection(tree) || sizeOf(tree) === 0) return this.flow(tree);
    const known = this.#anchors.get(JSON.stringify(tree));
    if (known !== undefined && random.chance(0.5)) return `*${known}`;
    const anchor = indent > 0 && random.chance(0.15) ? `&${this.#newAnchor(tree)} ` : '';
    if (indent > 0 && random.chance(0.35)) return anchor + this.flow(tree);
    const start = `\n${' '.repeat(indent)}`;
    const below = indent + random.pick([2, 2, 2, 4]);
    const lines = isList(tree)
      ? tree.map((item) => `- ${this.block(item, below)}`)
      : tree.entries.map(([key, value]) => `${this.#key(key)}: ${this.block(value, below)}`);
    return anchor + lines.map((line) => this.#comment(start) + start + line).join('');
  }

  flow(tree: Tree): string {
    if (typeof tree === 'string') return this.#scalar(tree);
    if ('bare' in tree) return tree.bare;
    const gap = this.#random.chance(0.1) ? `\n${' '.repeat(24)}` : ' ';
    const items = isList(tree)
      ? tree.map((item) => this.flow(item))
      : tree.entries.map(([key, value]) => `${this.#key(key)}: ${this.flow(value)}`);
    const end = this.#random.chance(0.05) && items.length > 0 ? ',' : '';
    const inside = items.join(`,${gap}`) + end;
    return isList(tree) ? `[${inside}]` : `{${inside}}`;
  }

  #key(key: string): string {
    return this.#random.chance(0.03) ? JSON.stringify(key) : key;
  }

  #scalar(text: string): string {
    const style = this.#random.below(8);
    const isNumber = !Number.isNaN(Number(text));
    const plain = /^[A-Za-z0-9/.][A-Za-z0-9/._*-]*$/.test(text);
    if (plain && style > 1 && (!isNumber || this.#random.chance(0.02))) return text;
    return style % 2 === 0 ? JSON.stringify(text) : `'${text.replaceAll("'", "''")}'`;
  }

  #comment(start: string): string {
    return this.#random.chance(0.05)
      ? `${start}# ${this.#random.pick(['why', '- x: [', 'é'])}`
      : '';
  }

  #newAnchor(tree: Tree): string {
    const name = `n${this.#anchors.size}`;
    this.#anchors.set(JSON.stringify(tree), name);
    return name;
  }
}

type Collection = Exclude<Tree, string | { readonly bare: string }>;

function isCollection(tree: Tree): tree is Collection {
  return typeof tree !== 'string' && !('bare' in tree);
}

function isList(tree: Tree): tree is readonly Tree[] {
  return Array.isArray(tree);
}

function sizeOf(tree: Collection): number {
  return isList(tree) ? tree.length : tree.entries.length;
}
