import { asksForHelp, didYouMean } from './arguments.js';
import { type Command, EXIT, type ExitCode, type Io, UsageError } from './command.js';
import { say } from './output.js';
import { POLICY_COMMANDS } from './policy/policy.js';
import { CLI_VERSION } from './version.js';

const HELP = `bulkhead policy COMMAND [OPTIONS] ...
bulkhead --help | --version

${POLICY_COMMANDS.map(({ name, about }) => `  policy ${name.padEnd(10)} ${about}`).join('\n')}

"bulkhead policy COMMAND --help" tells all about one. Colours are for terminals, and not where
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
    say(io, `see bulkhead ${command ? `policy ${command.name} ` : ''}--help`);
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
  if (group === undefined || (group === 'policy' && name === undefined)) {
    io.stderr.write(HELP);
    return EXIT.usage;
  }
  throw unknownCommand(group, name);
}

function findCommand([group, name]: readonly string[]): Command | undefined {
  return group === 'policy' ? POLICY_COMMANDS.find((command) => command.name === name) : undefined;
}

function unknownCommand(group: string, name: string | undefined): UsageError {
  const names = POLICY_COMMANDS.map((command) => command.name);
  if (group.startsWith('-')) {
    return new UsageError(
      `there is no option ${group}${didYouMean(group, ['--help', '--version'])}`,
    );
  }
  if (group === 'policy' && name !== undefined) {
    return new UsageError(`there is no command policy ${name}${didYouMean(name, names)}`);
  }
  // Whoever leaves out `policy` means one of its commands.
  const hint = names.includes(group)
    ? `, did you mean policy ${group}?`
    : didYouMean(group, ['policy']);
  return new UsageError(`there is no command ${group}${hint}`);
}
