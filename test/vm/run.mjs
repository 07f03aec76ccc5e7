// Boots Debian's kernels under QEMU (no KVM needed) and runs the kernel cases in them: each kernel
// with bpf among its LSMs (backend lsm) and without (backend fmod_ret). The compiled tests and the
// host's own root, read-only, are what the guest sees.
// Usage: node test/vm/run.mjs [KERNEL [BACKEND [CASE]]]   for example 6.12 lsm terminal; signal only if asked for
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BACKENDS, bootGuest, machinesPresent } from './boot.mjs';
import { KERNELS } from './kernels.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
/** A guest takes 1.5 min, and 5 where much else runs beside it. */
const LIMIT_MS = 25 * 60_000;
const seed = process.env.BULKHEAD_SEED;

/** Resolves to {passed, failed}; a guest that dies early has one failure more. */
async function runCases(kernel, backend, work, acts) {
  const label = `${kernel.name} ${backend}`;
  const counts = { passed: 0, failed: 0 };
  let cases;
  const { ended, last } = await bootGuest({
    kernel,
    backend,
    work,
    command: `${seed ? `BULKHEAD_SEED=${Number(seed)} ` : ''}${process.execPath} ${ROOT}/dist/test/vm/guest.js ${acts} ${backend} ${onlyCase ?? ''}`,
    limitMs: LIMIT_MS,
    onLine(line) {
      if (line.startsWith('ok ')) {
        counts.passed += 1;
        console.log(`ok ${label}: ${line.slice(3)}`);
      } else if (line.startsWith('not ok ')) {
        counts.failed += 1;
        console.log(`not ok ${label}: ${line.slice(7)}`);
      }
      cases ??= /^cases: (\d+)/.exec(line)?.[1];
    },
  });
  if (ended !== '0' || Number(cases) !== counts.passed + counts.failed) {
    counts.failed += 1;
    const told = `${counts.passed + counts.failed - 1} of ${cases ?? '?'} cases told`;
    console.log(`not ok ${label}: the guest ended with ${ended ?? 'no word'}, ${told}`);
    console.log(last.map((line) => `    | ${line}`).join('\n'));
  }
  return counts;
}

const [onlyKernel, onlyBackend, onlyCase] = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
if (!machinesPresent()) {
  console.log('skipped: needs QEMU and kernels, which npm run setup -- --test brings');
  total.skipped = KERNELS.length * BACKENDS.length;
} else {
  const work = mkdtempSync(join(tmpdir(), 'bulkhead-vm-'));
  // Not below /run, which is the guest's own.
  const acts = `${ROOT}/.bulkhead/cache/acts-${process.pid}`;
  try {
    // Compiled beside the guest, which needs the build anyway.
    const { buildActs } = await import(`${ROOT}/dist/test/kernel/acts.js`);
    buildActs(`${ROOT}/test/kernel/acts`, acts);
    const guests = KERNELS.filter(({ name }) => !onlyKernel || name === onlyKernel).flatMap(
      (kernel) => (onlyBackend ? [onlyBackend] : BACKENDS).map((backend) => ({ kernel, backend })),
    );
    const runGuests = async () => {
      for (let guest = guests.shift(); guest; guest = guests.shift()) {
        const { passed, failed } = await runCases(guest.kernel, guest.backend, work, acts);
        total.passed += passed;
        total.failed += failed;
      }
    };
    // A guest is one thread.
    await Promise.all(Array.from({ length: availableParallelism() }, runGuests));
  } finally {
    rmSync(work, { recursive: true });
    rmSync(acts, { recursive: true, force: true });
  }
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
