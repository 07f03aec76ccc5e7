import type { Random } from '../fuzz/random.js';
import { type FileTree, PATH_BYTES } from './file-tree.js';

interface Kind {
  /** Of 20. */
  readonly share: number;
  readonly pattern: (tree: FileTree, random: Random) => string;
  /** A path that the pattern matches, of PATH_BYTES. undefined: there is none, or no luck. */
  readonly path: (pattern: string, tree: FileTree) => string | undefined;
}

const never = (): undefined => undefined;
const cut = (pattern: string, tail: string): string => pattern.slice(0, -tail.length);

const EXACT: Kind = {
  share: 10,
  // One of 50 is as long as the paths that are judged.
  pattern: (tree, random) => {
    const folder = tree.folder();
    const long = random.chance(0.02) ? tree.filled(`${folder}/`, '', false) : undefined;
    return long ?? `${folder}/${tree.name()}`;
  },
  path: (pattern) => (pattern.length === PATH_BYTES ? pattern : undefined),
};

const ODD: readonly ((tree: FileTree) => string)[] = [
  (tree) => `${tree.folder()}/${tree.name()}-[0-9]`,
  (tree) => `${tree.folder()}/${tree.letters(3)}???`,
  (tree) => `${tree.folder()}/[!a-m]${tree.name()}`,
  (tree) => `${tree.folder()}/*/${tree.name()}`,
  (tree) => `${tree.folder()}/${tree.letters(2)}*${tree.letters(2)}`,
  (tree) => `${tree.folder()}/**/${tree.name()}`,
];

const KINDS: readonly Kind[] = [
  EXACT,
  {
    share: 3,
    pattern: (tree) => `${tree.folder()}/${tree.name()}/**`,
    path: (pattern, tree) => tree.filled(cut(pattern, '**'), '', true),
  },
  {
    share: 2,
    pattern: (tree) => `${tree.folder()}/${tree.name()}/*`,
    path: (pattern, tree) => tree.filled(cut(pattern, '*'), '', false),
  },
  {
    share: 2,
    pattern: (tree) => `/**/${tree.name()}`,
    path: (pattern, tree) => tree.filled(`${tree.folder()}/`, pattern.slice('/**'.length), true),
  },
  {
    share: 1,
    pattern: (tree) => `${tree.folder()}/*.${tree.extension()}`,
    path: (pattern, tree) => {
      const [folder = '', extension = ''] = pattern.split('*');
      return tree.filled(folder, extension, false);
    },
  },
  {
    share: 1,
    pattern: (tree) => `/**/*.${tree.extension()}`,
    path: (pattern, tree) => tree.filled(`${tree.folder()}/`, pattern.slice('/**/*'.length), true),
  },
  { share: 1, pattern: (tree, random) => random.pick(ODD)(tree), path: never },
];
const SLOTS = KINDS.flatMap((kind) => Array.from({ length: kind.share }, () => kind));

export interface MixedPattern {
  readonly text: string;
  readonly path: (tree: FileTree) => string | undefined;
}

/** Distinct patterns: half exact, the rest as policies have them. */
export function mixedPatterns(random: Random, tree: FileTree, count: number): MixedPattern[] {
  const patterns = new Map<string, MixedPattern>();
  while (patterns.size < count) {
    const kind = SLOTS[Math.floor((patterns.size * SLOTS.length) / count)];
    const text = kind?.pattern(tree, random);
    if (kind && text !== undefined && !patterns.has(text)) {
      patterns.set(text, { text, path: (other) => kind.path(text, other) });
    }
  }
  return [...patterns.values()];
}

/** Patterns dealt out like cards. */
export function inLists(patterns: readonly MixedPattern[], lists: number): string[][] {
  const dealt = Array.from({ length: lists }, (): string[] => []);
  patterns.forEach(({ text }, at) => {
    dealt[at % lists]?.push(text);
  });
  return dealt.map((list) => list.sort());
}
