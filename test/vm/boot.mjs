// Boots one of Debian's kernels under QEMU (no KVM needed), with bpf among its LSMs (backend lsm) or
// without (backend fmod_ret), and runs a command there: it sees the host's own root, read-only.
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeInitramfs } from './initramfs.mjs';
import { kernelFolder, kernelsPresent } from './kernels.mjs';

const LSMS = { lsm: 'lockdown,yama,bpf', fmod_ret: 'lockdown,yama', signal: 'lockdown,yama' };
const KEPT_LINES = 30;

/** The backends that a guest of their own shows as the best one. */
export const BACKENDS = ['lsm', 'fmod_ret'];

export function machinesPresent() {
  return kernelsPresent() && existsSync('/usr/bin/qemu-system-x86_64');
}

/**
 * Runs a shell command in a guest, in which /run is a tmpfs and nothing else is kept. Resolves to
 * {ended, last}: the command's exit code as text (undefined: the guest died, or was killed after
 * limitMs or by the signal), and the last lines of the console.
 */
export function bootGuest({ kernel, backend, work, command, onLine, limitMs, signal }) {
  const folder = kernelFolder(kernel.name);
  const initramfs = join(work, `${kernel.name}-${backend}.cpio.gz`);
  writeFileSync(
    initramfs,
    makeInitramfs({
      busybox: '/bin/busybox',
      modules: kernel.modules.map((name) => ({
        name,
        path: join(folder, 'modules', `${name}.ko`),
      })),
      command,
    }),
  );
  // A machine that is busy gives the guest its timer late, which it would take for a broken one.
  const timer = 'no_timer_check';
  const options = ['console=ttyS0', 'quiet', 'panic=-1', timer, `lsm=${LSMS[backend]}`];
  const args = [
    // A thread for each processor would be faster by little, and kernels would panic now and then: one
    // of them runs an old translation of code (int3) that the other has rewritten (static keys).
    ...['-accel', 'tcg,thread=single', '-cpu', 'max', '-smp', '2', '-m', '2048'],
    ...['-nographic', '-no-reboot', '-nic', 'none', '-monitor', 'none', '-serial', 'stdio'],
    ...['-kernel', join(folder, 'vmlinuz'), '-initrd', initramfs],
    ...['-append', options.join(' ')],
    '-virtfs',
    'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap',
  ];
  return new Promise((resolve, reject) => {
    const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const last = [];
    let ended;
    const kill = () => child.kill('SIGKILL');
    const timer = setTimeout(kill, limitMs);
    signal?.addEventListener('abort', kill);
    createInterface({ input: child.stdout }).on('line', (raw) => {
      const line = raw.replaceAll('\r', '');
      last.push(line);
      if (last.length > KEPT_LINES) last.shift();
      onLine(line);
      ended ??= /guest: ended with (\d+)/.exec(line)?.[1];
    });
    child.stderr.on('data', (chunk) => last.push(String(chunk)));
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
      resolve({ ended, last });
    });
  });
}
