import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GROUPS } from '../../../control-plane/cli/program.js';
import { CLI_VERSION } from '../../../control-plane/cli/version.js';
import { ROOT } from '../../support/sources.js';
import { DRIFT_POLICY, Workspace } from './run.js';

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

  const commands = Object.entries(GROUPS).flatMap(([group, list]) =>
    list.map((command) => ({ group, ...command })),
  );

  it.each([['--help'], ['-h'], ['policy', '--help'], ['audit', '--help']])(
    '%s %s lists every command',
    async (...args) => {
      const { code, out, err } = await work.run(args);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      for (const { group, name, about } of commands)
        expect(out).toMatch(`${group} ${name.padEnd(10)} ${about}\n`);
    },
  );

  it.each(commands)('$group $name --help tells all about it', async ({ group, name, help }) => {
    const { code, out, err } = await work.run([group, name, '--help', 'x']);
    expect({ code, out, err }).toEqual({ code: 0, out: help, err: '' });
    expect(help).toMatch(new RegExp(`^bulkhead ${group} ${name} `));
    expect(help).toMatch(/^Exit codes: /m);
    expect(help).toContain('--json');
    expect(help.split('\n').every((line) => line.length <= 100)).toBe(true);
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
