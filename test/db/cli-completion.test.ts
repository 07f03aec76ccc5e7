import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createCluster } from '../../control-plane/store/clusters.js';
import { createTestCliApi, type TestCliApi } from '../support/cli-api.js';
import { ROOT } from '../support/root.js';

const MAIN = join(ROOT, 'dist/control-plane/cli/main.js');

let cli: TestCliApi;
let work: string;
beforeAll(async () => {
  cli = await createTestCliApi();
  work = mkdtempSync(join(tmpdir(), 'bulkhead-cli-'));
  mkdirSync(join(work, 'bin'));
  writeFileSync(
    join(work, 'bin/bulkhead'),
    `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`,
  );
  chmodSync(join(work, 'bin/bulkhead'), 0o755);
  for (const name of ['production', 'preview', 'pr$(touch hacked)', 'pr; touch hacked', '`pr`']) {
    const { tenantId } = cli.http.ours;
    await cli.http.database.app.withTenant({ tenantId }, (tx) =>
      createCluster(tx, { name, labels: {} }),
    );
  }
  await login('one');
  await login('other');
});
afterAll(async () => {
  rmSync(work, { recursive: true, force: true });
  await cli?.close();
});

async function bash(script: string, stdin = ''): Promise<string> {
  const child = spawn('bash', ['--noprofile', '--norc', '-c', script], {
    cwd: work,
    env: { PATH: `${join(work, 'bin')}:${process.env.PATH}`, HOME: work },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stdin.end(stdin);
  await new Promise((resolve) => child.on('close', resolve));
  return out;
}

const login = (name: string) =>
  bash(`bulkhead login --server ${cli.server} --context ${name} --api-key-stdin 2>&1`, cli.key);

/** What bash offers for a line whose last word is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const quoted = ['bulkhead', ...words].map((word) => `'${word}'`).join(' ');
  const out = await bash(`
    source <(bulkhead completion bash)
    COMP_WORDS=(${quoted}) COMP_CWORD=${words.length}
    _bulkhead bulkhead
    printf '%s\\n' "\${COMPREPLY[@]}"
    complete -p bulkhead >/dev/null || echo "it is not registered"
  `);
  return out.split('\n').filter(Boolean).sort();
}

describe('completion in bash', () => {
  it.each([
    [['po'], ['policy']],
    [['a'], ['alert', 'api-key', 'apply', 'assignment', 'audit']],
    [
      ['node', ''],
      ['get', 'list', 'release', 'revoke'],
    ],
    [['context', 'r'], ['rename']],
    [['policy', 'validate', '--s'], ['--strict']],
    [
      ['alert', 'list', '--s'],
      ['--server', '--severity', '--status'],
    ],
    [
      ['alert', 'list', '--status', ''],
      ['acknowledged', 'closed', 'open'],
    ],
    // As bash parts --status=cl.
    [['alert', 'list', '--status', '=', 'cl'], ['closed']],
    [
      ['alert', 'list', '--status', '='],
      ['acknowledged', 'closed', 'open'],
    ],
    [['node', 'list', '-o', 'j'], ['json']],
    [
      ['apply', '-o', ''],
      ['json', 'text'],
    ],
    [
      ['context', 'use', 'o'],
      ['one', 'other'],
    ],
    [['node', 'list', '--context', 'ot'], ['other']],
    [
      ['completion', ''],
      ['bash', 'fish', 'zsh'],
    ],
    [['node', 'list', '--timeout', ''], []],
    // A file: the shell's own completion.
    [['policy', 'validate', ''], []],
    [['nothing', 'is', ''], []],
  ] as const)('%j', async (words, candidates) => {
    expect(await offered(...words)).toEqual(candidates);
  });

  it('offers names from the control plane, but none that a shell takes for more', async () => {
    expect(await offered('cluster', 'get', 'pr')).toEqual(['preview', 'production']);
    expect(await offered('node', 'list', '--cluster', 'prod')).toEqual(['production']);
    expect((await bash('ls')).split('\n')).not.toContain('hacked');
  });

  it('says nothing where the control plane cannot be asked', async () => {
    const gone = ['--server', 'http://127.0.0.1:1'];
    expect(await offered('node', 'list', ...gone, '--cluster', '')).toEqual([]);
  });
});
