/** What a command tells the shell. */
export const EXIT = {
  fine: 0,
  /** The answer is no: an invalid document, a failed test, a difference. */
  no: 1,
  usage: 2,
  /** A file could not be read or written. */
  file: 3,
  /** The control plane refused: no such thing, no permission, a conflict. */
  refused: 4,
  /** The control plane could not be asked, or gave no answer in time. */
  unreachable: 5,
  /** A fault of this program (EX_SOFTWARE). */
  fault: 70,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Output {
  readonly isTerminal: boolean;
  /** How wide a terminal is; undefined where it is none. */
  readonly columns: number | undefined;
  write(text: string): void;
}

/** All that a command has of the process around it, besides files. */
export interface Io {
  readonly stdin: () => AsyncIterable<Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Whether a terminal may be given colours. */
  readonly colour: boolean;
  readonly settings: Settings;
  /** A variable of the environment that a document names. */
  readonly variable: (name: string) => string | undefined;
  /** Asks whoever sits at the terminal; undefined: nobody does, or it was left without an answer. */
  readonly ask: (question: string, answer: 'shown' | 'hidden') => Promise<string | undefined>;
  /** Runs a piece of work that no signal may end half done; `stop` tells it that one came. */
  readonly whole: <T>(work: (stop: AbortSignal) => Promise<T>) => Promise<T>;
}

/** What the environment says of control planes. */
export interface Settings {
  /** Where the contexts are kept. */
  readonly contextFile: string;
  readonly context: string | undefined;
  readonly server: string | undefined;
  readonly apiKey: string | undefined;
  readonly caFile: string | undefined;
}

/** A command in the list of commands: what it does is loaded where it is called. */
export interface Listed {
  readonly name: string;
  /** One line. */
  readonly about: string;
  readonly load: () => Promise<Command>;
}

export interface Command {
  readonly help: string;
  /** @throws UsageError */
  readonly run: (args: readonly string[], io: Io) => Promise<ExitCode>;
}

/** The command was called in a way that it does not have. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Why a command cannot go on, in lines for people. */
export class Failure extends Error {
  override readonly name: string = 'Failure';

  constructor(
    readonly exit: ExitCode,
    readonly lines: readonly string[],
    options?: ErrorOptions,
  ) {
    super(lines.join('; '), options);
  }
}
