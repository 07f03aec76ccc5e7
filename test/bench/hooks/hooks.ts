import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../support/root.js';
import { machinesPresent } from '../../vm/machines.js';
import type { Figures, Goal } from '../figures.js';
import { MACHINES, type Machine, measureInMachine } from './machines.js';
import { measureHooks } from './measure-hooks.js';
import { addedNs, type Measured, type Spread, spreadOf, timeIn } from './measured.js';
import { ACTS_OF, type Act, HOST_PLAN, PATTERN_VARIANTS, VARIANTS } from './plan.js';
import { buildPrograms } from './programs.js';
import { addVerifierFigures, updateInstructions } from './verifier.js';

export interface HooksOptions {
  /** Measure in virtual machines too. */
  readonly machines: boolean;
  /** Write the verifier's counts into their file instead of comparing. */
  readonly update: boolean;
}

const NOTES = [
  'detached: no program attached; control: the same once more, which tells what the figures are worth; processes: ' +
    'those of exec, fork, exit and cgroups attached, no policy set; idle: all attached, no policy set; default: the ' +
    'default policy; 0 ... 10000: a policy set with so many path patterns',
  'times are of the processor, of worker and children together, without the thread that reads the rings; added: ' +
    'the median over turns of the difference to detached (in a virtual machine: idle) in the same turn; in brackets: ' +
    'the quartiles',
  'open, write-open: with close, of 255 files in turns, paths of 100 bytes, which match nothing; open-match: a log-only ' +
    'response fires, told once a second; exec: fork, exec, exit and wait; exec-long: the same, a path of 100 bytes',
];
const GOALS = {
  openNs: { is: '<=', value: 1 },
  ratio: { is: '<=', value: 1.1 },
  lost: { is: '<=', value: 2 },
} as const satisfies Record<string, Goal>;
/** With so few runs a mean says nothing. */
const RUNS_MIN = 50;

/** What the kernel programs cost those who are watched, on this kernel and in virtual machines. */
export async function hooksBenchmark(figures: Figures, options: HooksOptions): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('needs root');
  NOTES.forEach((note) => {
    figures.note(note);
  });
  // Not below /run, which is a guest's own.
  mkdirSync(join(ROOT, '.bulkhead'), { recursive: true });
  const programs = mkdtempSync(join(ROOT, '.bulkhead', 'bench-'));
  try {
    buildPrograms(programs);
    const all = [await measureHooks({ programs, seed: figures.seed, plan: HOST_PLAN })];
    addFigures(figures, '', all[0], options);
    for (const machine of machinesOf(figures, options)) {
      const measured = await measureInMachine(machine, programs, figures.seed);
      all.push(measured);
      addFigures(figures, `${machine.kernel}-${machine.backend}-`, measured, options);
    }
    if (options.update) updateInstructions(all);
  } finally {
    rmSync(programs, { recursive: true });
  }
}

function machinesOf(figures: Figures, { machines }: HooksOptions): readonly Machine[] {
  if (!machines) {
    figures.note('without virtual machines: --machines measures in them');
    return [];
  }
  if (machinesPresent()) return MACHINES;
  figures.note(
    'virtual machines left out: needs QEMU and kernels, which npm run setup -- --test brings',
  );
  return [];
}

function addFigures(
  figures: Figures,
  prefix: string,
  measured: Measured | undefined,
  { update }: HooksOptions,
): void {
  if (!measured) return;
  const { release, hooks, turns, disturbed } = measured;
  const backends = hooks.map(({ hook, backend }) => `${hook} ${backend}`).join(', ');
  figures.note(`${prefix}kernel ${release}: ${backends}`);
  const others = disturbed > 0 ? `; in ${disturbed} another process had programs loaded` : '';
  figures.note(`${prefix}turns ${turns.length}${others}`);
  addTimes(figures, prefix, measured);
  addRatios(figures, prefix, measured);
  addLost(figures, prefix, measured);
  for (const [variant, programs] of Object.entries(measured.runTimes)) {
    for (const { name, runs, ns } of programs) {
      if (runs >= RUNS_MIN) figures.add(`${prefix}run-time-${variant}-${name}`, ns / runs, 'ns');
    }
  }
  if (!update) addVerifierFigures(figures, prefix, measured);
}

function addTimes(figures: Figures, prefix: string, measured: Measured): void {
  const { turns, base } = measured;
  const acts = ACTS_OF[base];
  for (const act of acts) {
    addSpread(
      figures,
      `${prefix}${base}-${act}`,
      spreadOf(turns, (turn) => timeIn(turn, base, act)),
    );
  }
  for (const act of acts) {
    for (const variant of VARIANTS.filter((one) => one !== base)) {
      const isJudged = PATTERN_VARIANTS.some((one) => one === variant);
      // QEMU's times are not those of hardware.
      const goal = prefix === '' && act === 'open' && isJudged ? GOALS.openNs : undefined;
      addSpread(
        figures,
        `${prefix}added-${act}-${variant}`,
        addedNs(measured, variant, act, base),
        goal,
      );
    }
  }
}

function addSpread(figures: Figures, name: string, spread: Spread | undefined, goal?: Goal): void {
  if (!spread) return;
  const us = (ns: number): string => (ns / 1000).toFixed(3);
  figures.note(`${name} ${us(spread.middle)} us (${us(spread.low)} ... ${us(spread.high)})`);
  figures.add(name, spread.middle / 1000, 'us', goal);
}

/** Of what is added; what 10 000 patterns add to 10 is measured side by side. */
function addRatios(figures: Figures, prefix: string, measured: Measured): void {
  // In a guest an exec varies by more than patterns cost.
  const execs: readonly Act[] = measured.base === 'detached' ? ['exec-long'] : [];
  const acts: readonly Act[] = ['open', 'open-match', 'write-open', ...execs];
  for (const act of acts) {
    const few = addedNs(measured, '10', act, measured.base);
    const more = addedNs(measured, '10000', act, '10');
    if (!few || !more) continue;
    const ratio = 1 + more.middle / few.middle;
    figures.add(`${prefix}ratio-10000-to-10-${act}`, ratio, 'times', GOALS.ratio);
  }
}

function addLost(figures: Figures, prefix: string, { turns, base }: Measured): void {
  for (const variant of ['processes', 'idle', 'default'] as const) {
    const lost = spreadOf(turns, (turn) => {
      const [before, after] = [timeIn(turn, base, 'exec'), timeIn(turn, variant, 'exec')];
      return (1 - before / after) * 100;
    });
    if (!lost) continue;
    const name = `${prefix}fork-exec-lost-${variant}`;
    figures.note(
      `${name} ${lost.middle.toFixed(1)} % (${lost.low.toFixed(1)} ... ${lost.high.toFixed(1)})`,
    );
    const goal = prefix === '' && variant === 'default' ? GOALS.lost : undefined;
    figures.add(name, lost.middle, '%', goal);
  }
}
