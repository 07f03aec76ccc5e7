import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const FLAGS = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-static'];
/** Without a libc: some hundred bytes of code. */
const SMALL = [
  '-Os',
  '-nostdlib',
  '-ffreestanding',
  '-fno-stack-protector',
  '-Wl,-z,noseparate-code',
];

/** Compiles the acts into a folder: static, so that they run in an empty image. */
export function buildActs(sources: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const build = (name: string, ...flags: string[]): void => {
    const words = [...FLAGS, ...flags, '-o', join(folder, name), join(sources, `${name}.c`)];
    execFileSync('cc', words);
  };
  for (const name of ['act', 'files', 'launch', 'differential']) build(name, '-O1', '-pthread');
  build('tool', ...SMALL);
}
