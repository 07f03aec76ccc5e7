import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LIMITS } from '../../../proto/ts/wire/limits.js';
import { DRIFT_POLICY, Workspace } from '../../support/cli.js';

const UNKNOWN_KEY = DRIFT_POLICY.replace('executableOrigin', 'executableOrgin');
const UNUSED = DRIFT_POLICY.replace('      exclude: [buildPods]\n', '');

let work: Workspace;
beforeEach(() => {
  work = new Workspace();
});
afterEach(() => work.remove());

const validate = (...args: string[]) => work.run(['policy', 'validate', ...args]);

describe('policy validate', () => {
  it('says nothing of a valid policy but the summary', async () => {
    work.write('p.yaml', DRIFT_POLICY);
    expect(await validate('@p.yaml')).toEqual({
      code: 0,
      out: '',
      err: 'bulkhead: 1 policy, 0 errors, 0 warnings\n',
    });
  });

  it('tells every problem of every file in a line', async () => {
    work.write('good.yaml', DRIFT_POLICY);
    work.write('key.yaml', UNKNOWN_KEY);
    work.write('unused.yaml', UNUSED);
    expect(await validate('@unused.yaml', '@key.yaml', '@good.yaml')).toEqual({
      code: 1,
      out: [
        'unused.yaml:6:13: warning POLICY_UNUSED_SELECTOR: no response names the selector buildPods\n',
        'key.yaml:5:7: error POLICY_UNKNOWN_KEY: a process selector has no key executableOrgin ' +
          '(did you mean executableOrigin?)\n',
      ].join(''),
      err: 'bulkhead: 3 policies, 1 error, 1 warning\n',
    });
  });

  it('takes warnings as errors where it is strict', async () => {
    work.write('unused.yaml', UNUSED);
    expect((await validate('@unused.yaml')).code).toBe(0);
    expect((await validate('@unused.yaml', '--strict')).code).toBe(1);
    const { out } = await validate('@unused.yaml', '--strict', '--json');
    expect(JSON.parse(out)).toMatchObject({ ok: false, errors: 0, warnings: 1 });
  });

  it('warns of what nodes of this version cannot carry out', async () => {
    work.write(
      'p.yaml',
      DRIFT_POLICY.replace('executableOrigin: [writable, memory]', "nodeLabel: ['a:b']"),
    );
    const { code, out } = await validate('@p.yaml');
    expect(code).toBe(0);
    expect(out).toMatch(/^p.yaml:3:7: warning POLICY_UNSUPPORTED: the condition nodeLabel /);
  });

  it('warns of more responses than a table of this version has', async () => {
    const responses = Array.from({ length: 65 }, (_, at) => `s${at}`);
    const selectors = responses.map((name, at) => `{name: ${name}, containerImageName: [i${at}]}`);
    const lists = responses.map((name) => `{match: [${name}], actions: [log]}`);
    const process = `{selectors: [${selectors.join(', ')}], responses: [${lists.join(', ')}]}`;
    work.write('p.yaml', `process: ${process}\n`);
    const { code, out } = await validate('@p.yaml');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^p.yaml:1:1: warning POLICY_UNSUPPORTED: .* 65 responses .* hold 64 and 64$/m,
    );
  });

  it('refuses patterns that need more than the tables of a node', async () => {
    const condition = `processExecutable: [/**x${'?'.repeat(16)}]`;
    work.write('p.yaml', DRIFT_POLICY.replace('kubernetesNamespace: [ci-*]', condition));
    const { code, out } = await validate('@p.yaml');
    expect(code).toBe(1);
    expect(out).toMatch(/^p.yaml:6:7: error POLICY_TABLE_FULL: /m);
  });

  it('prints one JSON document', async () => {
    work.write('key.yaml', UNKNOWN_KEY);
    const { code, out, err } = await validate('--json', '@key.yaml', '@gone.yaml');
    expect(code).toBe(3);
    expect(JSON.parse(out)).toEqual({
      ok: false,
      files: ['key.yaml', 'gone.yaml'],
      errors: 1,
      warnings: 0,
      problems: [
        {
          file: 'key.yaml',
          line: 5,
          column: 7,
          severity: 'error',
          code: 'POLICY_UNKNOWN_KEY',
          path: 'process.selectors[0].executableOrgin',
          message: 'a process selector has no key executableOrgin',
          hint: 'did you mean executableOrigin?',
        },
      ],
      faults: [{ file: 'gone.yaml', message: 'no such file or directory' }],
    });
    expect(err).toBe('bulkhead: gone.yaml: no such file or directory\n');
  });

  it('shows nothing that could steer a terminal', async () => {
    work.write('p.yaml', `"\\e[2Jred\\nline\\u202e": 1\n`);
    const { out } = await validate('@p.yaml');
    expect(out).toContain('has no key \\u{1b}[2Jred\\u{a}line\\u{202e}\n');
  });

  it('paints the severity on a terminal that may have colours', async () => {
    work.write('key.yaml', UNKNOWN_KEY);
    work.write('unused.yaml', UNUSED);
    const args = ['policy', 'validate', '@key.yaml', '@unused.yaml'];
    const painted = await work.run(args, { terminal: true, colour: true });
    expect(painted.out).toContain('key.yaml:5:7: \u001b[31merror POLICY_UNKNOWN_KEY\u001b[0m: a');
    expect(painted.out).toContain('\u001b[33mwarning POLICY_UNUSED_SELECTOR\u001b[0m: no');
    const { out } = await validate('@key.yaml', '@unused.yaml');
    expect((await work.run(args, { terminal: true })).out).toBe(out);
    expect((await work.run(args, { colour: true })).out).toBe(out);
    expect(out).not.toContain('\u001b');
  });

  it('tells on a terminal how far it is with many files', async () => {
    for (let at = 10; at < 30; at += 1) work.write(`${at}.yaml`, DRIFT_POLICY);
    const { err } = await work.run(['policy', 'validate', '@'], { terminal: true });
    expect(err).toContain('\r\u001b[K20/20 29.yaml');
    expect(err.endsWith('\r\u001b[Kbulkhead: 20 policies, 0 errors, 0 warnings\n')).toBe(true);
    expect((await validate('@')).err).toBe('bulkhead: 20 policies, 0 errors, 0 warnings\n');
  });
});

describe('the files that are named', () => {
  const filesOf = async (...args: string[]) => {
    const { code, out } = await validate('--json', ...args);
    const { files, faults } = JSON.parse(out);
    return { code, files, faults };
  };

  it('of a folder are all *.yaml and *.yml below it, in order, each once', async () => {
    mkdirSync(work.path('b/c'), { recursive: true });
    mkdirSync(work.path('.git'));
    for (const name of [
      'b/c/2.yml',
      'b/1.yaml',
      'a.yaml',
      'z.yml',
      'b.txt',
      '.git/x.yaml',
      '.y.yaml',
    ]) {
      work.write(name, DRIFT_POLICY);
    }
    expect(await filesOf('@z.yml', '@')).toEqual({
      code: 0,
      files: ['z.yml', 'a.yaml', 'b/1.yaml', 'b/c/2.yml'],
      faults: [],
    });
  });

  it('are linked files too, but not what linked folders hold', async () => {
    mkdirSync(work.path('..data'));
    work.write('..data/policy.yaml', DRIFT_POLICY);
    symlinkSync('..data/policy.yaml', work.path('policy.yaml'));
    symlinkSync('.', work.path('loop'));
    symlinkSync('.', work.path('loop.yaml'));
    expect((await filesOf('@')).files).toEqual(['policy.yaml']);
    symlinkSync('nowhere', work.path('broken.yaml'));
    expect(await filesOf('@')).toEqual({
      code: 3,
      files: ['broken.yaml', 'policy.yaml'],
      faults: [{ file: 'broken.yaml', message: 'no such file or directory' }],
    });
  });

  it.each([
    ['an empty folder', '@empty', 'empty', 'no *.yaml and no *.yml is below this folder'],
    ['nothing at all', '@gone.yaml', 'gone.yaml', 'no such file or directory'],
    ['folders too deep', '@deep', `deep${'/d'.repeat(16)}`, 'folders are nested deeper than 16'],
    ['a file as a folder', '@f.yaml/x', 'f.yaml/x', 'not a directory'],
  ])('may not be %s', async (_what, arg, file, message) => {
    mkdirSync(work.path('empty'));
    mkdirSync(work.path(`deep${'/d'.repeat(17)}`), { recursive: true });
    work.write('f.yaml', DRIFT_POLICY);
    const { code, faults } = await filesOf(arg);
    expect({ code, faults }).toEqual({ code: 3, faults: [{ file, message }] });
  });

  it('need permission', async () => {
    work.write('p.yaml', DRIFT_POLICY);
    chmodSync(work.path('p.yaml'), 0);
    const { code, faults } = await filesOf('@p.yaml');
    const expected =
      process.getuid?.() === 0
        ? { code: 0, faults: [] }
        : { code: 3, faults: [{ file: 'p.yaml', message: 'permission denied' }] };
    expect({ code, faults }).toEqual(expected);
  });

  const codesOf = async (args: string[], stdin?: Uint8Array) => {
    const { code, out } = await work.run(
      ['policy', 'validate', '--json', ...args],
      stdin && { stdin },
    );
    const problems: { code: string; message: string }[] = JSON.parse(out).problems;
    return { code, codes: problems.map((problem) => problem.code) };
  };

  it('are read up to the limit, and no further', async () => {
    const fill = (bytes: number) =>
      `#${'x'.repeat(bytes - DRIFT_POLICY.length - 2)}\n${DRIFT_POLICY}`;
    const most = fill(LIMITS.policyDocumentBytes);
    const tooMuch = fill(LIMITS.policyDocumentBytes + 1);
    const bytes = (text: string) => new TextEncoder().encode(text);
    expect(await codesOf([work.write('a.yaml', most)])).toEqual({ code: 0, codes: [] });
    expect(await codesOf(['-'], bytes(most))).toEqual({ code: 0, codes: [] });
    const refused = { code: 1, codes: ['POLICY_TOO_LARGE'] };
    expect(await codesOf([work.write('b.yaml', tooMuch)])).toEqual(refused);
    expect(await codesOf(['-'], bytes(tooMuch))).toEqual(refused);
    // It has no end.
    expect(await codesOf(['/dev/zero'])).toEqual(refused);
  });

  it('must be UTF-8', async () => {
    expect(await codesOf(['-'], new Uint8Array([0x61, 0xff]))).toEqual({
      code: 1,
      codes: ['POLICY_NOT_UTF8'],
    });
  });
});
