import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Measured } from './measured.js';
import { ROOT } from './programs.js';

/** Where the hooks can deny: not on every machine that runs the benchmark. Two of the four, for time. */
export const MACHINES = [
  { kernel: '6.12', backend: 'lsm' },
  { kernel: '6.1', backend: 'fmod_ret' },
] as const;
export type Machine = (typeof MACHINES)[number];

/** The parts of test/vm/boot.mjs and kernels.mjs that are used: plain JavaScript, as they run unbuilt. */
interface VirtualMachines {
  machinesPresent(): boolean;
  bootGuest(options: {
    readonly kernel: unknown;
    readonly backend: string;
    readonly work: string;
    readonly command: string;
    readonly limitMs: number;
    readonly bootOptions: readonly string[];
    readonly onLine: (line: string) => void;
  }): Promise<{ ended: string | undefined; last: readonly string[] }>;
}

const MARK = 'measured: ';
const LIMIT_MS = 10 * 60_000;
/** As test/attack/places.ts says. */
const BOOT_OPTIONS = ['cgroup_disable=cpuset,memory'];

const machines = (await import(join(ROOT, 'test/vm/boot.mjs'))) as VirtualMachines;
const { KERNELS } = (await import(join(ROOT, 'test/vm/kernels.mjs'))) as {
  KERNELS: readonly { readonly name: string }[];
};

export const machinesPresent = (): boolean => machines.machinesPresent();

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
    const { ended, last } = await machines.bootGuest({
      ...{ work, backend, limitMs: LIMIT_MS, bootOptions: BOOT_OPTIONS },
      kernel: KERNELS.find(({ name }) => name === kernel),
      command: `${process.execPath} ${join(ROOT, 'dist/test/bench/hooks/guest.js')} ${programs} ${seed}`,
      onLine(line) {
        if (line.startsWith(MARK)) measured = JSON.parse(line.slice(MARK.length));
      },
    });
    if (ended === '0' && measured) return measured;
    throw new Error(`the guest ended with ${ended ?? 'no word'}\n${last.join('\n')}`);
  } finally {
    rmSync(work, { recursive: true });
  }
}
