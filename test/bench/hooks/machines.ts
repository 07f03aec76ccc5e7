import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../support/root.js';
import { runInGuest } from '../../vm/machines.js';
import type { Measured } from './measured.js';

/** Where the hooks can deny: not on every machine that runs the benchmark. Two of the four, for time. */
export const MACHINES = [
  { kernel: '6.12', backend: 'lsm' },
  { kernel: '6.1', backend: 'fmod_ret' },
] as const;
export type Machine = (typeof MACHINES)[number];

const MARK = 'measured: ';
const LIMIT_MS = 10 * 60_000;

/** Measures in a guest that runs to its end; `programs`: as buildPrograms() filled it, not below /run. */
export async function measureInMachine(
  { kernel, backend }: Machine,
  programs: string,
  seed: number,
): Promise<Measured> {
  const folder = join(ROOT, '.bulkhead');
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, 'bench-machine-'));
  let measured: Measured | undefined;
  try {
    await runInGuest({
      ...{ kernel, backend, work, limitMs: LIMIT_MS },
      command: `${process.execPath} ${join(ROOT, 'dist/test/bench/hooks/guest.js')} ${programs} ${seed}`,
      onLine(line) {
        if (line.startsWith(MARK)) measured = JSON.parse(line.slice(MARK.length));
      },
    });
    if (!measured) throw new Error('the guest ended without a word of what it measured');
    return measured;
  } finally {
    rmSync(work, { recursive: true });
  }
}
