import { join } from 'node:path';
import { type ExecBackend, probe } from '../../node-agent/native/native.js';
import { ROOT } from '../support/root.js';
import {
  BACKENDS,
  KERNEL_NAMES as GUEST_KERNELS,
  machinesPresent,
  runInGuest,
} from '../vm/machines.js';
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

export const EXEC_BACKENDS: readonly ExecBackend[] = ['lsm', 'fmod_ret', 'signal'];

const HOST_LIMIT_MS = 60_000;
const GUEST_LIMIT_MS = 15 * 60_000;

export const KERNEL_NAMES: readonly string[] = [HOST, ...GUEST_KERNELS];

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
    if (name !== HOST && !machinesPresent()) {
      lacking.push(`${name}: needs QEMU and kernels, which npm run setup -- --test brings`);
      continue;
    }
    const offered = name === HOST ? EXEC_BACKENDS.filter(isOnHost) : BACKENDS;
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
  await runInGuest({
    ...{ kernel, backend, work, signal, limitMs: GUEST_LIMIT_MS },
    command: [...words, ...(only === undefined ? [] : [only])].join(' '),
    onLine(line) {
      if (line.startsWith(RESULT_MARK)) onResult(JSON.parse(line.slice(RESULT_MARK.length)));
    },
  });
}

function isOnHost(backend: ExecBackend): boolean {
  return probe({ backends: [backend] }).hooks.some(
    (status) => status.hook === 'exec' && status.backend === backend,
  );
}
