import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { replaceFile } from '../../../control-plane/cli/replace-file.js';
import { DRIFT_POLICY, Workspace } from '../../support/cli.js';

const UGLY = DRIFT_POLICY.replace('[exec]', '[ "exec" ]');
const CHANGE = `--- ugly.yaml
+++ ugly.yaml
@@ -1,7 +1,7 @@
 process:
   selectors:
     - name: drifted
-      operation: [ "exec" ]
+      operation: [exec]
       executableOrigin: [writable, memory]
     - name: buildPods
       kubernetesNamespace: [ci-*]
`;

let work: Workspace;
beforeEach(() => {
  work = new Workspace();
  work.write('good.yaml', DRIFT_POLICY);
  work.write('ugly.yaml', UGLY);
});
afterEach(() => work.remove());

const fmt = (...args: string[]) => work.run(['policy', 'fmt', ...args]);
const textOf = (name: string) => readFileSync(work.path(name), 'utf8');

describe('policy fmt', () => {
  it('prints the formatted documents and leaves the files alone', async () => {
    const twice = { code: 0, out: DRIFT_POLICY + DRIFT_POLICY, err: '' };
    expect(await fmt('@ugly.yaml', '@good.yaml')).toEqual(twice);
    expect(textOf('ugly.yaml')).toBe(UGLY);
    expect(await work.run(['policy', 'fmt', '-'], { stdin: UGLY })).toEqual({
      code: 0,
      out: DRIFT_POLICY,
      err: '',
    });
  });

  it.each([['-w'], ['--write']])('%s rewrites what changes, and names it', async (option) => {
    const before = statSync(work.path('good.yaml')).ino;
    expect(await fmt(option, '@')).toEqual({ code: 0, out: 'ugly.yaml\n', err: '' });
    expect(textOf('ugly.yaml')).toBe(DRIFT_POLICY);
    expect(statSync(work.path('good.yaml')).ino).toBe(before);
    expect(readdirSync(work.folder).sort()).toEqual(['good.yaml', 'ugly.yaml']);
    expect(await fmt(option, '@')).toEqual({ code: 0, out: '', err: '' });
  });

  it('--check names what would change', async () => {
    expect(await fmt('--check', '@')).toEqual({ code: 1, out: 'ugly.yaml\n', err: '' });
    expect(await fmt('--check', '@good.yaml')).toEqual({ code: 0, out: '', err: '' });
    expect(textOf('ugly.yaml')).toBe(UGLY);
  });

  it('--diff shows what changes, and goes together with the others', async () => {
    expect(await fmt('--diff', '@')).toEqual({ code: 0, out: CHANGE, err: '' });
    expect(await fmt('--diff', '--check', '@')).toEqual({ code: 1, out: CHANGE, err: '' });
    expect(await fmt('--diff', '-w', '@')).toEqual({
      code: 0,
      out: `${CHANGE}ugly.yaml\n`,
      err: '',
    });
    expect(textOf('ugly.yaml')).toBe(DRIFT_POLICY);
  });

  it('formats what is YAML, and tells what is not', async () => {
    work.write('broken.yaml', 'a: [\n');
    work.write('other.yaml', 'other:   1\n');
    const { code, out, err } = await fmt('@broken.yaml', '@other.yaml', '@gone.yaml');
    expect({ code, out }).toEqual({ code: 3, out: 'other: 1\n' });
    expect(err).toMatch(
      /^broken.yaml:\d+:\d+: error POLICY_YAML_SYNTAX: .*\nbulkhead: gone.yaml: /,
    );
    expect((await fmt('@broken.yaml')).code).toBe(1);
    const latin = await work.run(['policy', 'fmt', '-'], { stdin: new Uint8Array([0xe4]) });
    expect(latin.code).toBe(1);
    expect(latin.err).toBe('<stdin>:1:1: error POLICY_NOT_UTF8: the document is not UTF-8\n');
  });

  it('takes off a byte order mark', async () => {
    work.write('good.yaml', `\ufeff${DRIFT_POLICY}`);
    expect((await fmt('--check', '@good.yaml')).code).toBe(1);
    await fmt('-w', '@good.yaml');
    expect(textOf('good.yaml')).toBe(DRIFT_POLICY);
  });

  it('prints one JSON document', async () => {
    const json = async (...args: string[]) => JSON.parse((await fmt('--json', ...args)).out);
    expect(await json('@')).toEqual({
      ok: true,
      files: [
        { file: 'good.yaml', changed: false, written: false, text: DRIFT_POLICY },
        { file: 'ugly.yaml', changed: true, written: false, text: DRIFT_POLICY },
      ],
      problems: [],
      faults: [],
    });
    const changed = { file: 'ugly.yaml', changed: true, written: false };
    expect(await json('--check', '@ugly.yaml')).toMatchObject({ ok: false, files: [changed] });
    expect(await json('--diff', '@ugly.yaml')).toMatchObject({
      files: [{ ...changed, diff: CHANGE }],
    });
    expect(await json('-w', '@ugly.yaml')).toMatchObject({
      files: [{ ...changed, written: true }],
    });
  });

  it('says which file could not be rewritten', async () => {
    symlinkSync('ugly.yaml', work.path('link.yaml'));
    expect(await fmt('-w', '@link.yaml')).toEqual({
      code: 3,
      out: '',
      err: 'bulkhead: link.yaml: it is a symbolic link: name the file that it leads to\n',
    });
    expect(textOf('ugly.yaml')).toBe(UGLY);
  });
});

describe('replaceFile', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const replace = (name: string, before = UGLY) =>
    replaceFile(work.path(name), bytes(before), bytes('new\n'));

  it('keeps the mode, and leaves nothing else behind', async () => {
    chmodSync(work.path('ugly.yaml'), 0o640);
    expect(await replace('ugly.yaml')).toBeUndefined();
    expect(textOf('ugly.yaml')).toBe('new\n');
    expect(statSync(work.path('ugly.yaml')).mode & 0o7777).toBe(0o640);
    expect(readdirSync(work.folder)).toHaveLength(2);
  });

  it.each([
    ['a link', 'link.yaml', 'it is a symbolic link: name the file that it leads to'],
    [
      'a file with two names',
      'hard.yaml',
      'it has 2 names (hard links), and would lose the others',
    ],
    ['a folder', 'folder', 'it is no regular file'],
    ['what has gone', 'gone.yaml', 'no such file or directory'],
    ['a file that holds something else by now', 'good.yaml', 'it was changed in the meantime'],
  ])('refuses %s', async (_what, name, message) => {
    symlinkSync('ugly.yaml', work.path('link.yaml'));
    writeFileSync(work.path('first.yaml'), UGLY);
    linkSync(work.path('first.yaml'), work.path('hard.yaml'));
    mkdirSync(work.path('folder'));
    const before = readdirSync(work.folder);
    expect(await replace(name)).toBe(message);
    expect(readdirSync(work.folder)).toEqual(before);
    for (const file of ['ugly.yaml', 'first.yaml']) expect(textOf(file)).toBe(UGLY);
    expect(textOf('good.yaml')).toBe(DRIFT_POLICY);
  });
});
