import type { AutomatonTable } from './layout.js';
import { HEAD_COUNT } from './pattern-code.js';

/** struct bh_automaton of bpf/include/automaton.h: offsets and size in bytes. Must match it. */
export const AUTOMATON_LAYOUT = {
  version: 0,
  words: 4,
  slashClass: 8,
  cellCount: 12,
  outputCount: 16,
  starts: 20,
  classes: 20 + 4 * HEAD_COUNT,
  size: 20 + 4 * HEAD_COUNT + 256,
} as const;

const VERSION = 1;

/** The automaton as the kernel walks it, little endian: header, cells, outputs. */
export function serialiseAutomaton(table: AutomatonTable): Uint8Array {
  const { cells, outputs, starts, classes, words, slashClass } = table;
  const bytes = new Uint8Array(AUTOMATON_LAYOUT.size + 4 * (cells.length + outputs.length));
  const view = new DataView(bytes.buffer);
  const put = (at: number, value: number): void => view.setUint32(at, value, true);
  put(AUTOMATON_LAYOUT.version, VERSION);
  put(AUTOMATON_LAYOUT.words, words);
  put(AUTOMATON_LAYOUT.slashClass, slashClass);
  put(AUTOMATON_LAYOUT.cellCount, cells.length);
  put(AUTOMATON_LAYOUT.outputCount, outputs.length / (3 * words));
  starts.forEach((start, head) => {
    put(AUTOMATON_LAYOUT.starts + 4 * head, start);
  });
  bytes.set(classes, AUTOMATON_LAYOUT.classes);
  let at: number = AUTOMATON_LAYOUT.size;
  for (const list of [cells, outputs]) {
    for (const word of list) {
      put(at, word);
      at += 4;
    }
  }
  return bytes;
}
