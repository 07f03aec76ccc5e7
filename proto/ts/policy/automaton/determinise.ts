import type { ByteClasses } from './byte-classes.js';
import { LOOPS, type PatternGraph } from './pattern-graph.js';

/**
 * A deterministic automaton whose states have outputs. A row is: the target of the class `other`, which
 * is that of the rest; that of the slash; and those classes that go elsewhere. State 0 is dead.
 */
export interface Machine {
  /** By head: its start state. */
  readonly starts: readonly number[];
  readonly output: readonly number[];
  readonly rest: readonly number[];
  readonly slash: readonly number[];
  /** Rising: class, target, class, target ... of those that differ from the rest. */
  readonly rows: readonly (readonly number[])[];
  readonly outputs: OutputTable;
}

/**
 * What a state says, as sets of lists. `latched` holds for every longer text, `component` until
 * the next `/`, `final` for the text that ends here. What a `**` or `*` at the end of a pattern matches
 * is said once and forgotten, so no state has to remember it.
 */
export interface Output {
  readonly latched: number;
  readonly component: number;
  readonly final: number;
}

export class OutputTable {
  readonly list: Output[] = [];
  readonly #ids = new Map<string, number>();

  constructor() {
    this.idOf({ latched: 0, component: 0, final: 0 });
  }

  /** 0: it says nothing. */
  idOf(output: Output): number {
    const key = `${output.latched},${output.component},${output.final}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.list.length);
    this.list.push(output);
    return this.list.length - 1;
  }
}

/** More states than are built; `members` is how many of them hold each node of the graph. */
export class TooManyStates extends Error {
  override readonly name = 'TooManyStates';
  readonly members: ReadonlyMap<number, number>;

  constructor(members: ReadonlyMap<number, number>) {
    super('the patterns need too many states');
    this.members = members;
  }
}

const DEAD = 0;

export interface DeterminiserLimits {
  readonly states: number;
  /** Nodes looked at, of all sets that are made: what the time is spent on. */
  readonly steps: number;
}

/** Subset construction, from the roots of the heads. @throws TooManyStates */
export function determinise(
  graph: PatternGraph,
  roots: readonly number[],
  classes: ByteClasses,
  max: DeterminiserLimits,
): Machine {
  return new Determiniser(graph, classes, max).run(roots);
}

class Determiniser {
  readonly #graph: PatternGraph;
  readonly #classes: ByteClasses;
  readonly #max: DeterminiserLimits;
  #steps = 0;
  readonly #outputs = new OutputTable();
  /** By state: the nodes that can still take a byte. */
  readonly #members: (readonly number[])[] = [[]];
  readonly #output: number[] = [0];
  readonly #rest: number[] = [DEAD];
  readonly #slash: number[] = [DEAD];
  readonly #rows: (readonly number[])[] = [[]];
  readonly #bySet = new Map<string, number>();
  /** By node: the state of its closure alone. */
  readonly #byNode: number[] = [];
  /** By class: nodes that the state at hand reaches with it. */
  readonly #reached: number[][];
  readonly #allClasses: readonly number[];

  constructor(graph: PatternGraph, classes: ByteClasses, max: DeterminiserLimits) {
    this.#graph = graph;
    this.#classes = classes;
    this.#max = max;
    this.#reached = Array.from({ length: 256 }, () => []);
    this.#allClasses = [...new Set(classes.of)].sort((a, b) => a - b);
  }

  run(roots: readonly number[]): Machine {
    const starts = roots.map((root) => this.#stateOf([root]));
    for (let state = 1; state < this.#members.length; state += 1) {
      if (state > this.#max.states || this.#steps > this.#max.steps) {
        throw new TooManyStates(this.#countMembers());
      }
      this.#fill(state);
    }
    return {
      starts,
      output: this.#output,
      rest: this.#rest,
      slash: this.#slash,
      rows: this.#rows,
      outputs: this.#outputs,
    };
  }

  #fill(state: number): void {
    const { loop, edges } = this.#graph;
    const { taken, wholeSets, slash, other } = this.#classes;
    const staying: number[] = [];
    const stayingOnSlash: number[] = [];
    const touched: number[] = [];
    for (const node of this.#members[state] ?? []) {
      if (loop[node] !== LOOPS.none) staying.push(node);
      if (loop[node] === LOOPS.any) stayingOnSlash.push(node);
      const out = edges[node] ?? [];
      for (let at = 0; at < out.length; at += 2) {
        const [code = 0, target = 0] = [out[at], out[at + 1]];
        if (wholeSets.has(code)) {
          staying.push(target);
          continue;
        }
        for (const one of taken.get(code) ?? []) {
          const reached = this.#reached[one];
          if (reached?.length === 0) touched.push(one);
          reached?.push(target);
        }
      }
    }
    const targetOf = (one: number): number => {
      const reached = this.#reached[one] ?? [];
      const kept = one === slash ? stayingOnSlash : staying;
      return this.#stateOf(reached.length === 0 ? kept : [...kept, ...reached]);
    };
    const rest = targetOf(other);
    const row: number[] = [];
    // Where the rest is reached by an edge, what no edge takes is an exception too.
    const restIsTaken = (this.#reached[other] ?? []).length > 0;
    if (!restIsTaken) touched.sort((a, b) => a - b);
    for (const one of restIsTaken ? this.#allClasses : touched) {
      if (one === slash) continue;
      const target = targetOf(one);
      if (target !== rest) row.push(one, target);
    }
    this.#rest[state] = rest;
    this.#slash[state] = targetOf(slash);
    this.#rows[state] = row;
    for (const one of touched) this.#reached[one] = [];
  }

  /** The state of these nodes and what they reach without a byte. */
  #stateOf(nodes: readonly number[]): number {
    const [only] = nodes;
    if (only === undefined) return DEAD;
    if (nodes.length > 1) return this.#stateOfSet(nodes);
    const known = this.#byNode[only];
    if (known !== undefined) return known;
    const state = this.#stateOfSet(nodes);
    this.#byNode[only] = state;
    return state;
  }

  #stateOfSet(nodes: readonly number[]): number {
    const { closure, accept, loop, edges, accepts } = this.#graph;
    const members = new Set<number>();
    let latched = 0;
    let component = 0;
    let final = 0;
    for (const start of nodes) {
      const reached = closure[start] ?? [];
      this.#steps += reached.length;
      for (const node of reached) {
        const says = accept[node] ?? 0;
        if (says !== 0) {
          if (loop[node] === LOOPS.any) latched = accepts.union(latched, says);
          else if (loop[node] === LOOPS.component) component = accepts.union(component, says);
          else final = accepts.union(final, says);
        }
        if ((edges[node] ?? []).length > 0) members.add(node);
      }
    }
    const output = this.#outputs.idOf({ latched, component, final });
    if (members.size === 0 && output === 0) return DEAD;
    const sorted = members.size > 1 ? [...members].sort((a, b) => a - b) : [...members];
    const key = `${output};${sorted.join()}`;
    const known = this.#bySet.get(key);
    if (known !== undefined) return known;
    const state = this.#members.length;
    this.#bySet.set(key, state);
    this.#members.push(sorted);
    this.#output.push(output);
    return state;
  }

  #countMembers(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const members of this.#members) {
      for (const node of members) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    return counts;
  }
}
