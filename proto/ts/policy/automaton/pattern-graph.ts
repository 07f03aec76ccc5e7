import type { BitSets } from './bit-sets.js';
import { CODES, FIRST_SET, SLASH } from './pattern-code.js';

/** What a node does with a byte that no edge of it takes: stay, if the byte is in its loop. */
export const LOOPS = { none: 0, component: 1, any: 2 } as const;

/**
 * The patterns as a nondeterministic automaton without shared meaning: what is left of a pattern is
 * one node, however many patterns end so (Daciuk's incremental construction over sorted strings).
 * Arrays are indexed by node.
 */
export class PatternGraph {
  readonly accepts: BitSets;
  readonly loop: number[] = [];
  /** Id of the set of lists that a text which ends here matches. */
  readonly accept: number[] = [];
  /** Edges that take a byte: code, target, code, target ... */
  readonly edges: (readonly number[])[] = [];
  /** The node and what is reached from it without a byte. */
  readonly closure: (readonly number[])[] = [];
  readonly #ids = new Map<string, number>();

  constructor(accepts: BitSets) {
    this.accepts = accepts;
  }

  /** The root over patterns, which are sorted and distinct: codes -> accept set. */
  add(patterns: readonly (readonly [string, number])[]): number {
    const open: OpenNode[] = [newNode(LOOPS.none)];
    let former = '';
    for (const [codes, accept] of patterns) {
      const common = commonPrefix(former, codes);
      this.#close(open, former, common);
      for (let at = common; at < codes.length; at += 1) {
        open.push(newNode(loopBehind(codes.charCodeAt(at))));
      }
      const last = open.at(-1);
      if (last) last.accept = accept;
      former = codes;
    }
    this.#close(open, former, 0);
    return open[0] ? this.#idOf(open[0]) : 0;
  }

  /** The nodes on a pattern's way from the root. */
  wayOf(root: number, codes: string): number[] {
    const way = [root];
    let node = root;
    for (let at = 0; at < codes.length; at += 1) {
      const next = this.#children[node]?.get(codes.charCodeAt(at));
      if (next === undefined) return way;
      way.push(next);
      node = next;
    }
    return way;
  }

  readonly #children: ReadonlyMap<number, number>[] = [];

  /** Gives ids to the open nodes below `depth`: nothing more is added to them. */
  #close(open: OpenNode[], codes: string, depth: number): void {
    while (open.length > depth + 1) {
      const node = open.pop();
      const parent = open.at(-1);
      if (node && parent) parent.children.push(codes.charCodeAt(open.length - 1), this.#idOf(node));
    }
  }

  #idOf({ loop, accept, children }: OpenNode): number {
    const key = `${loop},${accept},${children.join()}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#append(loop, accept);
    this.#ids.set(key, id);
    const edges: number[] = [];
    let closure = [id];
    const byCode = new Map<number, number>();
    for (let at = 0; at < children.length; at += 2) {
      const [code = 0, child = 0] = [children[at], children[at + 1]];
      byCode.set(code, child);
      if (code < 0x100 || code >= FIRST_SET) edges.push(code, child);
      else {
        closure = closure.concat(this.closure[child] ?? []);
        if (code === CODES.components) closure.push(this.#before(child));
      }
    }
    this.edges[id] = edges;
    this.closure[id] = closure.length > 1 ? [...new Set(closure)] : closure;
    this.#children[id] = byCode;
    return id;
  }

  /** Any run, and then the `/` that leads to the node. */
  #before(node: number): number {
    const key = `before ${node}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#append(LOOPS.any, 0);
    this.#ids.set(key, id);
    this.edges[id] = [SLASH, node];
    this.closure[id] = [id];
    return id;
  }

  #append(loop: number, accept: number): number {
    const id = this.loop.length;
    this.loop.push(loop);
    this.accept.push(accept);
    return id;
  }
}

interface OpenNode {
  readonly loop: number;
  accept: number;
  /** code, node, code, node ... in rising order of the codes. */
  readonly children: number[];
}

function newNode(loop: number): OpenNode {
  return { loop, accept: 0, children: [] };
}

function loopBehind(code: number): number {
  if (code === CODES.component) return LOOPS.component;
  return code === CODES.any ? LOOPS.any : LOOPS.none;
}

function commonPrefix(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let at = 0;
  while (at < end && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}
