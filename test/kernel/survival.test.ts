import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeOnKernel } from '../support/needs.js';
import { ROOT } from '../support/sources.js';
import { buildActs } from './acts.js';
import { Stage } from './stage.js';

const BLOCK_DRIFT = `
process:
  selectors:
    - name: drifted
      operation: [exec]
      executableOrigin: [writable]
  responses:
    - match: [drifted]
      actions: [alert, block]
`;

describeOnKernel('an agent that is killed', () => {
  const acts = mkdtempSync(join(tmpdir(), 'bulkhead-acts-'));

  beforeAll(() => buildActs(join(ROOT, 'test/kernel/acts'), acts));
  afterAll(() => rmSync(acts, { recursive: true }));

  it('leaves what it enforces, and every event for its successor, once', async () => {
    const stage = await Stage.open(acts);
    try {
      stage.bind(BLOCK_DRIFT);
      await stage.act('copy', '/bin/act', '/tmp/drifted');
      stage.engine.close();
      const object = join(ROOT, 'bpf/build/bulkhead.bpf.o');
      const script = join(ROOT, 'test/kernel/holder.mjs');
      const stopped = async () => {
        const result = await stage.act('run', '/tmp/drifted', 'mark', '/tmp/ran');
        expect(stage.exists('tmp/ran')).toBe(false);
        return result.exitCode;
      };
      const codes: number[] = [];
      for (let life = 0; life < 3; life += 1) {
        const agent = spawn(process.execPath, [script, object, stage.pins], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const [line] = await once(agent.stdout, 'data');
        expect(JSON.parse(String(line))).toEqual({ adopted: true });
        codes.push(await stopped());
        agent.kill('SIGKILL');
        await once(agent, 'exit');
        codes.push(await stopped());
      }
      stage.reopen();
      expect(new Set(codes)).toEqual(new Set([stage.stopped.exitCode]));
      stage.bind(BLOCK_DRIFT);
      stage.start();
      const last = await stage.act('run', '/tmp/drifted', 'last');
      expect(last.exitCode).toBe(stage.stopped.exitCode);
      await stage.event(({ args, ring }) => ring === 'alerts' && args.includes('last'));
      expect(stage.events().filter(({ ring }) => ring === 'alerts')).toHaveLength(7);
    } finally {
      stage.close();
    }
  });
});
