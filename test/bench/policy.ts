import { snapshotEnvironment } from '../../control-plane/config.js';
import { type Automaton, buildAutomaton } from '../../proto/ts/policy/automaton/build.js';
import type { PolicyEvent } from '../../proto/ts/policy/event.js';
import { Matcher } from '../../proto/ts/policy/match.js';
import { parsePolicy } from '../../proto/ts/policy/parse.js';
import { tableProblems } from '../../proto/ts/policy/table-check.js';
import { Random } from '../fuzz/random.js';
import { boundSetOf, type PathUse } from './bound-set.js';
import type { Figures, Goal } from './figures.js';
import { FileTree } from './file-tree.js';
import { type Case, inTurns, timeOf } from './measure.js';
import { NaiveMatcher } from './naive.js';
import { inLists, type MixedPattern, mixedPatterns } from './patterns.js';
import { policyDocument } from './policy-document.js';

const SELECTORS = 10;
const EVENTS = 1000;
/** So that it does not count what the case before left in the processor's caches: with 5 rounds 0.04 us an event. */
const ROUNDS = 20;
/** It takes a hundred times as long. */
const NAIVE_ROUNDS = 1;
const MIB = 1024 * 1024;

/** Reading a policy, building automata of three sizes, judging events by two of them. */
export function policyBenchmark(figures: Figures): void {
  validate(figures);
  automata(figures);
  match(figures);
}

/**
 * With a copy of the environment, as the control plane and the command line have it. What it takes without
 * (some 3 ms more) another process would have to tell: once replaced, both are as fast.
 */
function validate(figures: Figures): void {
  snapshotEnvironment();
  const random = new Random(figures.seed);
  const document = policyDocument(random, new FileTree(random, 400));
  const cold = timeOf(() => parsePolicy(document));
  const { policy, places, problems } = parsePolicy(document);
  if (!policy || !places) throw new Error(`the document is refused: ${problems[0]?.message}`);
  const { selectors = [] } = policy.file ?? {};
  const paths = selectors.flatMap(({ texts }) => texts.targetFilePath ?? []);
  figures.note(
    `the document has ${document.length} bytes, ${selectors.length} file selectors with ${paths.length} paths; ` +
      `the first run took ${cold.toFixed(0)} ms`,
  );
  const alone = (run: () => void): number =>
    inTurns([{ name: '', run }], { warmUp: 40, measured: 101 }).get('') ?? 0;
  const validateMs = alone(() => parsePolicy(document));
  figures.add('validate-64k', validateMs, 'ms', { is: '<=', value: 15 });
  const tableMs = alone(() => tableProblems(policy, places));
  figures.add('table-check-64k', tableMs, 'ms');
}

function automata(figures: Figures): void {
  const made = new Map<string, Automaton>();
  const cases = [10, 1000, 10_000].map((count): Case => {
    const random = new Random(figures.seed);
    const lists = inLists(mixedPatterns(random, treeOf(random, count), count), 40);
    const name = `automaton-${count}`;
    return { name, run: () => made.set(name, buildAutomaton(lists, 'path')) };
  });
  const times = inTurns(cases, { warmUp: 2, measured: 15 });
  for (const [name, { states, bytes }] of made) {
    const isLarge = name === 'automaton-10000';
    const goal = (value: number): Goal | undefined => (isLarge ? { is: '<=', value } : undefined);
    figures.add(`${name}-build`, times.get(name) ?? 0, 'ms', goal(2000));
    figures.add(`${name}-states`, states, 'states');
    figures.add(`${name}-bytes`, bytes, 'bytes', goal(4 * MIB));
  }
}

function match(figures: Figures): void {
  const world = new World(figures.seed);
  const times = inTurns([...world.matchers(), ...world.naives()]);
  const perEvent = (name: string, rounds = ROUNDS): number =>
    ((times.get(name) ?? 0) * 1000) / (EVENTS * rounds);
  const [few, many] = [perEvent('match-10'), perEvent('match-10000')];
  figures.add('match-10', few, 'us', { is: '<=', value: 3 });
  figures.add('match-1000', perEvent('match-1000'), 'us');
  figures.add('match-10000', many, 'us', { is: '<=', value: 3 });
  figures.add('match-ratio-10000-to-10', many / few, 'times', { is: '<=', value: 1.2 });
  figures.add('match-two-paths-10000', perEvent('match-two-paths-10000'), 'us');
  for (const count of [10, 1000]) {
    const naive = perEvent(`naive-${count}`, NAIVE_ROUNDS);
    figures.add(`naive-regexps-${count}`, naive, 'us');
    figures.add(`naive-to-match-${count}`, naive / perEvent(`match-${count}`), 'times');
  }
}

/**
 * Sets of 10 selectors and 10 responses over 10, 1 000 and 10 000 patterns, the fewer among the more, and
 * the same events for all: half of them match one of the 10, the others match nothing in any set.
 */
class World {
  readonly #few: readonly MixedPattern[];
  readonly #lists: ReadonlyMap<number, readonly (readonly string[])[]>;
  readonly #paths: readonly string[];
  readonly #events: readonly PolicyEvent[];
  /** What comes out is used, so that no work is left out. */
  fired = 0;

  constructor(seed: number) {
    const random = new Random(seed);
    const tree = treeOf(random, 10_000);
    this.#few = mixedPatterns(random, tree, 10);
    const known = new Set(this.#few.map(({ text }) => text));
    const more = mixedPatterns(random, tree, 10_000).filter(({ text }) => !known.has(text));
    const all = [...this.#few, ...shuffled(more, random)];
    this.#lists = new Map(
      [10, 1000, 10_000].map((count) => [count, inLists(all.slice(0, count), SELECTORS)]),
    );
    this.#paths = this.#drawPaths(tree, random);
    const encoder = new TextEncoder();
    this.#events = this.#paths.map((path) => eventOf(encoder.encode(path)));
  }

  matchers(): Case[] {
    const cases = [...this.#lists.keys()].map((count) => this.#matcher(`match-${count}`, count));
    return [...cases, this.#matcher('match-two-paths-10000', 10_000, ['target', 'executable'])];
  }

  naives(): Case[] {
    return [10, 1000].map((count) => {
      const lists = this.#lists.get(count) ?? [];
      const naive = new NaiveMatcher(lists);
      this.#compare(naive, lists);
      const run = (): void => {
        for (let round = 0; round < NAIVE_ROUNDS; round += 1) {
          for (const path of this.#paths) this.fired += naive.count(path);
        }
      };
      return { name: `naive-${count}`, run };
    });
  }

  #matcher(name: string, count: number, uses: readonly PathUse[] = ['target']): Case {
    const matcher = new Matcher(boundSetOf(this.#lists.get(count) ?? [], uses));
    const run = (): void => {
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const event of this.#events) this.fired += matcher.match(event).fired.length;
      }
    };
    return { name, run };
  }

  #drawPaths(tree: FileTree, random: Random): string[] {
    const [few, most] = [10, 10_000].map((count) => {
      const matcher = new Matcher(boundSetOf(this.#lists.get(count) ?? [], ['target']));
      return (path: string): boolean => matcher.match(eventOf(path)).fired.length > 0;
    });
    const draws = [
      () => random.pick(this.#few).path(tree),
      () => tree.filled(`${tree.folder()}/`, '', random.chance(0.7)),
      () => random.pick(this.#few).path(tree),
      () => tree.filled(`/${tree.letters(6)}/`, '', random.chance(0.7)),
    ];
    return Array.from({ length: EVENTS }, (_, at) => {
      const hits = at % 2 === 0;
      for (;;) {
        const path = draws[at % draws.length]?.();
        if (path && few?.(path) === hits && most?.(path) === hits) return path;
      }
    });
  }

  /** The naive way must say the same, or its time says nothing. */
  #compare(naive: NaiveMatcher, lists: readonly (readonly string[])[]): void {
    const alone = lists.map((list) => new Matcher(boundSetOf([list], ['target'])));
    for (const path of this.#paths) {
      const count = alone.filter((one) => one.match(eventOf(path)).fired.length > 0).length;
      if (count !== naive.count(path)) throw new Error(`both ways differ about ${path}`);
    }
  }
}

function eventOf(path: Uint8Array | string): PolicyEvent {
  return { operations: ['openFile'], targetPath: path, executable: path };
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  return list
    .map((item) => ({ item, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}

/** Some 15 patterns to a folder. */
function treeOf(random: Random, patterns: number): FileTree {
  return new FileTree(random, Math.max(20, Math.ceil(patterns / 15)));
}
