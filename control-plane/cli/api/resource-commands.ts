import type { Command, Listed } from '../command.js';
import type { Action, Option, Resource } from '../resources/resource.js';
import { RESOURCES } from '../resources/resources.js';

/** The commands of each resource, made of its entry. */
export const RESOURCE_COMMANDS: Readonly<Record<string, readonly Listed[]>> = Object.fromEntries(
  Object.values(RESOURCES).map((resource) => [
    resource.name,
    resource.actions.map((action) => ({
      name: action.name,
      about: action.about,
      load: async () => commandOf(resource, action),
    })),
  ]),
);

/** What every command that asks a control plane takes, as its help has it. */
export const SESSION_HELP: readonly (readonly [string, string])[] = [
  ['--context NAME', 'the control plane of this context; see "bulkhead context list --help"'],
  ['--server URL', 'this control plane, with the key in BULKHEAD_API_KEY'],
  ['--ca-file FILE', 'trust this authority (PEM) and no other'],
  ['--insecure-http', 'allow http to another machine'],
  ['--timeout SECONDS', 'give up after so long (default 30)'],
];

export const SESSION_EXITS = `2 usage, 3 a file could not be read,
4 the control plane refused, 5 it could not be asked.`;

/** Columns of a terminal. */
const HELP_WIDTH = 100;

/** Two columns, for a help. */
export function optionLines(options: readonly (readonly [string, string])[]): string {
  const width = Math.max(...options.map(([name]) => name.length));
  return options.map(([name, about]) => `  ${name.padEnd(width)}   ${about}\n`).join('');
}

function commandOf(resource: Resource, action: Action): Command {
  return {
    help: helpOf(resource, action),
    run: async (args, io) =>
      (await import('./run-action.js')).runAction(resource, action, args, io),
  };
}

function helpOf({ name }: Resource, action: Action): string {
  const { operand, options = [] } = action;
  const command = `bulkhead ${name} ${action.name}${operand ? ` ${operand.value}` : ''}`;
  const required = options.filter((one) => one.required).map(optionText);
  const said = [...required, '[OPTIONS]'].join(' ');
  const isLong = command.length + said.length >= HELP_WIDTH;
  const usage = `${command}${isLong ? '\n    ' : ' '}${said}`;
  const about = `${action.about[0]?.toUpperCase()}${action.about.slice(1)}.`;
  const lines = optionLines([
    ...(operand?.of ? [[operand.value, operandText(operand.of)] as const] : []),
    ...options.map((one) => [optionText(one), one.about] as const),
    ...(action.isList ? [['--limit NUMBER', 'so many at most (default 1000)'] as const] : []),
    ...(action.mayBeFrozen
      ? [['--override-freeze', 'although a freeze window is open; for owners and admins'] as const]
      : []),
    ...(action.confirm ? [['--yes', 'do not ask'] as const] : []),
    ['-o, --output FORMAT', 'table (default), wide, json, yaml or name'],
    ['--no-headers', 'no titles above a table'],
    ...SESSION_HELP,
  ]);
  return `${usage}\n\n${about}\n\n${lines}\nExit codes: 0 done, ${action.confirm ? '1 the answer was no, ' : ''}${SESSION_EXITS}\n`;
}

function optionText({ option, value }: Option): string {
  return `--${option} ${value}`;
}

function operandText(of: string): string {
  const { naming } = RESOURCES[of as keyof typeof RESOURCES];
  return naming ? 'its name or id' : 'its id';
}
