import { asksForHelp, didYouMean } from './arguments.js';
import { EXIT, type ExitCode, Failure, type Io, type Listed, UsageError } from './command.js';
import { COMPLETE } from './completion/commands.js';
import { GROUPS, SINGLE_COMMANDS } from './groups.js';
import { say } from './output.js';
import { CLI_VERSION } from './version.js';

const USAGE = `bulkhead GROUP COMMAND [OPTIONS] ...
bulkhead COMMAND [OPTIONS] ...
bulkhead --help | --version
`;

const MORE = `
"bulkhead GROUP COMMAND --help" tells all about one. Colours are for terminals, and not where
NO_COLOR is set.
Exit codes: 0 fine, 1 the answer is no, 2 usage, 3 a file could not be read or written, 4 the
control plane refused, 5 it could not be asked.
`;

/** What of the arguments names a command, and what is behind that. */
interface Found {
  /** As it is called: `policy validate`. */
  readonly name: string;
  readonly listed: Listed;
  readonly rest: readonly string[];
}

/** The whole command line: the arguments behind `bulkhead` in, an exit code out. */
export async function runProgram(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    if (error instanceof Failure) {
      for (const line of error.lines) say(io, line);
      return error.exit;
    }
    if (!(error instanceof UsageError)) throw error;
    const found = findCommand(args);
    say(io, error.message);
    say(io, `see bulkhead ${found ? `${found.name} ` : ''}--help`);
    return EXIT.usage;
  }
}

async function dispatch(args: readonly string[], io: Io): Promise<ExitCode> {
  const [group, name] = args;
  const found = findCommand(args);
  if (asksForHelp(args)) {
    io.stdout.write(found ? (await found.listed.load()).help : helpOf(group));
    return EXIT.fine;
  }
  if (found) return (await found.listed.load()).run(found.rest, io);
  if (group === '--version' && name === undefined) {
    io.stdout.write(`${CLI_VERSION}\n`);
    return EXIT.fine;
  }
  if (group === undefined || (commandsOf(group) && name === undefined)) {
    io.stderr.write(helpOf(group));
    return EXIT.usage;
  }
  throw unknownCommand(group, name);
}

/** Of one group, or of all. */
function helpOf(group: string | undefined): string {
  const one = group === undefined ? undefined : commandsOf(group);
  const shown = one ? [[group, one] as const] : [...Object.entries(GROUPS), ['', SINGLE_COMMANDS]];
  const lines = shown.flatMap(([of, commands]) =>
    (commands as readonly Listed[]).map(
      ({ name, about }) => `  ${`${of} ${name}`.trim().padEnd(20)} ${about}`,
    ),
  );
  return `${USAGE}\n${lines.join('\n')}\n${MORE}`;
}

function commandsOf(group: string): readonly Listed[] | undefined {
  return Object.hasOwn(GROUPS, group) ? GROUPS[group] : undefined;
}

function findCommand([group = '', name, ...rest]: readonly string[]): Found | undefined {
  const single = [...SINGLE_COMMANDS, COMPLETE].find((command) => command.name === group);
  if (single)
    return { name: group, listed: single, rest: name === undefined ? [] : [name, ...rest] };
  const listed = commandsOf(group)?.find((command) => command.name === name);
  return listed && { name: `${group} ${listed.name}`, listed, rest };
}

function unknownCommand(group: string, name: string | undefined): UsageError {
  if (group.startsWith('-')) {
    return new UsageError(
      `there is no option ${group}${didYouMean(group, ['--help', '--version'])}`,
    );
  }
  const commands = commandsOf(group);
  if (commands && name !== undefined) {
    const names = commands.map((command) => command.name);
    return new UsageError(`there is no command ${group} ${name}${didYouMean(name, names)}`);
  }
  // Whoever leaves out the group means one of its commands.
  const meant = Object.keys(GROUPS).find((one) => findCommand([one, group]));
  const words = [...Object.keys(GROUPS), ...SINGLE_COMMANDS.map((command) => command.name)];
  const hint = meant ? `, did you mean ${meant} ${group}?` : didYouMean(group, words);
  return new UsageError(`there is no command ${group}${hint}`);
}
