import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Compiles the acts into a folder: static, so that they run in an empty image. */
export function buildActs(sources: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of ['act', 'files', 'launch']) {
    const flags = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror', '-static', '-pthread'];
    execFileSync('cc', [...flags, '-o', join(folder, name), join(sources, `${name}.c`)]);
  }
}
