import { asksForHelp, didYouMean } from './arguments.js';
import { AUDIT_COMMANDS } from './audit/audit.js';
import { type Command, EXIT, type ExitCode, type Io, UsageError } from './command.js';
import { say } from './output.js';
import { POLICY_COMMANDS } from './policy/policy.js';
import { CLI_VERSION } from './version.js';

/** `bulkhead GROUP COMMAND`, in the order of the help. */
export const GROUPS: Readonly<Record<string, readonly Command[]>> = {
  policy: POLICY_COMMANDS,
  audit: AUDIT_COMMANDS,
};

const HELP = `bulkhead GROUP COMMAND [OPTIONS] ...
bulkhead --help | --version

${Object.entries(GROUPS)
  .flatMap(([group, commands]) =>
    commands.map(({ name, about }) => `  ${group} ${name.padEnd(10)} ${about}`),
  )
  .join('\n')}

"bulkhead GROUP COMMAND --help" tells all about one. Colours are for terminals, and not where
NO_COLOR is set.
Exit codes: 0 fine, 1 the answer is no, 2 usage, 3 a file could not be read or written.
`;

/** The whole command line: the arguments behind `bulkhead` in, an exit code out. */
export async function runProgram(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const command = findCommand(args);
    say(io, error.message);
    say(io, `see bulkhead ${command ? `${args[0]} ${command.name} ` : ''}--help`);
    return EXIT.usage;
  }
}

async function dispatch(args: readonly string[], io: Io): Promise<ExitCode> {
  const [group, name, ...rest] = args;
  const command = findCommand(args);
  if (asksForHelp(args)) {
    io.stdout.write(command?.help ?? HELP);
    return EXIT.fine;
  }
  if (command) return command.run(rest, io);
  if (group === '--version' && name === undefined) {
    io.stdout.write(`${CLI_VERSION}\n`);
    return EXIT.fine;
  }
  if (group === undefined || (commandsOf(group) && name === undefined)) {
    io.stderr.write(HELP);
    return EXIT.usage;
  }
  throw unknownCommand(group, name);
}

function commandsOf(group: string): readonly Command[] | undefined {
  return Object.hasOwn(GROUPS, group) ? GROUPS[group] : undefined;
}

function findCommand([group = '', name]: readonly string[]): Command | undefined {
  return commandsOf(group)?.find((command) => command.name === name);
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
  const hint = meant ? `, did you mean ${meant} ${group}?` : didYouMean(group, Object.keys(GROUPS));
  return new UsageError(`there is no command ${group}${hint}`);
}
