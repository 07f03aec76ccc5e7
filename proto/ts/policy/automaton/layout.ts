import type { BitSets } from './bit-sets.js';
import type { ByteClasses } from './byte-classes.js';
import { CellSpace } from './cell-space.js';
import type { Machine } from './determinise.js';

/**
 * The machine in the form that the kernel walks. Must match bpf/include/automaton.h, where the form is
 * described; a test compiles that walk and compares.
 */
export interface AutomatonTable {
  /** By byte: its class. */
  readonly classes: Uint8Array;
  readonly slashClass: number;
  /** By head: its start, as the value of a cell. 0: nothing begins there. */
  readonly starts: Uint32Array;
  readonly cells: Uint32Array;
  /** Of 32 bits, that a set of lists has. */
  readonly words: number;
  /** Three sets an output: latched, component, final. */
  readonly outputs: Uint32Array;
}

/**
 * A cell: class 8 bits, whether the target says something 1 bit, base of the target 23 bits. A state is
 * its base; its cell for a class stands at base + class, if the class in the cell is the same. A table of rows
 * lost: 10 000 patterns need 60 times the bytes.
 */
export const CELL = {
  classShift: 24,
  speaks: 1 << 23,
  target: (1 << 23) - 1,
  /** Class of the cell for whatever has no cell of its own, but for the slash. */
  rest: 0,
  /** Class of the cell that holds the number of the state's output. */
  output: 1,
  /** Class of a cell that no state has. */
  free: 0xff,
} as const;
/** By a target's size. */
export const MAX_CELLS = CELL.target;

const FREE = (CELL.free << CELL.classShift) >>> 0;

export function layOut(machine: Machine, classes: ByteClasses, lists: BitSets): AutomatonTable {
  const rows = machine.output.map((_, state) => cellsOf(machine, classes, state));
  const { bases, size } = place(rows, depthFirst(machine));
  const target = (state: number): number => {
    const speaks = (machine.output[state] ?? 0) === 0 ? 0 : CELL.speaks;
    return (bases[state] ?? 0) | speaks;
  };
  const cells = new Uint32Array(size).fill(FREE);
  rows.forEach((row, state) => {
    const base = bases[state] ?? 0;
    for (let at = 0; at < row.length; at += 2) {
      const [one = 0, to = 0] = [row[at], row[at + 1]];
      const value = one === CELL.output ? to : target(to);
      cells[base + one] = ((one << CELL.classShift) | value) >>> 0;
    }
  });
  const outputs = machine.outputs.list.flatMap(({ latched, component, final }) =>
    [latched, component, final].flatMap((id) => [...lists.bits(id)]),
  );
  return {
    classes: classes.of,
    slashClass: classes.slash,
    starts: Uint32Array.from(machine.starts, target),
    cells,
    words: lists.words,
    outputs: Uint32Array.from(outputs),
  };
}

/** Rising: class, target (or number of the output) ... */
function cellsOf(machine: Machine, classes: ByteClasses, state: number): number[] {
  const cells: number[] = [];
  const [rest = 0, output = 0, slash = 0] = [
    machine.rest[state],
    machine.output[state],
    machine.slash[state],
  ];
  if (rest !== 0) cells.push(CELL.rest, rest);
  if (output !== 0) cells.push(CELL.output, output);
  const row = machine.rows[state] ?? [];
  let at = 0;
  for (; at < row.length && (row[at] ?? 0) < classes.slash; at += 2) {
    cells.push(row[at] ?? 0, row[at + 1] ?? 0);
  }
  if (slash !== 0) cells.push(classes.slash, slash);
  for (; at < row.length; at += 2) cells.push(row[at] ?? 0, row[at + 1] ?? 0);
  return cells;
}

/** The states in the order in which a walk meets them, so that those of one path lie side by side. */
function depthFirst({ starts, rest, slash, rows }: Machine): number[] {
  const seen = new Uint8Array(rows.length);
  const order: number[] = [];
  const open = [...starts].reverse();
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (state === 0 || seen[state] === 1) continue;
    seen[state] = 1;
    order.push(state);
    const row = rows[state] ?? [];
    open.push(rest[state] ?? 0, slash[state] ?? 0);
    for (let at = 1; at < row.length; at += 2) open.push(row[at] ?? 0);
  }
  return order;
}

/**
 * Gives each state a base of its own, so that a cell's class alone tells whose it is. States of
 * several cells first, as long as there is room; those of one, which most are, in the order of walks: a walk
 * over a long name then stays in a few cache lines.
 */
function place(
  rows: readonly (readonly number[])[],
  order: readonly number[],
): { bases: Uint32Array; size: number } {
  const bases = new Uint32Array(rows.length);
  const live = [...order].sort((a, b) => (rows[b]?.length ?? 0) - (rows[a]?.length ?? 0));
  const space = new CellSpace();
  for (const state of live) {
    const offsets = (rows[state] ?? []).filter((_, at) => at % 2 === 0);
    bases[state] = space.place(offsets);
  }
  // Whatever class a walk looks for behind any base, it looks inside the table.
  return { bases, size: space.highestBase + 256 };
}
