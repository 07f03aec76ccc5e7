import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../support/root.js';
import type { Figures } from '../figures.js';
import type { Measured } from './measured.js';

/** By kernel (`6.12`) and program: instructions that its verifier processed. */
type Instructions = Readonly<Record<string, Readonly<Record<string, number>>>>;

const FILE = join(ROOT, 'test/bench/verifier-instructions.json');
const ALLOWED_RISE_PERCENT = 10;

/** Compares with the file. Each program that rose by more than is allowed has a figure of its own. */
export function addVerifierFigures(figures: Figures, prefix: string, measured: Measured): void {
  const former = readInstructions()[kernelOf(measured)] ?? {};
  const rises = Object.entries(measured.verified).flatMap(([program, count]) => {
    const before = former[program];
    if (before !== undefined) return { program, percent: (count / before - 1) * 100 };
    figures.note(
      `${prefix}${program}: ${count} verified instructions, not in ${FILE} yet (--update)`,
    );
    return [];
  });
  const goal = { is: '<=', value: ALLOWED_RISE_PERCENT } as const;
  for (const { program, percent } of rises) {
    if (percent > goal.value) {
      figures.add(`${prefix}verifier-rise-${program}`, percent, '%', goal);
    }
  }
  const most = Math.max(...rises.map(({ percent }) => percent));
  if (rises.length > 0) figures.add(`${prefix}verifier-rise-most`, most, '%', goal);
}

/** Writes what was counted; what was not stays as it is. */
export function updateInstructions(all: readonly Measured[]): void {
  const kept = new Map(Object.entries(readInstructions()));
  for (const measured of all) {
    const kernel = kernelOf(measured);
    kept.set(kernel, sorted({ ...kept.get(kernel), ...measured.verified }));
  }
  writeFileSync(FILE, `${JSON.stringify(sorted(Object.fromEntries(kept)), undefined, 2)}\n`);
}

function kernelOf({ release }: Measured): string {
  return release.split('.').slice(0, 2).join('.');
}

function readInstructions(): Instructions {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {};
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
