// Boots Debian's kernels under QEMU (no KVM needed) and runs the kernel cases in them: each kernel
// with bpf among its LSMs (backend lsm) and without (backend fmod_ret). The compiled tests and the
// host's own root, read-only, are what the guest sees.
// Usage: node test/vm/run.mjs [KERNEL [BACKEND]]   for example 6.12 lsm
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeInitramfs } from './initramfs.mjs';
import { KERNELS, kernelFolder, kernelsPresent } from './kernels.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const LIMIT_MS = 5 * 60_000;
const BACKENDS = { lsm: 'lockdown,yama,bpf', fmod_ret: 'lockdown,yama' };

/** Resolves to {passed, failed}; a guest that dies early has one failure more. */
function boot(kernel, backend, work, acts) {
  const folder = kernelFolder(kernel.name);
  const initramfs = join(work, `${kernel.name}-${backend}.cpio.gz`);
  const guest = `${ROOT}/dist/test/vm/guest.js`;
  writeFileSync(
    initramfs,
    makeInitramfs({
      busybox: '/bin/busybox',
      modules: kernel.modules.map((name) => ({
        name,
        path: join(folder, 'modules', `${name}.ko`),
      })),
      command: `${process.execPath} ${guest} ${acts} ${backend}`,
    }),
  );
  const args = [
    ...['-accel', 'tcg', '-cpu', 'max', '-smp', '2', '-m', '2048'],
    ...['-nographic', '-no-reboot', '-nic', 'none', '-monitor', 'none', '-serial', 'stdio'],
    ...['-kernel', join(folder, 'vmlinuz'), '-initrd', initramfs],
    ...['-append', `console=ttyS0 quiet panic=-1 lsm=${BACKENDS[backend]}`],
    '-virtfs',
    'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap',
  ];
  const label = `${kernel.name} ${backend}`;
  return new Promise((resolve, reject) => {
    const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const counts = { passed: 0, failed: 0 };
    const last = [];
    let ended;
    let cases;
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    createInterface({ input: child.stdout }).on('line', (raw) => {
      const line = raw.replaceAll('\r', '');
      last.push(line);
      if (last.length > 30) last.shift();
      if (line.startsWith('ok ')) {
        counts.passed += 1;
        console.log(`ok ${label}: ${line.slice(3)}`);
      } else if (line.startsWith('not ok ')) {
        counts.failed += 1;
        console.log(`not ok ${label}: ${line.slice(7)}`);
      }
      ended ??= /guest: ended with (\d+)/.exec(line)?.[1];
      cases ??= /^cases: (\d+)/.exec(line)?.[1];
    });
    child.stderr.on('data', (chunk) => last.push(String(chunk)));
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      if (ended !== '0' || Number(cases) !== counts.passed + counts.failed) {
        counts.failed += 1;
        const told = `${counts.passed + counts.failed - 1} of ${cases ?? '?'} cases told`;
        console.log(`not ok ${label}: the guest ended with ${ended ?? 'no word'}, ${told}`);
        console.log(last.map((line) => `    | ${line}`).join('\n'));
      }
      resolve(counts);
    });
  });
}

const [onlyKernel, onlyBackend] = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
if (!kernelsPresent() || !existsSync('/usr/bin/qemu-system-x86_64')) {
  console.log('skipped: needs QEMU and kernels, which npm run setup -- --test brings');
  total.skipped = KERNELS.length * Object.keys(BACKENDS).length;
} else {
  const work = mkdtempSync(join(tmpdir(), 'bulkhead-vm-'));
  // Not below /run, which is the guest's own.
  const acts = `${ROOT}/.bulkhead/cache/acts-${process.pid}`;
  try {
    // Compiled beside the guest, which needs the build anyway.
    const { buildActs } = await import(`${ROOT}/dist/test/kernel/acts.js`);
    buildActs(`${ROOT}/test/kernel/acts`, acts);
    for (const kernel of KERNELS) {
      if (onlyKernel && kernel.name !== onlyKernel) continue;
      for (const backend of Object.keys(BACKENDS)) {
        if (onlyBackend && backend !== onlyBackend) continue;
        const { passed, failed } = await boot(kernel, backend, work, acts);
        total.passed += passed;
        total.failed += failed;
      }
    }
  } finally {
    rmSync(work, { recursive: true });
    rmSync(acts, { recursive: true, force: true });
  }
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
