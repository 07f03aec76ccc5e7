import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ExecBackend, probe } from '../../node-agent/native/native.js';
import { HOST, type Place, RESULT_MARK } from './place.js';
import { type Result, runSuite } from './suite.js';

export interface PlaceOptions {
  readonly image: string;
  /** Of whoever asks; the guest's initramfs goes here. */
  readonly work: string;
  readonly only: string | undefined;
  readonly onResult: (result: Result) => void;
  readonly signal: AbortSignal;
}

/** The parts of test/vm/boot.mjs and kernels.mjs that are used: plain JavaScript, as they run unbuilt. */
interface VirtualMachines {
  readonly BACKENDS: readonly ExecBackend[];
  machinesPresent(): boolean;
  bootGuest(options: {
    readonly kernel: unknown;
    readonly backend: string;
    readonly work: string;
    readonly command: string;
    readonly limitMs: number;
    readonly bootOptions: readonly string[];
    readonly signal: AbortSignal;
    readonly onLine: (line: string) => void;
  }): Promise<{ ended: string | undefined; last: readonly string[] }>;
}

export const EXEC_BACKENDS: readonly ExecBackend[] = ['lsm', 'fmod_ret', 'signal'];
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');

const HOST_LIMIT_MS = 60_000;
const GUEST_LIMIT_MS = 15 * 60_000;
/**
 * The first cgroup of these controllers, and the last one, make the kernel rewrite code of its page and
 * slab allocators (static keys). QEMU's processors, each a thread of its own, now and then keep a
 * half-written translation of it (int3), and the kernel panics.
 */
const GUEST_BOOT_OPTIONS = ['cgroup_disable=cpuset,memory'];

const machines = (await import(join(ROOT, 'test/vm/boot.mjs'))) as VirtualMachines;
const { KERNELS } = (await import(join(ROOT, 'test/vm/kernels.mjs'))) as {
  KERNELS: readonly { readonly name: string }[];
};

export const KERNEL_NAMES: readonly string[] = [HOST, ...KERNELS.map(({ name }) => name)];

/**
 * The places that fit, and a line for each that was asked for and is not to be had. Undefined: every
 * kernel; every backend that it can show as its best.
 */
export function choosePlaces(
  kernel: string | undefined,
  backend: ExecBackend | undefined,
): { places: Place[]; lacking: string[] } {
  const places: Place[] = [];
  const lacking: string[] = [];
  for (const name of KERNEL_NAMES.filter((one) => kernel === undefined || one === kernel)) {
    if (name !== HOST && !machines.machinesPresent()) {
      lacking.push(`${name}: needs QEMU and kernels, which npm run setup -- --test brings`);
      continue;
    }
    const offered = name === HOST ? EXEC_BACKENDS.filter(isOnHost) : machines.BACKENDS;
    const wanted = backend === undefined ? offered : [backend];
    for (const one of wanted) {
      if (name !== HOST || offered.includes(one)) places.push({ kernel: name, backend: one });
      else if (kernel !== undefined) lacking.push(`${name}: this kernel has no ${one}`);
    }
  }
  return { places, lacking };
}

/** Rejects where it could not be run to its end. */
export async function runPlace({ kernel, backend }: Place, options: PlaceOptions): Promise<void> {
  const { image, work, only, onResult, signal } = options;
  if (kernel === HOST) {
    await runSuite({ image, backend, only, onResult, signal, limitMs: HOST_LIMIT_MS });
    return;
  }
  const words = [process.execPath, join(ROOT, 'dist/test/attack/guest.js'), image, backend];
  const { ended, last } = await machines.bootGuest({
    ...{ work, signal, backend, limitMs: GUEST_LIMIT_MS, bootOptions: GUEST_BOOT_OPTIONS },
    kernel: KERNELS.find(({ name }) => name === kernel),
    command: [...words, ...(only === undefined ? [] : [only])].join(' '),
    onLine(line) {
      if (line.startsWith(RESULT_MARK)) onResult(JSON.parse(line.slice(RESULT_MARK.length)));
    },
  });
  signal.throwIfAborted();
  if (ended !== '0') {
    throw new Error(`the guest ended with ${ended ?? 'no word'}\n${last.join('\n')}`);
  }
}

function isOnHost(backend: ExecBackend): boolean {
  return probe({ backends: [backend] }).hooks.some(
    (status) => status.hook === 'exec' && status.backend === backend,
  );
}
