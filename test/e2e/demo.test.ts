import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { describeOnKernel } from '../support/needs.js';
import { ROOT } from '../support/sources.js';

describeOnKernel('npm run demo', () => {
  it('stops a drifted binary and delivers the alert, within 30 s', () => {
    const startedAt = performance.now();
    const demo = spawnSync(process.execPath, [join(ROOT, 'dist/deploy/local/main.js'), 'demo'], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    const lines = demo.stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(
      /^demo: drift (denied|killed) before its first instruction; alert delivered in \d+ ms$/,
    );
    expect(demo.status).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(30_000);
  });
});
