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
import { NestedPatterns, openOf, SIZES, treeOf } from './nested-patterns.js';
import { inLists, mixedPatterns } from './patterns.js';
import { policyDocument } from './policy-document.js';

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

/** The same events for all sizes: every other one matches one of the 10 patterns, the others none of any size. */
class World {
  readonly #nested: NestedPatterns;
  readonly #paths: readonly string[];
  readonly #events: readonly PolicyEvent[];
  /** What comes out is used, so that no work is left out. */
  fired = 0;

  constructor(seed: number) {
    this.#nested = new NestedPatterns(seed);
    this.#paths = this.#nested.paths(EVENTS);
    const encoder = new TextEncoder();
    this.#events = this.#paths.map((path) => openOf(encoder.encode(path)));
  }

  matchers(): Case[] {
    const cases = SIZES.map((count) => this.#matcher(`match-${count}`, count));
    return [...cases, this.#matcher('match-two-paths-10000', 10_000, ['target', 'executable'])];
  }

  naives(): Case[] {
    return [10, 1000].map((count) => {
      const lists = this.#nested.lists(count);
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
    const matcher = new Matcher(boundSetOf(this.#nested.lists(count), uses));
    const run = (): void => {
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const event of this.#events) this.fired += matcher.match(event).fired.length;
      }
    };
    return { name, run };
  }

  /** The naive way must say the same, or its time says nothing. */
  #compare(naive: NaiveMatcher, lists: readonly (readonly string[])[]): void {
    const alone = lists.map((list) => new Matcher(boundSetOf([list], ['target'])));
    for (const path of this.#paths) {
      const count = alone.filter((one) => one.match(openOf(path)).fired.length > 0).length;
      if (count !== naive.count(path)) throw new Error(`both ways differ about ${path}`);
    }
  }
}
