import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Comparison } from '../../../node-agent/native/native.js';
import type { BundledPolicy } from '../../../proto/ts/policy/model.js';
import { Random } from '../../fuzz/random.js';
import type { KernelCase } from '../cases.js';
import type { SeenEvent, Stage } from '../stage.js';
import { type Act, ActMaker } from './acts.js';
import { type Answer, Driver } from './driver.js';
import { allEvents, type Bound, Sets } from './kernel.js';
import { type BackendOf, Judge, seenComparison, seenOf } from './outcome.js';
import { type DrawnPolicy, PolicyMaker } from './policies.js';
import { type Subject, type Worker, World, workersOf } from './world.js';

/** BULKHEAD_SEED draws others, or those of a failure again. */
const SEED = Number(process.env.BULKHEAD_SEED ?? 20_250_117);
const BATCHES = 20;
const ACTS = 100;

/** Acts under the same policies. */
interface Batch {
  readonly acts: readonly Act[];
  readonly policies: readonly DrawnPolicy[];
  readonly candidates: readonly DrawnPolicy[];
}

/** A batch that was carried out. */
interface Done extends Batch {
  readonly bound: Bound;
  readonly answers: readonly Answer[];
}

/** How many acts came to what: where one of them is rare, the test says little. */
type Shares = Record<'stopped' | 'told' | 'silent', number>;

export const DIFFERENTIAL_CASES: readonly KernelCase[] = [
  {
    name: `judges ${BATCHES * ACTS} acts as the matcher does, from seed ${SEED}`,
    async run(stage) {
      const { batches, subjects, workers } = draw((hook) => stage.backendOf(hook));
      const directory = join(stage.directory, 'differential');
      mkdirSync(directory);
      const world = new World(directory, join(stage.directory, 'programs'), subjects);
      try {
        await judgeAll(stage, world, batches, workers);
      } finally {
        world.close();
      }
    },
  },
];

function draw(backendOf: BackendOf): {
  readonly batches: readonly Batch[];
  readonly subjects: readonly Subject[];
  readonly workers: readonly Worker[];
} {
  const random = new Random(SEED);
  const workers = workersOf();
  const subjects: Subject[] = [];
  const batches = Array.from({ length: BATCHES }, (_, index): Batch => {
    const maker = new ActMaker(random, `b${index}`, workers, (hook) => backendOf(hook) !== 'none');
    const acts = random.times(ACTS, () => maker.make());
    subjects.push(...maker.subjects);
    const policies = new PolicyMaker(random, acts);
    const names = random.chance(0.5) ? ['a'] : ['a', 'b'];
    return {
      acts,
      policies: names.map((name) => policies.make(name)),
      candidates: random.chance(0.5) ? [policies.make('c')] : [],
    };
  });
  return { batches, subjects, workers };
}

async function judgeAll(
  stage: Stage,
  world: World,
  batches: readonly Batch[],
  workers: readonly Worker[],
): Promise<void> {
  stage.start();
  const sets = new Sets(stage, world);
  sets.bind([]);
  const launch = [join(stage.directory, 'launch'), stage.cgroup('c1'), world.root] as const;
  const driver = new Driver(launch, workers);
  try {
    const done: Done[] = [];
    for (const batch of batches) {
      const bound = sets.bind(batch.policies.map(bundledOf), batch.candidates.map(bundledOf));
      done.push({ ...batch, bound, answers: await driver.carryOut(batch.acts) });
    }
    const events = await allEvents(stage, sets, driver);
    check(done, events, stage.engine.comparisons(), (hook) => stage.backendOf(hook), driver.errors);
  } finally {
    await driver.close();
  }
}

function bundledOf({ bundled }: DrawnPolicy): BundledPolicy {
  return bundled;
}

function check(
  done: readonly Done[],
  events: ReadonlyMap<number, readonly SeenEvent[]>,
  comparisons: readonly Comparison[],
  backendOf: BackendOf,
  errors: string,
): void {
  const shares: Shares = { stopped: 0, told: 0, silent: 0 };
  const [first, ...others] = done.flatMap((batch, index) => {
    const { id, set, candidate } = batch.bound;
    const judge = new Judge(set, candidate, backendOf);
    const differences = differencesOf(batch, judge, events, shares);
    const seen = comparisons.filter(({ activeSet }) => activeSet === id).map(seenComparison);
    const expected = judge.comparisons;
    if (!isDeepStrictEqual(seen.sort(), expected)) {
      differences.push({ comparisons: '', expected, seen });
    }
    return differences.map((difference) => ({ batch: index, ...difference, ...textsOf(batch) }));
  });
  if (first) {
    const lines = Object.entries({ seed: SEED, ...first, others: others.length, errors });
    const texts = lines.map(([word, value]) => `${word}: ${JSON.stringify(value)}`);
    throw new Error(['the kernel and the matcher differ', ...texts].join('\n'));
  }
  const known = new Set(done.flatMap(({ answers }) => answers.map(({ pid }) => pid)));
  const strange = [...events].filter(([pid]) => !known.has(pid));
  assert.deepEqual(strange, [], 'events of no act');
  for (const [word, count] of Object.entries(shares)) {
    assert.ok(count > (BATCHES * ACTS) / 10, `only ${count} acts are ${word}`);
  }
}

/** Of each act that came to something else: the act, what was expected and what was seen. */
function differencesOf(
  { acts, answers }: Done,
  judge: Judge,
  events: ReadonlyMap<number, readonly SeenEvent[]>,
  shares: Shares,
): object[] {
  return acts.flatMap((act, index) => {
    const { pid, exitCode } = answers[index] ?? { pid: 0, exitCode: -1 };
    const seen = seenOf(exitCode, events.get(pid) ?? []);
    const expected = judge.expectedOf(act);
    shares[expected.exitCode !== 0 ? 'stopped' : expected.told.length > 0 ? 'told' : 'silent'] += 1;
    if (isDeepStrictEqual(seen, expected)) return [];
    const { steps: _steps, ...plain } = act;
    return { index, act: plain, expected, seen };
  });
}

function textsOf({ policies, candidates }: Batch): object {
  const text = ({ source, bundled: { policyId, mode } }: DrawnPolicy): string =>
    `${policyId}, ${mode}: ${source}`;
  return { policies: policies.map(text), candidates: candidates.map(text) };
}
