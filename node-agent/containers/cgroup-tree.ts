import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A line of /proc/<pid>/mountinfo, as far as it is needed. */
export interface MountEntry {
  readonly root: string;
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** As st_dev of stat(2) gives it (gnu_dev_makedev(3)). */
  readonly device: bigint;
}

/** Parses /proc/<pid>/mountinfo (proc_pid_mountinfo(5)). Lines of another shape are passed over. */
export function parseMountInfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const [head = '', tail = ''] = line.split(' - ', 2);
    const [, , device = '', root, mountPoint] = head.split(' ');
    const [fileSystem] = tail.split(' ');
    const numbers = /^(\d+):(\d+)$/.exec(device);
    if (!numbers || root === undefined || mountPoint === undefined || !fileSystem) continue;
    entries.push({
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      fileSystem,
      device: makeDevice(BigInt(numbers[1] ?? 0), BigInt(numbers[2] ?? 0)),
    });
  }
  return entries;
}

/** Where cgroup v2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside v1 (hybrid). */
export async function findCgroupRoot(): Promise<string | undefined> {
  const mounts = parseMountInfo(await readFile('/proc/self/mountinfo', 'utf8'));
  return mounts.find((mount) => mount.fileSystem === 'cgroup2' && mount.root === '/')?.mountPoint;
}

/**
 * The v2 cgroup of a process, from the text of its /proc/<pid>/cgroup, as a path below the v2 root.
 * undefined: it has none, or it lies outside of the reader's cgroup namespace.
 */
export function cgroupPathOf(procCgroup: string): string | undefined {
  const line = procCgroup.split('\n').find((entry) => entry.startsWith('0::/'));
  const path = line?.slice('0::'.length);
  return path?.split('/').includes('..') ? undefined : path;
}

/** A v2 cgroup's id, which is the inode number of its folder. Rejects where there is no such folder. */
export async function cgroupId(directory: string): Promise<bigint> {
  return (await stat(directory, { bigint: true })).ino;
}

/** The ids of all cgroups below a folder. One that goes away meanwhile is left out. */
export async function nestedCgroupIds(directory: string): Promise<bigint[]> {
  const ids: bigint[] = [];
  const waiting = [directory];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const child of await childDirectories(next)) {
      const id = await cgroupId(child).catch(() => undefined);
      if (id === undefined) continue;
      ids.push(id);
      waiting.push(child);
    }
  }
  return ids;
}

async function childDirectories(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(directory, entry.name));
}

function makeDevice(major: bigint, minor: bigint): bigint {
  const low = ((major & 0xfffn) << 8n) | (minor & 0xffn);
  return low | ((minor & ~0xffn) << 12n) | ((major & ~0xfffn) << 32n);
}

/** mountinfo writes blanks, tabs, line ends and backslashes as octal. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
