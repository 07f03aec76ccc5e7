/** What a command tells the shell. */
export const EXIT = {
  fine: 0,
  /** The answer is no: an invalid document, a failed test, a difference. */
  no: 1,
  usage: 2,
  /** A file could not be read or written. */
  file: 3,
  /** A fault of this program (EX_SOFTWARE). */
  fault: 70,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Output {
  readonly isTerminal: boolean;
  write(text: string): void;
}

/** All that a command has of the process around it, besides files. */
export interface Io {
  readonly stdin: () => AsyncIterable<Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Whether a terminal may be given colours. */
  readonly colour: boolean;
  /** Runs a piece of work that no signal may end half done. */
  readonly whole: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly about: string;
  readonly help: string;
  /** @throws UsageError */
  readonly run: (args: readonly string[], io: Io) => Promise<ExitCode>;
}

/** The command was called in a way that it does not have. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
