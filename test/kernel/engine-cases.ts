import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KernelCase } from './cases.js';
import { BLOCK_DRIFT, drift, expectStopped, LOG_EVERYTHING, ORIGIN } from './drift.js';

/** Of the engine around the programs: its rings, its successor, two policy sets, its end. */
export const ENGINE_CASES: readonly KernelCase[] = [
  {
    name: 'stops all the same when the ring is full, and counts what it could not tell',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      // Nobody reads. A long name makes long records: some 1 500 fill the ring.
      const long = `/tmp/${`${'d'.repeat(200)}/`.repeat(4)}`;
      mkdirSync(join(stage.root, long), { recursive: true });
      await stage.act('copy', '/bin/act', `${long}drifted`);
      const count = 1500;
      const words = [String(count), `${long}drifted`, 'mark', '/tmp/ran'];
      const { stdout } = await stage.act('many', ...words);
      assert.equal(stdout.trim(), `stopped ${count}`);
      assert.equal(stage.exists('tmp/ran'), false);
      const { alert_ring_full: lost = 0n } = stage.counters();
      assert.ok(lost > 0n, 'the ring was not filled');
    },
  },
  {
    name: 'goes on without its agent, and tells everything once to the next one',
    async run(stage) {
      stage.bind(BLOCK_DRIFT);
      stage.start();
      await drift(stage);
      await expectStopped(stage, 'run', '/tmp/drifted');
      const [first] = await Promise.all([
        stage.event(({ executable }) => executable === '/tmp/drifted'),
      ]);
      assert.equal(first.ring, 'alerts');
      const durable = stage.batches.find(({ ring }) => ring.name === 'alerts');
      assert.ok(durable);
      // Read and written down, but never committed.
      stage.reopen({
        instance: durable.ring.instance,
        alerts: durable.ring.position,
        telemetry: 0n,
      });
      assert.equal(stage.engine.adopted, true);
      stage.batches.length = 0;
      await expectStopped(stage, 'run', '/tmp/drifted');
      stage.bind(BLOCK_DRIFT);
      stage.start();
      await expectStopped(stage, 'memory', '/bin/act');
      await stage.event(({ origin, ring }) => origin === ORIGIN.memory && ring === 'alerts');
      const seen = stage.events().filter(({ ring }) => ring === 'alerts');
      assert.deepEqual(
        seen.map(({ origin }) => origin),
        [ORIGIN.writable, ORIGIN.memory],
      );
    },
  },
  {
    name: 'counts what a candidate would do otherwise',
    async run(stage) {
      await drift(stage);
      const differences = () => {
        const { activeSet } = stage.engine.comparisons().at(-1) ?? {};
        const found = stage.engine.comparisons().filter((one) => one.activeSet === activeSet);
        return found.map((one) => ({
          response: `${one.isCandidate ? 'candidate' : 'active'} ${one.response}`,
          allow: one.bothAllow > 0n,
          counts: [one.bothDeny, one.onlyActiveDenies, one.onlyCandidateDenies].map(Number),
        }));
      };
      const sorted = (list: ReturnType<typeof differences>) =>
        list.sort((a, b) => a.response.localeCompare(b.response));
      const run = async () => {
        const { exitCode } = await stage.act('run', '/tmp/drifted', 'mark', '/tmp/ran');
        return exitCode;
      };
      stage.bind(LOG_EVERYTHING, 'enforce', BLOCK_DRIFT);
      assert.equal(await run(), 0);
      assert.deepEqual(sorted(differences()), [
        { response: 'active 64', allow: true, counts: [0, 0, 1] },
        { response: 'candidate 0', allow: false, counts: [0, 0, 1] },
      ]);
      for (const id of stage.engine.policySetIds()) stage.engine.deletePolicySet(id);
      assert.deepEqual(stage.engine.comparisons(), []);
      stage.bind(BLOCK_DRIFT, 'enforce', LOG_EVERYTHING);
      assert.equal(await run(), stage.stopped.exitCode);
      assert.deepEqual(sorted(differences()), [
        { response: 'active 0', allow: false, counts: [0, 1, 0] },
        { response: 'active 64', allow: true, counts: [0, 1, 0] },
      ]);
    },
  },
  {
    name: 'switches policies at once, and detaches without a trace',
    async run(stage) {
      await drift(stage);
      stage.bind(BLOCK_DRIFT);
      await expectStopped(stage, 'run', '/tmp/drifted');
      stage.bind(LOG_EVERYTHING);
      const allowed = await stage.act('run', '/tmp/drifted', 'mark', '/tmp/ran');
      assert.equal(allowed.exitCode, 0, allowed.stderr);
      stage.bind(BLOCK_DRIFT);
      const blocked = await stage.act('run', '/tmp/drifted', 'mark', '/tmp/again');
      assert.equal(blocked.exitCode, stage.stopped.exitCode);
      stage.engine.detach();
      const after = await stage.act('run', '/tmp/drifted', 'mark', '/tmp/after');
      assert.equal(after.exitCode, 0, after.stderr);
    },
  },
];
