import { FORMATS } from '../api/formats.js';
import { openSession } from '../api/session.js';
import { type Command, EXIT, Failure, type Io, type Listed, UsageError } from '../command.js';
import { readContexts } from '../contexts/contexts.js';
import { GROUPS, SINGLE_COMMANDS } from '../groups.js';
import { printLines } from '../output.js';
import type { Action, ResourceName, Value } from '../resources/resource.js';
import { RESOURCES } from '../resources/resources.js';

/** Names that no shell takes for anything else, and that COMP_WORDBREAKS does not part. */
const PLAIN = /^[A-Za-z0-9_.,/@+-]+$/;
/** Whoever presses a key waits no longer for a control plane. */
const PATIENCE_S = '1';
const MANY = 200;

export const complete: Command = {
  help: `bulkhead __complete -- WORD...

Prints how the last word may go on, one candidate a line; none where it is the name of a file.

Exit codes: 0.
`,
  run: async ([, ...words], io) => {
    // bash parts --option=value in three.
    const whole = words.filter((word, at) => word !== '=' || at === words.length - 1);
    const typed = whole.pop() ?? '';
    const current = typed === '=' ? '' : typed;
    const candidates = await candidatesOf(whole, current, io);
    printLines(
      io.stdout,
      [...new Set(candidates)].filter((one) => one.startsWith(current) && PLAIN.test(one)),
    );
    return EXIT.fine;
  },
};

async function candidatesOf(
  before: readonly string[],
  current: string,
  io: Io,
): Promise<readonly string[]> {
  const [group = '', name = ''] = before;
  const single = SINGLE_COMMANDS.find((one) => one.name === group);
  const commands = Object.hasOwn(GROUPS, group) ? (GROUPS[group] ?? []) : [];
  const command = single ?? commands.find((one) => one.name === name);
  if (!command) {
    if (before.length === 0) return [...Object.keys(GROUPS), ...namesOf(SINGLE_COMMANDS)];
    return before.length === 1 ? namesOf(commands) : [];
  }
  if (current.startsWith('-')) return optionsIn((await command.load()).help);
  const given = before.slice(single ? 1 : 2);
  const action = actionOf(group, name);
  const last = given.at(-1) ?? '';
  if (last.startsWith('-')) {
    const value = completedBy(last, single?.name ?? group, action);
    if (value) return valuesOf(value, given, current, io);
    if (takesValue(last, (await command.load()).help)) return [];
  }
  return operandsOf(command.name, group, action, given, current, io);
}

function namesOf(commands: readonly Listed[]): string[] {
  return commands.map(({ name }) => name);
}

/** A help names every option at the beginning of a line. */
function optionsIn(help: string): string[] {
  const lines = help.split('\n').filter((line) => /^ +-/.test(line));
  return [...lines.flatMap((line) => /--[a-z][a-z-]*/.exec(line)?.[0] ?? []), '--help'];
}

/** `--timeout SECONDS`, as the help has it. */
function takesValue(option: string, help: string): boolean {
  return new RegExp(`^ .*(?<![\\w-])${option}(, --[a-z-]+)? [A-Z]`, 'm').test(help);
}

function actionOf(group: string, name: string): Action | undefined {
  return Object.values(RESOURCES)
    .find((resource) => resource.name === group)
    ?.actions.find((action) => action.name === name);
}

type Completed = Pick<Value, 'words' | 'of'> & { readonly contexts?: true };

function completedBy(
  option: string,
  group: string,
  action: Action | undefined,
): Completed | undefined {
  if (option === '--context') return { contexts: true };
  if (option === '--output' || option === '-o') {
    return { words: group === 'apply' || group === 'diff' ? ['text', 'json'] : FORMATS };
  }
  const found = action?.options?.find((one) => `--${one.option}` === option);
  return found && (found.words || found.of) ? found : undefined;
}

async function operandsOf(
  name: string,
  group: string,
  action: Action | undefined,
  given: readonly string[],
  current: string,
  io: Io,
): Promise<readonly string[]> {
  if (group === 'context' || name === 'logout') return contextsOf(io);
  if (name === 'completion') return ['bash', 'zsh', 'fish'];
  return action?.operand ? valuesOf(action.operand, given, current, io) : [];
}

async function valuesOf(
  { words, of, contexts }: Completed,
  given: readonly string[],
  current: string,
  io: Io,
): Promise<readonly string[]> {
  if (words) return words;
  if (contexts) return contextsOf(io);
  return of ? thingsOf(of, given, current, io) : [];
}

async function contextsOf(io: Io): Promise<string[]> {
  return orNone(async () => (await readContexts(io)).contexts.map(({ name }) => name));
}

/** Names on the control plane that the words before are about. */
async function thingsOf(
  of: ResourceName,
  given: readonly string[],
  current: string,
  io: Io,
): Promise<string[]> {
  const { naming } = RESOURCES[of];
  if (!naming) return [];
  const texts = new Map<string, string>([['timeout', PATIENCE_S]]);
  for (const option of ['context', 'server', 'ca-file']) {
    const value = given[given.indexOf(`--${option}`) + 1];
    if (given.includes(`--${option}`) && value !== undefined) texts.set(option, value);
  }
  const flags = new Set(given.includes('--insecure-http') ? ['insecure-http'] : []);
  return orNone(async () => {
    // On a terminal it would tell of repetitions.
    const quiet: Io = { ...io, stderr: { isTerminal: false, columns: undefined, write() {} } };
    const client = await openSession({ flags, texts }, quiet);
    const { list, field, prefix } = naming;
    const query = prefix && current !== '' ? { [prefix]: current } : {};
    const { items } = await client.list(list, query, MANY);
    return items.map((item) => String(item[field]));
  });
}

/** Nothing is said in the middle of a line that somebody types. */
async function orNone(find: () => Promise<string[]>): Promise<string[]> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof Failure || error instanceof UsageError) return [];
    throw error;
  }
}
