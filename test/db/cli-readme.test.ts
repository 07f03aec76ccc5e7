import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTenant } from '../../control-plane/store/tenants.js';
import { examplesOf, filesOf } from '../support/examples.js';
import { createTestApi, type TestApi } from '../support/http-api.js';
import { ROOT } from '../support/root.js';

const MAIN = join(ROOT, 'dist/control-plane/cli/main.js');
const PAGE = readFileSync(join(ROOT, 'control-plane/cli/CONTROL-PLANES.md'), 'utf8');

let http: TestApi;
let url: string;
let work: string;
beforeAll(async () => {
  http = await createTestApi();
  url = await http.api.listen({ host: '127.0.0.1', port: 0 });
  const tenant = await http.database.app.withPlatform((tx) => createTenant(tx, { name: 'acme' }));
  work = mkdtempSync(join(tmpdir(), 'bulkhead-cli-'));
  for (const folder of ['bin', 'files', 'config']) mkdirSync(join(work, folder));
  writeFileSync(
    join(work, 'bin/bulkhead'),
    `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`,
  );
  chmodSync(join(work, 'bin/bulkhead'), 0o755);
  for (const { name, text } of filesOf(PAGE)) writeFileSync(join(work, 'files', name), text);
  writeFileSync(join(work, 'files/key'), await http.newKey(tenant.id, 'owner'));
});
afterAll(async () => {
  rmSync(work, { recursive: true, force: true });
  await http?.close();
});

/** Runs a line of a shell among the files of the page. */
async function shell(line: string): Promise<{ code: number | null; out: string }> {
  const child = spawn('sh', ['-c', `exec 2>&1\n${line}`], {
    cwd: join(work, 'files'),
    env: {
      PATH: `${join(work, 'bin')}:${process.env.PATH}`,
      XDG_CONFIG_HOME: join(work, 'config'),
      URL: url,
      CHAT_URL: 'https://chat.example.com/secret',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out };
}

/** What differs from run to run, as the page has it. */
function usual(text: string): string {
  return (
    text
      .replaceAll(url, 'http://127.0.0.1:8080')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, '00000000-0000-4000-8000-000000000000')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '2026-01-31T12:00:00Z')
      .replaceAll(/bkh_jt_\w{3}[\w-]+/g, 'bkh_jt_...')
      .replaceAll(/sha256:[\w-]{43}/g, 'sha256:...')
      .replaceAll(/\b[0-9a-f]{16}\b/g, '0123456789abcdef')
      // Which may have been longer or shorter.
      .replaceAll(/(SERVER) +/g, '$1   ')
  );
}

describe('the examples in control-plane/cli/CONTROL-PLANES.md', () => {
  // One after the other: each goes on from what the one before made.
  it.each(
    examplesOf(PAGE).map((block) => [block.map(({ line }) => line).join('; '), block] as const),
  )('%s', async (_lines, block) => {
    for (const { line, output, code } of block) {
      const { code: actual, out } = await shell(line);
      expect({ line, code: actual, out: usual(out) }).toEqual({ line, code, out: usual(output) });
    }
  });
});
