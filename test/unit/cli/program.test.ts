import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GROUPS, SINGLE_COMMANDS } from '../../../control-plane/cli/groups.js';
import { CLI_VERSION } from '../../../control-plane/cli/version.js';
import { DRIFT_POLICY, Workspace } from '../../support/cli.js';
import { ROOT } from '../../support/sources.js';

let work: Workspace;
beforeEach(() => {
  work = new Workspace();
});
afterEach(() => work.remove());

describe('bulkhead', () => {
  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(CLI_VERSION).toBe(version);
  });

  it('is a command of the package', () => {
    const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(bin.bulkhead).toBe('dist/control-plane/cli/main.js');
    const main = readFileSync(join(ROOT, 'control-plane/cli/main.ts'), 'utf8');
    expect(main.startsWith('#!/usr/bin/env node\n')).toBe(true);
  });

  it('prints its version', async () => {
    expect(await work.run(['--version'])).toEqual({ code: 0, out: `${CLI_VERSION}\n`, err: '' });
  });

  const commands = [
    ...Object.entries(GROUPS).flatMap(([group, list]) =>
      list.map((command) => ({ ...command, group, words: [group, command.name] })),
    ),
    ...SINGLE_COMMANDS.map((command) => ({ ...command, group: '', words: [command.name] })),
  ];
  const lineOf = ({ words, about }: (typeof commands)[number]) =>
    `  ${words.join(' ').padEnd(20)} ${about}\n`;

  it.each([['--help'], ['-h']])('%s lists every command', async (...args) => {
    const { code, out, err } = await work.run(args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const command of commands) expect(out).toContain(lineOf(command));
  });

  it.each(Object.keys(GROUPS))('%s --help lists the commands of the group', async (group) => {
    const { code, out, err } = await work.run([group, '--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const command of commands) {
      expect(out.includes(lineOf(command))).toBe(command.group === group);
    }
  });

  it.each(commands)('$words --help tells all about it', async ({ words, load }) => {
    const { code, out, err } = await work.run([...words, '--help', 'x']);
    const { help } = await load();
    expect({ code, out, err }).toEqual({ code: 0, out: help, err: '' });
    expect(help).toMatch(new RegExp(`^bulkhead ${words.join(' ')}[ \n]`));
    expect(help).toMatch(/^Exit codes: /m);
    expect(help.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });

  it.each([[[]], [['policy']]])('%j prints the help as an error', async (args) => {
    const { code, out, err } = await work.run(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('bulkhead GROUP COMMAND');
  });

  it.each([
    [['polcy', 'validate', 'x'], 'there is no command polcy, did you mean policy?'],
    [['validate', 'x'], 'there is no command validate, did you mean policy validate?'],
    [['--verson'], 'there is no option --verson, did you mean --version?'],
    [['policy', 'valdate'], 'there is no command policy valdate, did you mean validate?'],
    [['policy', 'zzzzzz'], 'there is no command policy zzzzzz'],
    [['\u001b[2J'], 'there is no command \\u{1b}[2J'],
    [['policy', 'validate'], 'FILE is missing'],
    [['policy', 'validate', ''], 'an argument is empty'],
    [['policy', 'validate', '--stict', 'x'], 'there is no option --stict, did you mean --strict?'],
    [['policy', 'validate', '--json=1', 'x'], '--json takes no value'],
    [['policy', 'validate', '-x', 'x'], 'there is no option -x'],
    [['policy', 'schema', 'x'], 'too many arguments: x'],
    [['policy', 'test', 'x'], 'give FILE and TESTS'],
    [['policy', 'test', '-', '-'], 'only one input can be -, standard input'],
    [['policy', 'explain', 'x'], '--event is missing'],
    [['policy', 'explain', 'x', '--event'], '--event needs a value'],
    [['policy', 'explain', '--event', '--json', 'x'], '--event needs a value'],
    [['policy', 'explain', '--event', 'x', '--event', 'y', 'z'], '--event is given twice'],
    [['policy', 'explain', '--event', '-', '-'], 'only one input can be -, standard input'],
    [
      ['policy', 'explain', '--event', 'e', '--mode', 'watch', 'x'],
      '--mode is observe or enforce, not watch',
    ],
    [['policy', 'fmt', '-w', '--check', 'x'], '--write and --check exclude each other'],
    [['policy', 'fmt', '--write', '-'], 'standard input cannot be rewritten'],
  ])('%j is wrong usage', async (args, message) => {
    const { code, out, err } = await work.run(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.split('\n')[0]).toBe(`bulkhead: ${message}`);
    expect(err).toMatch(/^bulkhead: see bulkhead .*--help$/m);
  });

  it('takes what follows -- as files, and - as standard input', async () => {
    work.write('p.yaml', DRIFT_POLICY);
    expect((await work.run(['policy', 'validate', '--', '--strict'])).err).toContain(
      '--strict: no such file or directory',
    );
    const read = await work.run(['policy', 'validate', '-'], { stdin: DRIFT_POLICY });
    expect(read).toEqual({ code: 0, out: '', err: 'bulkhead: 1 policy, 0 errors, 0 warnings\n' });
  });
});
