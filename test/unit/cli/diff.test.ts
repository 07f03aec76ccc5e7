import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DRIFT_POLICY, Workspace } from '../../support/cli.js';

const NARROWER = DRIFT_POLICY.replace('[writable, memory]', '[writable]');
const RENAMED = DRIFT_POLICY.replaceAll('drifted', 'notInImage');

let work: Workspace;
beforeEach(() => {
  work = new Workspace();
  work.write('old.yaml', DRIFT_POLICY);
  work.write('narrower.yaml', NARROWER);
  work.write('renamed.yaml', `# another text\n${RENAMED}`);
});
afterEach(() => work.remove());

const diff = (...args: string[]) => work.run(['policy', 'diff', ...args]);

describe('policy diff', () => {
  it('tells what is no longer done, and what is new', async () => {
    const fewer = await diff('@old.yaml', '@narrower.yaml');
    expect({ code: fewer.code, err: fewer.err }).toEqual({ code: 0, err: '' });
    expect(fewer.out.split('\n')).toEqual([
      expect.stringMatching(/^- .*no longer denied.* \(response: drifted, except buildPods\)$/),
      '    at old.yaml:9',
      expect.stringMatching(/^- .*no longer raises an alert.*$/),
      '    at old.yaml:9',
      '~ process selector drifted: changed in executableOrigin',
      '',
    ]);
    const more = await diff('@narrower.yaml', '@old.yaml');
    expect(more.out).toMatch(/^\+ .*is now denied.*\n {4}at old.yaml:9\n/);
  });

  it('sees the same in another text', async () => {
    expect(await diff('--exit-code', '@old.yaml', '@renamed.yaml')).toEqual({
      code: 0,
      out: '~ process selector notInImage: was named drifted\nthe policies do the same\n',
      err: '',
    });
    const stdin = await work.run(['policy', 'diff', '@old.yaml', '-'], { stdin: DRIFT_POLICY });
    expect(stdin.out).toBe('the policies do the same\n');
  });

  it('answers 1 where it is to answer by its exit code', async () => {
    expect((await diff('--exit-code', '@old.yaml', '@narrower.yaml')).code).toBe(1);
    expect((await diff('--exit-code', '@narrower.yaml', '@old.yaml')).code).toBe(1);
  });

  it('tells of unknownContainer', async () => {
    work.write('enforce.yaml', `${DRIFT_POLICY}unknownContainer: enforce\n`);
    const { out } = await diff('@old.yaml', '@enforce.yaml');
    expect(out).toContain('~ unknownContainer: enforce, was allow\n');
  });

  it('prints one JSON document, whose examples can be explained', async () => {
    const { code, out } = await diff('--json', '@old.yaml', '@narrower.yaml');
    expect(code).toBe(0);
    const found = JSON.parse(out);
    expect(found).toMatchObject({
      ok: true,
      same: false,
      exact: true,
      selectors: [
        { kind: 'changed', section: 'process', name: 'drifted', conditions: ['executableOrigin'] },
      ],
      problems: [],
      faults: [],
    });
    expect(found.changes).toHaveLength(2);
    const [denied] = found.changes;
    expect(denied).toMatchObject({
      kind: 'denied',
      direction: 'no-longer',
      when: 'known',
      section: 'process',
      operations: ['exec'],
      responses: [
        { file: 'old.yaml', line: 9, column: 7, match: ['drifted'], exclude: ['buildPods'] },
      ],
    });
    const stdin = JSON.stringify(denied.example);
    const verdict = async (file: string) => {
      const args = ['policy', 'explain', '--json', '--event', '-', file];
      return JSON.parse((await work.run(args, { stdin })).out).operations[0].verdict;
    };
    expect(await verdict('@old.yaml')).toBe('denied');
    expect(await verdict('@narrower.yaml')).toBe('allowed');
  });

  it('refuses what is no policy', async () => {
    work.write('bad.yaml', 'process: 1\n');
    const bad = await diff('@bad.yaml', '@old.yaml');
    expect({ code: bad.code, out: bad.out }).toEqual({ code: 1, out: '' });
    expect(bad.err).toMatch(/^bad.yaml:1:10: error POLICY_WRONG_TYPE: /);
    const folder = await diff('@old.yaml', '@');
    expect({ code: folder.code, out: folder.out }).toEqual({ code: 3, out: '' });
    expect(folder.err).toBe('bulkhead: .: illegal operation on a directory\n');
    expect((await diff('@old.yaml')).code).toBe(2);
    expect((await diff('@old.yaml', '@old.yaml', '@old.yaml')).code).toBe(2);
  });
});
