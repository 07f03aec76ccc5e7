import type { GlobKind } from '../glob.js';
import { BitSets } from './bit-sets.js';
import { byteClasses } from './byte-classes.js';
import { determinise, type Machine, TooManyStates } from './determinise.js';
import { type AutomatonTable, layOut, MAX_CELLS } from './layout.js';
import { minimise } from './minimise.js';
import { HEAD_COUNT, headOf, PatternCoder } from './pattern-code.js';
import { PatternGraph } from './pattern-graph.js';

/** Of one automaton. A node has as many as it has policy sets. */
export const AUTOMATON_LIMITS = {
  bytes: 4 * 1024 * 1024,
  /** Before they are merged; it bounds the time. */
  states: 300_000,
  /** Of these, what patterns may have whatever their length; and how many more for each of their bytes. */
  statesForAny: 50_000,
  statesForByte: 2,
  /** Of the construction, beside 50 for each byte; some 5 million a second. */
  steps: 2_000_000,
} as const;

export interface Automaton extends AutomatonTable {
  /** States but the dead one. */
  readonly states: number;
  readonly bytes: number;
}

/** The patterns need more than an automaton may have. */
export class AutomatonTooLarge extends Error {
  override readonly name = 'AutomatonTooLarge';
  /** Those that cost most, first the worst. */
  readonly costly: readonly string[];

  constructor(costly: readonly string[]) {
    super(
      `the patterns need a larger automaton than a node holds, above all ${costly.join(' and ')}`,
    );
    this.costly = costly;
  }
}

const COSTLY_NAMED = 5;
const STEPS_FOR_CODE = 50;

/**
 * One automaton over lists of patterns (in their normal form): it tells for a text the lists of which
 * some pattern matches.
 * @throws AutomatonTooLarge
 */
export function buildAutomaton(
  lists: readonly (readonly string[])[],
  kind: GlobKind,
  limits: { readonly [Limit in keyof typeof AUTOMATON_LIMITS]: number } = AUTOMATON_LIMITS,
): Automaton {
  const source = new PatternSource(lists, kind);
  const { graph, roots, patterns } = source;
  const classes = byteClasses(patterns.keys(), source.coder.sets);
  let machine: Machine;
  try {
    const states = limits.statesForAny + limits.statesForByte * source.codes;
    const max = {
      states: Math.min(states, limits.states),
      steps: limits.steps + STEPS_FOR_CODE * source.codes,
    };
    machine = minimise(determinise(graph, roots, classes, max));
  } catch (error) {
    if (error instanceof TooManyStates) throw new AutomatonTooLarge(source.costly(error.members));
    throw error;
  }
  const table = layOut(machine, classes, graph.accepts);
  const bytes = automatonBytes(table);
  if (bytes > limits.bytes || table.cells.length > MAX_CELLS) {
    throw new AutomatonTooLarge(source.costly(undefined));
  }
  return { ...table, states: machine.output.length - 1, bytes };
}

function automatonBytes({ cells, outputs, classes, starts }: AutomatonTable): number {
  return 4 * (cells.length + outputs.length + starts.length) + classes.length;
}

class PatternSource {
  readonly coder: PatternCoder;
  readonly graph: PatternGraph;
  /** By head. */
  readonly roots: number[];
  /** Codes -> the lists that hold the pattern. */
  readonly patterns = new Map<string, number[]>();
  readonly #texts = new Map<string, string>();
  /** Of all patterns together, about one a byte. */
  codes = 0;

  constructor(lists: readonly (readonly string[])[], kind: GlobKind) {
    this.coder = new PatternCoder(kind);
    lists.forEach((list, at) => {
      for (const pattern of list) this.#add(pattern, at);
    });
    const accepts = new BitSets(lists.length);
    this.graph = new PatternGraph(accepts);
    const heads: [string, number][][] = Array.from({ length: HEAD_COUNT }, () => []);
    for (const codes of [...this.patterns.keys()].sort()) {
      heads[headOf(codes)]?.push([codes, accepts.of(this.patterns.get(codes) ?? [])]);
    }
    this.roots = heads.map((head) => this.graph.add(head));
  }

  /** `members`: how many states hold a node; undefined: every node costs the same. */
  costly(members: ReadonlyMap<number, number> | undefined): string[] {
    const ways = [...this.patterns.keys()].map((codes) => {
      const root = this.roots[headOf(codes)] ?? 0;
      return { codes, way: this.graph.wayOf(root, codes) };
    });
    const shared = new Map<number, number>();
    for (const { way } of ways) {
      for (const node of way) shared.set(node, (shared.get(node) ?? 0) + 1);
    }
    const cost = (way: readonly number[]): number =>
      way.reduce(
        (sum, node) => sum + (members?.get(node) ?? (members ? 0 : 1)) / (shared.get(node) ?? 1),
        0,
      );
    return ways
      .map(({ codes, way }) => ({ codes, cost: cost(way) }))
      .sort((a, b) => b.cost - a.cost)
      .slice(0, COSTLY_NAMED)
      .map(({ codes }) => this.#texts.get(codes) ?? '');
  }

  #add(pattern: string, list: number): void {
    const codes = this.coder.encode(pattern);
    const lists = this.patterns.get(codes);
    if (lists) lists.push(list);
    else {
      this.codes += codes.length;
      this.patterns.set(codes, [list]);
      this.#texts.set(codes, pattern);
    }
  }
}
