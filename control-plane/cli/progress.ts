import type { Io } from './command.js';
import { printable } from './output.js';

/** Fewer are done before one could read it. */
const MANY = 20;
const CLEAR_LINE = '\r\u001b[K';

export interface Progress {
  readonly step: (what: string) => void;
  /** Before anything else is printed. */
  end(): void;
}

/** Tells on a terminal how far a command is with many files or things. */
export function startProgress({ stderr }: Io, total: number): Progress {
  if (!stderr.isTerminal || total < MANY) return { step() {}, end() {} };
  let done = 0;
  return {
    step: (what) => {
      done += 1;
      stderr.write(`${CLEAR_LINE}${done}/${total} ${printable(what).slice(0, 60)}`);
    },
    end() {
      stderr.write(CLEAR_LINE);
    },
  };
}
