import { execFile } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parseMountInfo } from './containers/cgroup-tree.js';

const run = promisify(execFile);
/** BPF_FS_MAGIC of linux/magic.h */
const BPF_FS_MAGIC = 0xcafe4a11;
const SYSTEM_BPFFS = '/sys/fs/bpf';
/** On a bpffs of our own, which is not empty from the start: the kernel puts two files there. */
const PINS = 'pins';

/**
 * Where in the folder programs are pinned: the folder itself if it is (or will be) on a bpffs, else
 * below a bpffs that is mounted on it.
 */
export async function ensureBpffs(directory: string): Promise<string> {
  const nearest = existsSync(directory) ? directory : dirname(directory);
  if (existsSync(nearest) && statfsSync(nearest).type === BPF_FS_MAGIC) {
    return (await isMountPoint(directory)) ? join(directory, PINS) : directory;
  }
  // In sysfs no folder can be made: the bpffs belongs on the one that the kernel has for it.
  const inSysfs = dirname(directory) === SYSTEM_BPFFS;
  const mountPoint = inSysfs ? SYSTEM_BPFFS : directory;
  if (!inSysfs) await mkdir(directory, { recursive: true, mode: 0o700 });
  await run('mount', ['-t', 'bpf', '-o', 'mode=0700', 'bpf', mountPoint]);
  return inSysfs ? directory : join(directory, PINS);
}

/** Where programs would be pinned, without mounting; undefined: nothing can be pinned there. */
export async function findPins(directory: string): Promise<string | undefined> {
  if (!existsSync(directory) || statfsSync(directory).type !== BPF_FS_MAGIC) return undefined;
  return (await isMountPoint(directory)) ? join(directory, PINS) : directory;
}

/**
 * Takes away a bpffs that ensureBpffs mounted; one of the system is left, and so is one on which
 * something is pinned: another agent's, which would end with it.
 */
export async function removeBpffs(directory: string): Promise<void> {
  if (directory === SYSTEM_BPFFS || !(await isMountPoint(directory))) return;
  if (existsSync(join(directory, PINS))) return;
  await run('umount', [directory]);
  await rmdir(directory);
}

async function isMountPoint(directory: string): Promise<boolean> {
  const mounts = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
  return mounts.some(({ mountPoint }) => mountPoint === directory);
}
