import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DRIFT_POLICY, Workspace } from '../../support/cli.js';

const DRIFT = { operation: 'exec', executable: '/tmp/x', origin: 'writable' };
const SHELLS = `process:
  selectors:
    - name: shells
      operation: [exec]
      processName: [sh, bash]
      sessionLeaderInteractive: true
    - name: forks
      operation: [fork]
  responses:
    - match: [shells]
      actions: [log]
    - match: [forks]
      actions: [alert]
unknownContainer: enforce
`;

let work: Workspace;
beforeEach(() => {
  work = new Workspace();
  work.write('drift.yaml', DRIFT_POLICY);
  work.write('shells.yaml', SHELLS);
});
afterEach(() => work.remove());

const explain = (event: object, ...args: string[]) =>
  work.run(['policy', 'explain', '--event', '-', ...args], { stdin: JSON.stringify(event) });

/** The lines of an explanation that are not about its head. */
async function reasons(event: object, ...args: string[]): Promise<string[]> {
  const { code, out, err } = await explain(event, ...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out.trimEnd().split('\n\n').slice(1);
}

describe('policy explain', () => {
  it('tells what fires, what matches, and what keeps a selector from it', async () => {
    const event = { ...DRIFT, container: { podNamespace: 'prod' } };
    expect(await explain(event, '@drift.yaml')).toEqual({
      code: 0,
      err: '',
      out: `event      exec /tmp/x
mode       enforce
verdict    denied
actions    alert, block

drift.yaml:9: response fires: alert, block
  match drifted: matches
    yes       operation is exec, wanted exec
    yes       executableOrigin is writable, wanted writable, memory
  exclude buildPods: does not match
    no        kubernetesNamespace is prod, wanted ci-*
`,
    });
  });

  it('tells what excludes', async () => {
    const event = { ...DRIFT, container: { podNamespace: 'ci-7' } };
    const { out } = await explain(event, '@drift.yaml');
    expect(out).toContain('verdict    allowed\nactions    none\n');
    expect(out).toContain('drift.yaml:9: response (alert, block) does not fire, it is excluded\n');
    expect(out).toContain('    yes       kubernetesNamespace is ci-7, wanted ci-*\n');
  });

  it('would block what is only observed', async () => {
    const { out } = await explain(DRIFT, '--mode', 'observe', '@drift.yaml');
    expect(out).toContain('mode       observe\nverdict    would_block\nactions    alert, block\n');
  });

  it('tells what the event does not tell', async () => {
    const { out } = await explain({ operation: 'exec', container: {} }, '@drift.yaml');
    expect(out).toContain('verdict    undecided\nactions    none\nundecided  executableOrigin\n');
    expect(out).toContain(
      'undecided executableOrigin is not told by the event, wanted writable, memory\n',
    );
  });

  it('tells what is not known of the container, and what it does not have', async () => {
    const unknown = await explain(DRIFT, '@drift.yaml');
    expect(unknown.out).toContain('container  nothing is known of it\n');
    expect(unknown.out).toContain('unknown   kubernetesNamespace is not known, wanted ci-*\n');
    const none = await explain({ ...DRIFT, container: {} }, '@drift.yaml');
    expect(none.out).toContain('no        kubernetesNamespace is none, wanted ci-*\n');
    expect(none.out).not.toContain('container ');
  });

  it('takes the container from a file of its own', async () => {
    work.write('facts.yaml', 'podNamespace: ci-1\n');
    const { out } = await explain(DRIFT, '--facts', '@facts.yaml', '@drift.yaml');
    expect(out).toContain('it is excluded');
    const both = await explain(
      { ...DRIFT, container: {} },
      '--facts',
      '@facts.yaml',
      '@drift.yaml',
    );
    expect(both.code).toBe(2);
    expect(both.err).toContain('the event has a container: leave out --facts\n');
  });

  it('judges policies together and counts the responses that are about something else', async () => {
    const event = { ...DRIFT, executable: '/bin/sh', interactive: true, container: {} };
    const { out } = await explain(event, '@drift.yaml', '@shells.yaml');
    expect(out).toContain('actions    log, alert, block\n');
    expect(await reasons(event, '@shells.yaml')).toEqual([
      `shells.yaml:10: response fires: log
  match shells: matches
    yes       operation is exec, wanted exec
    yes       sessionLeaderInteractive is true, wanted true
    yes       processName is /bin/sh, wanted bash, sh`,
      'shells.yaml: 1 response of its process section is not about exec',
    ]);
    expect(await reasons({ operation: 'load' }, '@shells.yaml')).toEqual([]);
  });

  it('explains each operation of an act', async () => {
    const { out } = await explain({ operation: ['fork', 'exec'], container: {} }, '@shells.yaml');
    const verdicts = out.split('\n').filter((line) => /^(event|verdict|actions)/.test(line));
    expect(verdicts).toEqual([
      'event      fork',
      'verdict    allowed',
      'actions    alert',
      'event      exec',
      'verdict    undecided',
      'actions    none',
    ]);
  });

  it('lists few of many values', async () => {
    const names = Array.from({ length: 20 }, (_, at) => `n${10 + at}`);
    work.write('many.yaml', SHELLS.replace('[sh, bash]', `[${names.join(', ')}]`));
    const [first] = await reasons({ ...DRIFT, interactive: false }, '@many.yaml');
    expect(first).toContain(
      'no        processName is /tmp/x, wanted n10, n11, n12, n13, n14, n15, n16, n17 and 12 more',
    );
  });

  it('shows nothing that could steer a terminal', async () => {
    const event = { operation: 'exec', executable: '/\u001b[2J', interactive: true };
    const { out } = await explain(event, '@shells.yaml');
    expect(out).toContain('event      exec /\\u{1b}[2J\n');
    expect(out).toContain('processName is /\\u{1b}[2J, wanted');
    expect(out).not.toContain('\u001b');
  });

  it('prints one JSON document', async () => {
    const event = { ...DRIFT, container: { podNamespace: 'prod' } };
    const { code, out } = await explain(event, '--json', '@drift.yaml');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      ok: true,
      mode: 'enforce',
      operations: [
        {
          operation: 'exec',
          verdict: 'denied',
          actions: ['alert', 'block'],
          undecided: [],
          sections: [
            {
              file: 'drift.yaml',
              section: 'process',
              responses: [
                {
                  line: 9,
                  column: 7,
                  path: 'process.responses[0]',
                  fired: true,
                  actions: ['alert', 'block'],
                  match: { matching: ['drifted'], others: [] },
                  exclude: { matching: [], others: ['buildPods'] },
                },
              ],
              selectors: [
                {
                  name: 'buildPods',
                  matches: false,
                  conditions: [
                    {
                      condition: 'operation',
                      wanted: ['fork', 'exec'],
                      actual: 'exec',
                      verdict: 'true',
                    },
                    {
                      condition: 'kubernetesNamespace',
                      wanted: ['ci-*'],
                      actual: 'prod',
                      verdict: 'false',
                    },
                  ],
                },
                {
                  name: 'drifted',
                  matches: true,
                  conditions: [
                    { condition: 'operation', wanted: ['exec'], actual: 'exec', verdict: 'true' },
                    {
                      condition: 'executableOrigin',
                      wanted: ['writable', 'memory'],
                      actual: 'writable',
                      verdict: 'true',
                    },
                  ],
                },
              ],
            },
          ],
        },
      ],
      problems: [],
      faults: [],
    });
  });

  it('refuses invalid policies, events and facts at once', async () => {
    work.write('bad.yaml', 'process: 1\n');
    work.write('facts.json', '{"podNamespaces": "x"}');
    const args = ['@bad.yaml', '@gone.yaml', '--facts', '@facts.json'];
    const { code, out, err } = await explain({ operation: 'run' }, ...args);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err.split('\n')).toEqual([
      'bad.yaml:1:10: error POLICY_WRONG_TYPE: this is a number, not a mapping',
      expect.stringMatching(
        /^<stdin>:1:14: error POLICY_UNKNOWN_VALUE: there is no operation run \(/,
      ),
      'facts.json:1:2: error POLICY_UNKNOWN_KEY: a container has no key podNamespaces ' +
        '(did you mean podNamespace?)',
      'bulkhead: gone.yaml: no such file or directory',
      '',
    ]);
    const json = await explain({ operation: 'run' }, '--json', '@drift.yaml');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({
      ok: false,
      problems: [{ file: '<stdin>', line: 1, column: 14, code: 'POLICY_UNKNOWN_VALUE' }],
      faults: [],
    });
  });

  it('refuses policies that are too large together', async () => {
    const big = SHELLS.replace(
      'processName: [sh, bash]',
      `processExecutable: [/**x${'?'.repeat(16)}]`,
    );
    work.write('big.yaml', big);
    const { code, err } = await explain(DRIFT, '@big.yaml');
    expect(code).toBe(1);
    expect(err).toMatch(/^big.yaml:3:7: error POLICY_TABLE_FULL: /);
  });
});
