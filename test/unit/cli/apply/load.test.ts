import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DRIFT_POLICY, Workspace } from '../../../support/cli.js';

let work: Workspace;
beforeEach(() => {
  work = new Workspace();
  mkdirSync(work.path('all'));
});
afterEach(() => work.remove());

/** Nothing is asked of a server before all is read: there is none. */
const NOWHERE = { server: 'http://127.0.0.1:1', apiKey: 'none' };
const diff = (...paths: string[]) =>
  work.run(['diff', '-f', ...paths], {
    settings: NOWHERE,
    variables: { SET: 'https://x.example' },
  });

const indented = (text: string) => text.replaceAll(/^(?=.)/gm, '  ');
const document = (kind: string, name: string, spec: string) =>
  `apiVersion: bulkhead.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec:\n${indented(spec)}\n`;

describe('documents to apply', () => {
  it('are checked all together, each problem with its place', async () => {
    work.write(
      'all/a.yaml',
      [
        document('Cluster', 'a', 'labels: {env: prod, bad key: x}'),
        document('Policy', 'inside', DRIFT_POLICY.replace('executableOrigin', 'executableOrgin')),
        document('Polcy', 'b', '{}'),
      ].join('---\n'),
    );
    work.write('all/b.yaml', document('Policy', 'elsewhere', 'file: policies/bad.yaml'));
    mkdirSync(work.path('all/policies'));
    work.write('all/policies/bad.yaml', 'process: 1\n');
    work.write('all/c.yaml', document('Webhook', 'w', 'url: https://x\nurlFrom: {env: SET}'));
    work.write('all/d.yaml', document('Webhook', 'v', 'urlFrom: {env: UNSET}'));
    work.write(
      'all/e.yaml',
      `${document('Cluster', 'b', '{}')}---\n${document('Cluster', 'b', '{}')}`,
    );
    work.write('all/f.yaml', document('Policy', 'gone', 'file: gone.yaml'));
    const { code, out, err } = await diff('@all');
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err.split('\n')).toEqual([
      'all/a.yaml:5:11: error POLICY_BAD_VALUE: bad key: x is no label',
      'all/a.yaml:15:9: error POLICY_UNKNOWN_KEY: a process selector has no key executableOrgin (did you mean executableOrigin?)',
      'all/a.yaml:25:7: error POLICY_UNKNOWN_VALUE: there is no kind Polcy (did you mean Policy?)',
      'all/policies/bad.yaml:1:10: error POLICY_WRONG_TYPE: this is a number, not a mapping',
      'all/c.yaml:5:3: error POLICY_MISSING_KEY: a webhook has either url or urlFrom',
      'all/e.yaml:7:1: error POLICY_DUPLICATE_NAME: Cluster b stands at all/e.yaml:1 already',
      'bulkhead: all/d.yaml: environment variable UNSET is not set',
      'bulkhead: all/gone.yaml: no such file or directory',
      '',
    ]);
  });

  it('may name files beside them, which are none themselves', async () => {
    work.write('all/a.yaml', document('Policy', 'p', 'file: p.yaml'));
    work.write('all/p.yaml', DRIFT_POLICY);
    // All is well, so that the server is asked for.
    expect((await diff('@all')).err).toContain('the API key is not of the form');
  });

  it.each([
    ['apiVersion: v1\nkind: Cluster\nmetadata: {name: a}\nspec: {}', 'there is no apiVersion v1'],
    ['kind: Cluster\nmetadata: {name: a}\nspec: {}', 'the document has no apiVersion'],
    [document('Cluster', '" a"', '{}'), 'a name has 1 to 253 characters that can be seen'],
    [document('Cluster', 'a', 'label: {}'), 'the spec of a cluster has no key label'],
    [
      document('Policy', 'a', 'file: x\nprocess: {}'),
      'the spec of a policy with a file has no key process',
    ],
    [document('Webhook', 'a', '{}'), 'a webhook has either url or urlFrom'],
    [document('Webhook', 'a', 'urlFrom: {}'), 'urlFrom has either env or file'],
    [document('Assignment', 'a', 'policy: p'), 'the spec of an assignment has no clusters'],
    [document('Assignment', 'a', 'policy: p\nclusters: "a=b=c"'), 'no requirement at character 1'],
    [document('Assignment', 'a', 'policy: p\nclusters: ""\npriority: 1001'), 'from -1000 to 1000'],
    [
      document('Assignment', 'a', 'policy: p\nclusters: ""\nversion: newest'),
      'from 1 to 999999999',
    ],
    ['a: [1', 'error POLICY_YAML_SYNTAX'],
  ])('%j is refused', async (text, message) => {
    work.write('x.yaml', text);
    const { code, err } = await diff('@x.yaml');
    expect(code).toBe(3);
    expect(err).toContain(message);
  });

  it('are needed', async () => {
    work.write('x.yaml', '# nothing\n---\n');
    expect(await diff('@x.yaml')).toMatchObject({ code: 2 });
    expect((await work.run(['diff'])).err).toContain('--file is missing');
    expect((await work.run(['diff', '-f', '-', '-'])).err).toContain('only one input can be -');
    expect((await work.run(['diff', '-f', 'x', '--prune', 'Policy'])).err).toContain(
      '--prune is Assignment or Webhook, not Policy',
    );
  });
});
