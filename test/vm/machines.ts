import { join } from 'node:path';
import type { ExecBackend } from '../../node-agent/native/native.js';
import { ROOT } from '../support/root.js';

/** What boot.mjs and kernels.mjs have, for TypeScript: they are plain JavaScript, as they run unbuilt. */
interface VirtualMachines {
  readonly BACKENDS: readonly ExecBackend[];
  machinesPresent(): boolean;
  bootGuest(
    options: Omit<GuestOptions, 'kernel'> & { readonly kernel: unknown },
  ): Promise<{ ended: string | undefined; last: readonly string[] }>;
}

export interface GuestOptions {
  /** By its name. */
  readonly kernel: string;
  readonly backend: string;
  /** The guest's initramfs goes here. */
  readonly work: string;
  readonly command: string;
  readonly limitMs: number;
  readonly signal?: AbortSignal;
  readonly onLine: (line: string) => void;
}

const boot = (await import(join(ROOT, 'test/vm/boot.mjs'))) as VirtualMachines;
const { KERNELS } = (await import(join(ROOT, 'test/vm/kernels.mjs'))) as {
  KERNELS: readonly { readonly name: string }[];
};

export const { BACKENDS, machinesPresent } = boot;
export const KERNEL_NAMES: readonly string[] = KERNELS.map(({ name }) => name);

/** Resolves when the command has ended well. @throws where it has not, with the guest's last lines */
export async function runInGuest({ kernel, ...options }: GuestOptions): Promise<void> {
  const { ended, last } = await boot.bootGuest({
    ...options,
    kernel: KERNELS.find(({ name }) => name === kernel),
  });
  options.signal?.throwIfAborted();
  if (ended !== '0') {
    throw new Error(`the guest ended with ${ended ?? 'no word'}\n${last.join('\n')}`);
  }
}
