import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { examplesOf, filesOf } from '../support/examples.js';
import { ROOT } from '../support/sources.js';

const MAIN = join(ROOT, 'dist/control-plane/cli/main.js');
const README = readFileSync(join(ROOT, 'control-plane/cli/README.md'), 'utf8');

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'bulkhead-cli-'));
  mkdirSync(join(work, 'bin'));
  mkdirSync(join(work, 'files'));
  writeFileSync(
    join(work, 'bin/bulkhead'),
    `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`,
  );
  chmodSync(join(work, 'bin/bulkhead'), 0o755);
  for (const { name, text } of filesOf(README)) writeFileSync(join(work, 'files', name), text);
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

/** Runs a line of a shell among the files of the README. */
function shell(line: string): { code: number | null; out: string } {
  const { status, stdout } = spawnSync('sh', ['-c', `exec 2>&1\n${line}`], {
    cwd: join(work, 'files'),
    encoding: 'utf8',
    env: { PATH: `${join(work, 'bin')}:${process.env.PATH}` },
    timeout: 60_000,
  });
  return { code: status, out: stdout };
}

describe('the examples in control-plane/cli/README.md', () => {
  const blocks = examplesOf(README);

  it('are there, for every command', () => {
    const lines = blocks.flat().map(({ line }) => line);
    for (const command of ['validate', 'explain', 'test', 'diff', 'fmt', 'schema']) {
      expect(lines).toContain(`bulkhead policy ${command} --help`);
      const examples = lines.filter((line) => line.includes(`bulkhead policy ${command}`));
      expect(examples.length).toBeGreaterThan(1);
    }
  });

  it.each(blocks.map((block) => [block.map(({ line }) => line).join('; '), block] as const))(
    '%s',
    (_lines, block) => {
      for (const { line, output, code } of block) {
        expect({ line, ...shell(line) }).toEqual({ line, out: output, code });
      }
    },
  );
});

describe('bulkhead as a process', () => {
  it('can be run by its path', () => {
    expect(readFileSync(MAIN, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
  });

  it('goes on without a word where its reader goes away', () => {
    for (let at = 0; at < 300; at += 1) {
      const bad = join(work, 'files', `${at}${'x'.repeat(200)}.yaml`);
      writeFileSync(bad, Array.from({ length: 50 }, (_, key) => `k${key}: 1\n`).join(''));
    }
    const line = '{ bulkhead policy validate . 2> ../err; echo $? > ../code; } | head -n 1';
    const { code, out } = shell(line);
    expect(code).toBe(0);
    expect(out).toMatch(/^0x+.yaml:1:1: error POLICY_UNKNOWN_KEY: .*\n$/);
    const summary = 'bulkhead: 302 policies, 15302 errors, 0 warnings\n';
    expect(readFileSync(join(work, 'err'), 'utf8')).toBe(summary);
    expect(readFileSync(join(work, 'code'), 'utf8')).toBe('1\n');
  });

  it('says that its answer could not be written', () => {
    expect(shell('bulkhead policy schema > /dev/full')).toEqual({
      code: 3,
      out: 'bulkhead: standard output: no space left on device\n',
    });
  });

  it('reads pipes and standard input', () => {
    const valid = { code: 0, out: 'bulkhead: 1 policy, 0 errors, 0 warnings\n' };
    expect(shell('cat drift.yaml | bulkhead policy validate -')).toEqual(valid);
    expect(shell('cat drift.yaml | bulkhead policy validate /dev/stdin')).toEqual(valid);
    expect(shell('bulkhead policy validate - < drift.yaml')).toEqual(valid);
    const { code, out } = shell('bulkhead policy validate - <&-');
    expect(code).not.toBe(70);
    expect(out).not.toContain(' at ');
  });

  it('reads no more of a stream without an end than it may', () => {
    const { code, out } = shell('yes | bulkhead policy validate -');
    expect(code).toBe(1);
    expect(out).toContain('<stdin>:1:1: error POLICY_TOO_LARGE: ');
  });

  it('never shows a stack for what is wrong with a document', () => {
    const lines = [
      'bulkhead policy validate nothing ../bin',
      'bulkhead policy explain --event drift.yaml event.json',
      'bulkhead policy test tests.yaml drift.yaml',
      'bulkhead policy diff event.json tests.yaml',
      'bulkhead policy fmt -w /dev/null nothing',
      'bulkhead policy --json',
      'bulkhead policy explain --event',
    ];
    for (const line of lines) {
      const { code, out } = shell(`${line} </dev/null`);
      expect([1, 2, 3]).toContain(code);
      expect(out).not.toMatch(/^ {4}at |\.js:\d/m);
    }
  });

  it('has no colours where the output is no terminal, or NO_COLOR is set', () => {
    const bad = "echo 'process: 1' > bad.yaml; ";
    expect(shell(`${bad} bulkhead policy validate bad.yaml`).out).not.toContain('\u001b');
    const onTerminal = (environment: string) =>
      shell(`${bad} script -qec '${environment} bulkhead policy validate bad.yaml' /dev/null`).out;
    expect(onTerminal('TERM=xterm')).toContain('\u001b[31merror POLICY_WRONG_TYPE\u001b[0m');
    expect(onTerminal('TERM=xterm NO_COLOR=1')).toContain(': error POLICY_WRONG_TYPE: ');
    expect(onTerminal('TERM=dumb')).toContain(': error POLICY_WRONG_TYPE: ');
  });

  it('makes patches that git understands', () => {
    shell('sed "s/\\[exec\\]/[ exec ]/" drift.yaml > ugly.yaml');
    expect(shell('bulkhead policy fmt --diff ugly.yaml | git apply -p0').code).toBe(0);
    expect(shell('cmp ugly.yaml drift.yaml')).toEqual({ code: 0, out: '' });
  });

  it('ends at once at a signal', async () => {
    const fifo = join(work, 'files/pipe');
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    const child = spawn(process.execPath, [MAIN, 'policy', 'validate', fifo], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    // Opens once the program reads at the other end.
    const end = openSync(fifo, 'w');
    child.kill('SIGINT');
    expect(await exited).toEqual([null, 'SIGINT']);
    closeSync(end);
  });

  it('lets a signal wait while a file is replaced', () => {
    const script = `
      import { untilDone } from ${JSON.stringify(pathToFileURL(join(MAIN, '../process-io.js')))};
      setInterval(() => {}, 1000);
      await untilDone(async () => {
        const arrived = new Promise((resolve) => process.once('SIGTERM', resolve));
        process.kill(process.pid, 'SIGTERM');
        await arrived;
        process.stdout.write('replaced');
      });
    `;
    const args = ['--input-type=module', '-e', script];
    const { stdout, signal } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
    expect({ stdout, signal }).toEqual({ stdout: 'replaced', signal: 'SIGTERM' });
  });

  it('rewrites a folder without leaving anything beside the files', () => {
    shell('for n in 1 2 3; do sed "s/\\[exec\\]/[ exec ]/" drift.yaml > $n.yaml; done');
    symlinkSync('1.yaml', join(work, 'files/link.yaml'));
    const before = readdirSync(join(work, 'files'));
    const { code, out } = shell('bulkhead policy fmt -w 1.yaml 2.yaml 3.yaml');
    expect({ code, out }).toEqual({ code: 0, out: '1.yaml\n2.yaml\n3.yaml\n' });
    expect(readdirSync(join(work, 'files'))).toEqual(before);
    expect(shell('bulkhead policy fmt --check 1.yaml link.yaml drift.yaml')).toEqual({
      code: 0,
      out: '',
    });
  });
});
