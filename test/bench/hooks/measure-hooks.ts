import { release } from 'node:os';
import type { ExecBackend } from '../../../node-agent/native/native.js';
import { Random } from '../../fuzz/random.js';
import type { Dialogue } from './dialogue.js';
import { Field, type KernelProgram } from './field.js';
import { keyOf, type Measured, type RunTime, type Turn } from './measured.js';
import { ACTS_OF, type Plan } from './plan.js';

export interface MeasureOptions {
  readonly programs: string;
  readonly seed: number;
  readonly plan: Plan;
  readonly backends?: ExecBackend[];
}

/** Rounds of acts for the statistics. */
const STATISTICS_ROUNDS = 10;

/** Measures this kernel, with the best of the backends that it has. */
export async function measureHooks(options: MeasureOptions): Promise<Measured> {
  const { programs, seed, plan, backends } = options;
  const field = await Field.open(programs, seed, backends);
  try {
    const all: { turn: Turn; isAlone: boolean }[] = [];
    const worker = await field.worker();
    try {
      const random = new Random(seed);
      await measureTurn(field, worker, plan, random);
      for (let at = 0; at < plan.turns; at += 1) {
        const turn = await measureTurn(field, worker, plan, random);
        all.push({ turn, isAlone: await field.isAlone() });
      }
    } finally {
      await worker.close();
    }
    const alone = all.filter(({ isAlone }) => isAlone);
    const kernelPrograms = await field.kernelPrograms();
    return {
      release: release(),
      hooks: field.hooks,
      base: plan.base,
      estimate: plan.estimate,
      turns: (alone.length > plan.turns / 4 ? alone : all).map(({ turn }) => turn),
      disturbed: all.length - alone.length,
      verified: Object.fromEntries(kernelPrograms.map(({ name, verified }) => [name, verified])),
      runTimes: await runTimes(field, plan),
    };
  } finally {
    await field.close();
  }
}

/** Every variant once, in any order: what one leaves to the next meets all of them. */
async function measureTurn(
  field: Field,
  worker: Dialogue,
  { variants, counts }: Plan,
  random: Random,
): Promise<Turn> {
  const times: Record<string, number> = {};
  for (const variant of random.shuffled(variants)) {
    await field.enter(variant);
    for (const act of ACTS_OF[variant]) {
      times[keyOf(variant, act)] = Number(await worker.ask(`${act} ${counts[act]}`)) / counts[act];
    }
  }
  return times;
}

/** What the kernel's own clock says of each program; the sets are put. */
async function runTimes(field: Field, plan: Plan): Promise<Record<string, RunTime[]>> {
  await field.startStatistics();
  const worker = await field.worker();
  const found: Record<string, RunTime[]> = {};
  try {
    for (const variant of ['default', '10000'] as const) {
      await field.enter(variant);
      const before = await field.kernelPrograms();
      for (let round = 0; round < STATISTICS_ROUNDS; round += 1) {
        for (const act of ['open', 'write-open', 'exec', 'names'] as const) {
          await worker.ask(`${act} ${plan.counts[act]}`);
        }
      }
      found[variant] = difference(before, await field.kernelPrograms());
    }
  } finally {
    await worker.close();
  }
  return found;
}

function difference(before: readonly KernelProgram[], after: readonly KernelProgram[]): RunTime[] {
  const former = new Map(before.map((program) => [program.name, program]));
  return after.flatMap(({ name, runs, ns }) => {
    const more = runs - (former.get(name)?.runs ?? 0);
    return more > 0 ? { name, runs: more, ns: ns - (former.get(name)?.ns ?? 0) } : [];
  });
}
