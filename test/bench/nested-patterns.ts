import type { PolicyEvent } from '../../proto/ts/policy/event.js';
import { Matcher } from '../../proto/ts/policy/match.js';
import { Random } from '../fuzz/random.js';
import { boundSetOf } from './bound-set.js';
import { FileTree } from './file-tree.js';
import { inLists, type MixedPattern, mixedPatterns } from './patterns.js';

export const SIZES = [10, 1000, 10_000] as const;
const LISTS = 10;

/** 10, 1 000 and 10 000 patterns in 10 lists, the fewer among the more. */
export class NestedPatterns {
  readonly #random: Random;
  readonly #tree: FileTree;
  readonly #few: readonly MixedPattern[];
  readonly #lists: ReadonlyMap<number, readonly (readonly string[])[]>;

  constructor(seed: number) {
    const random = new Random(seed);
    const tree = treeOf(random, 10_000);
    this.#random = random;
    this.#tree = tree;
    this.#few = mixedPatterns(random, tree, 10);
    const known = new Set(this.#few.map(({ text }) => text));
    const more = mixedPatterns(random, tree, 10_000).filter(({ text }) => !known.has(text));
    const all = [...this.#few, ...random.shuffled(more)];
    this.#lists = new Map(SIZES.map((count) => [count, inLists(all.slice(0, count), LISTS)]));
  }

  lists(count: number): readonly (readonly string[])[] {
    return this.#lists.get(count) ?? [];
  }

  /** Every other path, the first too, matches one of the 10 patterns; the others none of any size. */
  paths(count: number): string[] {
    const [random, tree] = [this.#random, this.#tree];
    const [few, most] = [10, 10_000].map((size) => {
      const matcher = new Matcher(boundSetOf(this.lists(size), ['target']));
      return (path: string): boolean => matcher.match(openOf(path)).fired.length > 0;
    });
    const draws = [
      () => random.pick(this.#few).path(tree),
      () => tree.filled(`${tree.folder()}/`, '', random.chance(0.7)),
      () => random.pick(this.#few).path(tree),
      () => tree.filled(`/${tree.letters(6)}/`, '', random.chance(0.7)),
    ];
    return Array.from({ length: count }, (_, at) => {
      const hits = at % 2 === 0;
      for (;;) {
        const path = draws[at % draws.length]?.();
        if (path && few?.(path) === hits && most?.(path) === hits) return path;
      }
    });
  }
}

export function openOf(path: Uint8Array | string): PolicyEvent {
  return { operations: ['openFile'], targetPath: path, executable: path };
}

/** Some 15 patterns to a folder. */
export function treeOf(random: Random, patterns: number): FileTree {
  return new FileTree(random, Math.max(20, Math.ceil(patterns / 15)));
}
