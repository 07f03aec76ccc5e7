import { existsSync, readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DRIFT_POLICY } from '../support/cli.js';
import { createTestCliApi, type TestCliApi } from '../support/cli-api.js';

let cli: TestCliApi;
beforeAll(async () => {
  cli = await createTestCliApi();
  await cli.run(['assignment', 'delete', 'assignment', '--yes']);
});
afterAll(() => cli?.close());

const SECRET_URL = 'https://hooks.example.com/T0000/very-secret';
const indented = (text: string) => text.replaceAll(/^(?=.)/gm, '  ');
const document = (kind: string, name: string, spec: string) =>
  `apiVersion: bulkhead.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec:\n${indented(spec)}\n`;

/** A file of documents. */
const write = (name: string, ...documents: string[]) =>
  cli.work.write(name, documents.join('---\n'));
const run = (...args: string[]) => cli.run(args, { variables: { HOOK_URL: SECRET_URL } });
const versionsOf = async (name: string) =>
  (await run('policy', 'versions', name, '-o', 'name')).out.split('\n').filter(Boolean);

describe('bulkhead apply', () => {
  it('makes what is not there, and nothing twice', async () => {
    write(
      'all.yaml',
      document('Webhook', 'chat', 'urlFrom: {env: HOOK_URL}\nsecretFile: chat.secret'),
      document('Policy', 'drift', DRIFT_POLICY),
      document('Cluster', 'edge', 'labels: {env: prod}'),
    );
    const dry = await run('diff', '-f', '@all.yaml');
    expect(dry).toEqual({
      code: 1,
      out: [
        '+ Cluster edge   all.yaml:25',
        '    labels: env=prod',
        '+ Policy drift   all.yaml:8',
        '    version: 1',
        '+ Webhook chat   all.yaml:1',
        '    url: (from environment variable HOOK_URL)',
        'plan: 3 to create, 0 to update, 0 to delete, 0 unchanged',
        '',
      ].join('\n'),
      err: '',
    });
    expect((await run('policy', 'get', 'drift')).code).toBe(4);
    const done = await run('apply', '-f', '@all.yaml', '--yes');
    expect({ code: done.code, err: done.err }).toEqual({ code: 0, err: '' });
    expect(done.out).toBe(
      `${dry.out}created Cluster edge\ncreated Policy drift\ncreated Webhook chat\n`,
    );
    expect(done.out).not.toContain('secret');
    const secret = cli.work.path('chat.secret');
    expect(readFileSync(secret, 'utf8')).toMatch(/^whsec_\S+\n$/);
    expect(statSync(secret).mode & 0o777).toBe(0o600);
    expect((await run('policy', 'source', 'drift')).out).toBe(DRIFT_POLICY);
    const same = 'plan: 0 to create, 0 to update, 0 to delete, 3 unchanged\n';
    for (const command of ['diff', 'apply']) {
      expect(await run(command, '-f', '@all.yaml')).toEqual({ code: 0, out: same, err: '' });
    }
    expect(await versionsOf('drift')).toEqual(['1']);
  });

  it('adds a version only where the meaning changes, and tells what changes', async () => {
    write('p.yaml', document('Policy', 'drift', `# a comment\n${DRIFT_POLICY}`));
    expect((await run('apply', '-f', '@p.yaml')).code).toBe(0);
    expect(await versionsOf('drift')).toEqual(['1']);
    const other = DRIFT_POLICY.replace('[writable, memory]', '[writable]');
    cli.work.write('drift.yaml', other);
    write('p.yaml', document('Policy', 'drift', 'file: drift.yaml'));
    const { code, out } = await run('apply', '-f', '@p.yaml', '--yes');
    expect(code).toBe(0);
    expect(out).toContain(
      '~ Policy drift   p.yaml:1\n    version: 1 -> 2\n    - some exec is no longer denied',
    );
    expect(out).toContain('    ~ process selector drifted: changed in executableOrigin\n');
    expect(out).toContain('updated Policy drift\n');
    expect(await versionsOf('drift')).toEqual(['2', '1']);
    expect((await run('policy', 'source', 'drift')).out).toBe(other);
  });

  it('edits what differs, field by field, and hides where secrets are', async () => {
    write(
      'edit.yaml',
      document('Cluster', 'edge', 'labels: {env: test, zone: a}'),
      document('Webhook', 'chat', 'urlFrom: {file: url.txt}\nenabled: false'),
    );
    cli.work.write('url.txt', 'https://hooks.example.com/other-secret\n');
    const { code, out } = await run('apply', '-f', '@edit.yaml', '--yes');
    expect(code).toBe(0);
    expect(out).toContain('    labels: env=prod -> env=test,zone=a\n');
    expect(out).toContain(
      '    url: (not shown) -> (from file url.txt)\n    enabled: true -> false\n',
    );
    expect(out).not.toContain('secret');
    const json = await run('webhook', 'get', 'chat', '-o', 'json');
    expect(JSON.parse(json.out)).toMatchObject({
      url: 'https://hooks.example.com/other-secret',
      enabled: false,
    });
  });

  it('assigns what it makes, to the latest version or to one', async () => {
    const assignment = (name: string, ...spec: string[]) =>
      document('Assignment', name, ['policy: spread', ...spec].join('\n'));
    const of = async (name: string) =>
      JSON.parse((await run('assignment', 'get', name, '-o', 'json')).out);
    write(
      'spread.yaml',
      assignment('latest', 'clusters: env=prod', 'mode: enforce'),
      assignment('first', 'clusters: ""', 'version: 1', 'priority: -1'),
      document('Policy', 'spread', DRIFT_POLICY),
    );
    const made = await run('apply', '-f', '@spread.yaml', '--yes');
    expect(made.err).toBe('');
    expect(made.out).toContain(
      'created Policy spread\ncreated Assignment latest\ncreated Assignment first\n',
    );
    expect(await of('latest')).toMatchObject({ version: 1, clusters: 'env=prod', mode: 'enforce' });
    expect(await of('first')).toMatchObject({ clusters: '', mode: 'observe', priority: -1 });
    write(
      'spread.yaml',
      assignment('latest', 'clusters: env=prod', 'mode: observe'),
      assignment('first', 'clusters: ""', 'version: 1', 'priority: -1'),
      document('Policy', 'spread', DRIFT_POLICY.replace('[writable, memory]', '[writable]')),
    );
    const edited = await run('apply', '-f', '@spread.yaml', '--yes');
    expect(edited.out).toContain('    version: 1 -> 2\n    mode: enforce -> observe\n');
    expect(await of('latest')).toMatchObject({ version: 2, mode: 'observe' });
    expect(await of('first')).toMatchObject({ version: 1 });
    expect((await run('diff', '-f', '@spread.yaml')).code).toBe(0);
    write('spread.yaml', assignment('latest', 'clusters: env=prod'));
    const pruned = await run('apply', '-f', '@spread.yaml', '--prune', 'Assignment', '--yes');
    expect(pruned.out).toMatch(/^- Assignment first\nplan: .*\ndeleted Assignment first\n$/);
  });

  it('tells of every assignment that cannot be before it does anything', async () => {
    const assignment = (name: string, ...spec: string[]) =>
      document('Assignment', name, ['clusters: ""', ...spec].join('\n'));
    write(
      'wrong.yaml',
      document('Cluster', 'never', '{}'),
      assignment('a', 'policy: none'),
      assignment('b', 'policy: spread', 'version: 9'),
      assignment('latest', 'policy: drift'),
    );
    const { code, out, err } = await run('apply', '-f', '@wrong.yaml', '--yes');
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err.split('\n')).toEqual([
      'bulkhead: wrong.yaml:7:1: Assignment a: there is no policy none',
      'bulkhead: wrong.yaml:14:1: Assignment b: policy spread has no version 9',
      'bulkhead: wrong.yaml:22:1: Assignment latest: it is of another policy, which cannot be changed: take another name, or delete it',
      '',
    ]);
    expect((await run('cluster', 'get', 'never')).code).toBe(4);
  });

  it('asks, and takes a no', async () => {
    write('ask.yaml', document('Cluster', 'asked', '{}'));
    const args = ['apply', '-f', '@ask.yaml'];
    const no = await cli.run(args, { answers: ['no'] });
    expect(no.code).toBe(1);
    expect(no.err).toContain(
      'Apply this (1 to create, 0 to update, 0 to delete, 0 unchanged)? [y/N] ',
    );
    expect((await cli.run(args)).code).toBe(2);
    expect((await run('cluster', 'get', 'asked')).code).toBe(4);
    expect((await cli.run(args, { answers: ['y'] })).code).toBe(0);
    expect((await run('cluster', 'get', 'asked')).code).toBe(0);
  });

  it('stops at the first refusal, and goes on from there when applied again', async () => {
    write(
      'stop.yaml',
      document('Cluster', 'first', '{}'),
      document('Webhook', 'bad', 'url: "gopher://x.example"\nsecretFile: bad.secret'),
      document('Webhook', 'good', 'url: "https://x.example"\nsecretFile: good.secret'),
    );
    const stopped = await run('apply', '-f', '@stop.yaml', '--yes');
    expect(stopped.code).toBe(4);
    expect(stopped.out).toMatch(/\ncreated Cluster first\n$/);
    expect(stopped.err).toContain('bulkhead: INVALID_ARGUMENT: url: an http or https address\n');
    expect(stopped.err).toContain('bulkhead: 1 step done; not done: Webhook bad, Webhook good\n');
    expect(existsSync(cli.work.path('bad.secret'))).toBe(false);
    write(
      'stop.yaml',
      document('Cluster', 'first', '{}'),
      document('Webhook', 'bad', 'url: "https://y.example"\nsecretFile: bad.secret'),
      document('Webhook', 'good', 'url: "https://x.example"\nsecretFile: good.secret'),
    );
    const again = await run('apply', '-f', '@stop.yaml', '--yes', '-o', 'json');
    expect(JSON.parse(again.out)).toMatchObject({
      ok: true,
      done: [
        { kind: 'Webhook', name: 'bad' },
        { kind: 'Webhook', name: 'good' },
      ],
      undone: [],
    });
    expect((await run('diff', '-f', '@stop.yaml')).code).toBe(0);
  });

  it('needs a place for the secret of a new webhook', async () => {
    write('hook.yaml', document('Webhook', 'new', 'url: "https://x.example"'));
    const { code, err } = await run('diff', '-f', '@hook.yaml');
    expect(code).toBe(4);
    expect(err).toBe(
      'bulkhead: hook.yaml:1:1: Webhook new is new: say in secretFile where its secret goes\n',
    );
  });

  it('overwrites nothing with a secret', async () => {
    cli.work.write('kept', 'mine');
    write('hook.yaml', document('Webhook', 'new', 'url: "https://x.example"\nsecretFile: kept'));
    const { code, err } = await run('apply', '-f', '@hook.yaml', '--yes');
    expect(code).toBe(3);
    expect(err).toContain('kept: file already exists');
    expect(readFileSync(cli.work.path('kept'), 'utf8')).toBe('mine');
    expect((await run('webhook', 'get', 'new')).code).toBe(4);
  });

  it('deletes what the files do not name only where it is told to', async () => {
    const names = async () => (await run('webhook', 'list', '-o', 'name')).out;
    write('keep.yaml', document('Webhook', 'chat', 'url: "https://x.example"'));
    expect((await run('apply', '-f', '@keep.yaml', '--yes')).code).toBe(0);
    expect(await names()).toContain('good\n');
    const pruned = await run('apply', '-f', '@keep.yaml', '--prune', 'Webhook', '--yes');
    expect(pruned.code).toBe(0);
    expect(pruned.out).toContain('- Webhook good\n');
    expect(pruned.out).toContain('deleted Webhook good\n');
    expect(await names()).toBe('chat\n');
  });

  it('is refused where a thing changes in between', async () => {
    write('race.yaml', document('Cluster', 'edge', 'labels: {env: mine}'));
    const args = ['apply', '-f', '@race.yaml'];
    const { code, err } = await cli.run(args, {
      answers: async () => {
        // Somebody is faster than whoever is asked.
        await run('cluster', 'edit', 'edge', '--labels', 'env=theirs');
        return 'y';
      },
    });
    expect(code).toBe(4);
    expect(err).toContain('bulkhead: PRECONDITION_FAILED: ');
    const { out } = await run('cluster', 'get', 'edge', '-o', 'json');
    expect(JSON.parse(out).labels).toEqual({ env: 'theirs' });
  });
});
