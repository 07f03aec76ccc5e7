import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { encodeContainer } from '../../proto/ts/policy/kernel-table.js';
import { Random } from '../fuzz/random.js';
import { describeOnKernel } from '../support/needs.js';
import { ROOT } from '../support/sources.js';
import { buildActs } from './acts.js';
import { compiled, FACTS, Stage } from './stage.js';

const OBJECT = join(ROOT, 'bpf/build/bulkhead.bpf.o');
const HOLDER = join(ROOT, 'test/kernel/holder.mjs');
const LIVES = 200;
/** From the moment an agent opens the engine: to adopt takes some 10 ms of it, to load its own 1 s. */
const LONGEST_LIFE_MS = 400;
const LIMIT_MS = 500_000;

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
      const stopped = async () => {
        const result = await stage.act('run', '/tmp/drifted', 'mark', '/tmp/ran');
        expect(stage.exists('tmp/ran')).toBe(false);
        return result.exitCode;
      };
      const codes: number[] = [];
      for (let life = 0; life < 3; life += 1) {
        const agent = spawn(process.execPath, [HOLDER, OBJECT, stage.pins], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        expect(await lastLine(agent.stdout)).toBe('{"adopted":true}');
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

  it(
    `is killed ${LIVES} times, two versions in turns, while a forbidden exec is tried all the time`,
    async () => {
      const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
      console.log(`seed ${seed}`);
      const random = new Random(seed);
      const stage = await Stage.open(acts);
      try {
        stage.bind(BLOCK_DRIFT);
        await stage.act('copy', '/bin/act', '/tmp/drifted');
        stage.engine.close();
        const state = writeState(stage);
        const other = otherVersion(stage);
        const trying = stage.act('until', '/tmp/over', '/tmp/drifted', 'mark', '/tmp/ran');
        const seen = { unready: 0, adopted: 0, replaced: 0 };
        let inForce = OBJECT;
        for (let life = 0; life < LIVES; life += 1) {
          const object = random.chance(0.7) === (inForce === OBJECT) ? OBJECT : other;
          // Every tenth life has time enough to come up.
          const lifeMs = life % 10 === 9 ? undefined : random.below(LONGEST_LIFE_MS);
          const end = await live([HOLDER, object, stage.pins, state], lifeMs);
          seen[end] += 1;
          if (end !== 'unready') inForce = object;
        }
        writeFileSync(join(stage.root, 'tmp/over'), '');
        const { stdout } = await trying;
        const [, stopped, tried] = /^stopped (\d+) of (\d+)$/m.exec(stdout) ?? [];
        console.log(`${stdout.trim()}; lives: ${JSON.stringify(seen)}`);
        expect(stage.exists('tmp/ran')).toBe(false);
        expect(stopped).toBe(tried);
        expect(Number(tried)).toBeGreaterThan(10 * LIVES);
        expect(Math.min(seen.unready, seen.adopted, seen.replaced)).toBeGreaterThan(2);
      } finally {
        stage.reopen();
        stage.close();
      }
    },
    LIMIT_MS,
  );
});

/** What an agent says once it is up. */
async function lastLine(stdout: Readable): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    if (line !== 'opening') return line;
  }
  throw new Error('the agent ended');
}

/** One agent, until it is killed: a time after it began to open the engine, or (undefined) once it is up. */
async function live(
  command: readonly string[],
  lifeMs: number | undefined,
): Promise<'unready' | 'adopted' | 'replaced'> {
  const agent = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(agent, 'exit');
  const said: string[] = [];
  const lines = createInterface({ input: agent.stdout });
  lines.on('line', (line) => said.push(line));
  const closed = once(lines, 'close');
  await once(lines, 'line');
  await Promise.race([lifeMs === undefined ? once(lines, 'line') : delay(lifeMs), exited]);
  agent.kill('SIGKILL');
  const [, signal] = await exited;
  await closed;
  if (signal !== 'SIGKILL') throw new Error('the agent ended by itself');
  const [, up] = said;
  if (up === undefined) return 'unready';
  return JSON.parse(up).adopted ? 'adopted' : 'replaced';
}

/** What an agent tells the programs that it has loaded. */
function writeState(stage: Stage): string {
  const { table, responses, automaton } = compiled(BLOCK_DRIFT);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const path = join(stage.directory, 'state.json');
  const state = {
    watched: String(stage.idOf('')),
    cgroupId: String(stage.idOf('c1')),
    rootDevice: String(statSync(stage.root, { bigint: true }).dev),
    table: base64(table),
    responses: responses.map(base64),
    automaton: base64(automaton),
    facts: base64(encodeContainer(FACTS)),
  };
  writeFileSync(path, JSON.stringify(state));
  return path;
}

/** The same programs; by its digest another version. */
function otherVersion(stage: Stage): string {
  const path = join(stage.directory, 'other.bpf.o');
  copyFileSync(OBJECT, path);
  appendFileSync(path, '\n');
  return path;
}
