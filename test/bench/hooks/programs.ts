import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { buildActs } from '../../kernel/acts.js';
import { ROOT } from '../../support/root.js';

export const IMAGE_PROGRAMS = ['nothing', 'worker'] as const;

/** Compiles what the benchmark runs into a folder. */
export function buildPrograms(folder: string): void {
  buildActs(join(ROOT, 'test/kernel/acts'), folder);
  for (const name of [...IMAGE_PROGRAMS, 'bpf-programs']) {
    const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-static'];
    const source = join(ROOT, 'test/bench/programs', `${name}.c`);
    execFileSync('cc', [...flags, '-o', join(folder, name), source]);
  }
}
