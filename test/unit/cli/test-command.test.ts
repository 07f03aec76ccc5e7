import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DRIFT_POLICY, Workspace } from '../../support/cli.js';

const CASES = `cases:
  - name: drift is denied
    event: &drift {operation: exec, executable: /tmp/x, origin: writable}
    container: {podNamespace: prod}
    expect: {verdict: denied, actions: [block, alert], responses: [[drifted]]}
  - name: and observed where nothing is in force
    event: *drift
    mode: observe
    container: {podNamespace: prod}
    expect: {verdict: would_block}
  - name: an image's own file runs
    event: {operation: exec, executable: /bin/sh, origin: image}
    expect: {verdict: allowed, actions: [], responses: []}
  - name: without an origin it is undecided
    event: {operation: exec}
    expect: {verdict: undecided}
`;
const FAILING = `cases:
  - name: 'build pods # are denied'
    event: {operation: exec, executable: /tmp/x, origin: writable}
    container: {podNamespace: ci-1}
    expect: {verdict: denied, actions: [alert, block], responses: [[drifted, other]]}
  - name: prod is not
    event: {operation: exec, executable: /tmp/x, origin: writable}
    container: {podNamespace: prod}
    expect: {actions: []}
`;

let work: Workspace;
beforeEach(() => {
  work = new Workspace();
  work.write('p.yaml', DRIFT_POLICY);
  work.write('cases.yaml', CASES);
  work.write('failing.yaml', FAILING);
});
afterEach(() => work.remove());

const test = (...args: string[]) => work.run(['policy', 'test', ...args]);

describe('policy test', () => {
  it('tells of each case that it passed', async () => {
    expect(await test('@p.yaml', '@cases.yaml')).toEqual({
      code: 0,
      out: `TAP version 14
1..4
ok 1 - drift is denied
ok 2 - and observed where nothing is in force
ok 3 - an image's own file runs
ok 4 - without an origin it is undecided
`,
      err: 'bulkhead: 4 cases, 4 passed, 0 failed\n',
    });
  });

  it('tells what is not as expected, and why', async () => {
    expect(await test('@p.yaml', '@failing.yaml')).toEqual({
      code: 1,
      out: `TAP version 14
1..2
not ok 1 - build pods \\# are denied
  # line 2
  # verdict: expected denied, is allowed
  # actions: expected alert, block, is none
  # responses: expected [drifted, other], is none
  #
  # event      exec /tmp/x
  # mode       enforce
  # verdict    allowed
  # actions    none
  #
  # p.yaml:9: response (alert, block) does not fire, it is excluded
  #   match drifted: matches
  #     yes       operation is exec, wanted exec
  #     yes       executableOrigin is writable, wanted writable, memory
  #   exclude buildPods: matches
  #     yes       operation is exec, wanted fork, exec
  #     yes       kubernetesNamespace is ci-1, wanted ci-*
not ok 2 - prod is not
  # line 6
  # actions: expected none, is alert, block
  #
  # event      exec /tmp/x
  # mode       enforce
  # verdict    denied
  # actions    alert, block
  #
  # p.yaml:9: response fires: alert, block
  #   match drifted: matches
  #     yes       operation is exec, wanted exec
  #     yes       executableOrigin is writable, wanted writable, memory
  #   exclude buildPods: does not match
  #     no        kubernetesNamespace is prod, wanted ci-*
`,
      err: 'bulkhead: 2 cases, 0 passed, 2 failed\n',
    });
  });

  it('tells what no case reaches', async () => {
    const lines = (out: string) => out.split('\n').filter((line) => line.startsWith('#'));
    const all = await test('--coverage', '@p.yaml', '@cases.yaml');
    expect(all.code).toBe(0);
    expect(lines(all.out)).toEqual([
      '# coverage: 1 of 2 selectors match, 1 of 1 responses fire',
      '# p.yaml:6: selector buildPods never matches',
    ]);
    const [, , third = ''] = CASES.split(/^(?= {2}- name: )/m).slice(1);
    work.write('one.yaml', `cases:\n${third}`);
    const one = await test('--coverage', '@p.yaml', '@one.yaml');
    expect(lines(one.out)).toEqual([
      '# coverage: 0 of 2 selectors match, 0 of 1 responses fire',
      '# p.yaml:3: selector drifted never matches',
      '# p.yaml:6: selector buildPods never matches',
      '# p.yaml:9: response drifted never fires',
    ]);
  });

  it('judges several policies together, and acts of several operations', async () => {
    const other = DRIFT_POLICY.replaceAll('drifted', 'again').replace('[alert, block]', '[log]');
    work.write('other.yaml', other);
    work.write(
      'both.yaml',
      `cases:
  - name: both
    event: {operation: [fork, exec], origin: memory, executable: /x}
    container: {}
    expect: {verdict: denied, actions: [log, alert, block], responses: [[again], [drifted]]}
`,
    );
    expect((await test('@p.yaml', '@other.yaml', '@both.yaml')).code).toBe(0);
    expect((await test('@p.yaml', '@both.yaml')).code).toBe(1);
  });

  it('prints one JSON document', async () => {
    const { code, out } = await test('--json', '--coverage', '@p.yaml', '@failing.yaml');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      ok: false,
      passed: 0,
      failed: 2,
      cases: [
        {
          name: 'build pods # are denied',
          line: 2,
          ok: false,
          verdict: 'allowed',
          actions: [],
          responses: [],
          differences: [
            'verdict: expected denied, is allowed',
            'actions: expected alert, block, is none',
            'responses: expected [drifted, other], is none',
          ],
        },
        {
          name: 'prod is not',
          line: 6,
          ok: false,
          verdict: 'denied',
          actions: ['alert', 'block'],
          responses: [['drifted']],
          differences: ['actions: expected none, is alert, block'],
        },
      ],
      coverage: {
        selectors: { reached: 2, of: 2 },
        responses: { reached: 1, of: 1 },
        missed: [],
      },
      problems: [],
      faults: [],
    });
  });

  it.each([
    ['{}', '1:1: error POLICY_MISSING_KEY: the document has no cases (add cases)'],
    ['cases: []', '1:8: error POLICY_EMPTY_LIST: the list is empty'],
    ['case: []', '1:1: error POLICY_MISSING_KEY: the document has no cases (add cases)'],
    [
      'cases: [{event: {operation: exec}, expect: {verdict: denied}}]',
      '1:9: error POLICY_MISSING_KEY: the case has no name (add name)',
    ],
    [
      'cases: [{name: a, expect: {verdict: denied}}]',
      '1:9: error POLICY_MISSING_KEY: the case has no event (add event)',
    ],
    [
      'cases: [{name: a, event: {operation: exec}}]',
      '1:9: error POLICY_MISSING_KEY: the case has no expect (add expect)',
    ],
    [
      'cases: [{name: a, event: {operation: exec}, expect: {}}]',
      '1:53: error POLICY_MISSING_KEY: the case expects nothing (write one of actions, verdict, responses)',
    ],
    [
      'cases: [{name: a, event: {operation: exec, container: {}}, expect: {verdict: denied}}]',
      '1:44: error POLICY_UNKNOWN_KEY: an event has no key container',
    ],
    [
      'cases: [{name: a, event: {operation: exec}, expect: {verdict: deny}}]',
      '1:63: error POLICY_UNKNOWN_VALUE: there is no verdict deny (write one of allowed, denied, would_block, undecided)',
    ],
    [
      'cases: [{name: a, event: {operation: exec}, mode: enforced, expect: {actions: []}}]',
      '1:51: error POLICY_UNKNOWN_VALUE: there is no mode enforced (did you mean enforce?)',
    ],
    [
      'cases: [{name: a, event: {operation: exec}, expect: {actions: [alrt]}}]',
      '1:64: error POLICY_UNKNOWN_VALUE: there is no action alrt (did you mean alert?)',
    ],
    [
      'cases: [{name: a, event: {operation: exec}, expect: {responses: [a]}}]',
      '1:66: error POLICY_WRONG_TYPE: this is a string, not a list (write [a])',
    ],
  ])('refuses %s', async (text, problem) => {
    work.write('wrong.yaml', text);
    const { code, out, err } = await test('@p.yaml', '@wrong.yaml');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err.split('\n')).toContain(`wrong.yaml:${problem}`);
  });

  it('refuses invalid policies', async () => {
    work.write('bad.yaml', 'process: 1\n');
    const { code, out, err } = await test('@bad.yaml', '@cases.yaml');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^bad.yaml:1:10: error POLICY_WRONG_TYPE: /);
    expect((await test('@p.yaml', '@gone.yaml')).code).toBe(3);
  });
});
