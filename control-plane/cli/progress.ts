import type { Io } from './command.js';
import { printable } from './output.js';

/** Fewer are done before one could read it. */
const MANY = 20;
const CLEAR_LINE = '\r\u001b[K';

export interface Progress {
  step(file: string): void;
  /** Before anything else is printed. */
  end(): void;
}

/** Tells on a terminal how far a command is with many files. */
export function startProgress({ stderr }: Io, total: number): Progress {
  if (!stderr.isTerminal || total < MANY) return { step() {}, end() {} };
  let done = 0;
  return {
    step(file) {
      done += 1;
      stderr.write(`${CLEAR_LINE}${done}/${total} ${printable(file).slice(0, 60)}`);
    },
    end() {
      stderr.write(CLEAR_LINE);
    },
  };
}
