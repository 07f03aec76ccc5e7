import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  cgroupPathOf,
  nestedCgroupIds,
  parseMountInfo,
} from '../../../node-agent/containers/cgroup-tree.js';

const MOUNTS = String.raw`22 28 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw
38 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
93 59 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
94 93 0:4660 /a\040b /mnt/with\040blank\134 rw - overlay overlay rw,lowerdir=/a - b
half a line`;

describe('mountinfo', () => {
  it('gives the mounts, with unescaped paths', () => {
    expect(
      parseMountInfo(MOUNTS).map(({ fileSystem, root, mountPoint }) => [
        fileSystem,
        root,
        mountPoint,
      ]),
    ).toEqual([
      ['sysfs', '/', '/sys'],
      ['cgroup2', '/', '/sys/fs/cgroup/unified'],
      ['ext4', '/', '/'],
      ['overlay', '/a b', '/mnt/with blank\\'],
    ]);
  });

  it('gives devices as stat does', () => {
    const devices = parseMountInfo(MOUNTS).map(({ device }) => device);
    // gnu_dev_makedev(0, 4660): the minor number's upper bits stand above the major one.
    expect(devices).toEqual([21n, 38n, 0x801n, 0x1200034n]);
  });
});

describe('the cgroup of a process', () => {
  it('is the v2 line, also beside v1 ones', () => {
    expect(cgroupPathOf('9:name=systemd:/x\n1:cpu:/y\n0::/kubepods/c1\n')).toBe('/kubepods/c1');
    expect(cgroupPathOf('0::/\n')).toBe('/');
  });

  it('is not known outside of the own cgroup namespace or without v2', () => {
    expect(cgroupPathOf('0::/../../c1\n')).toBeUndefined();
    expect(cgroupPathOf('1:cpu:/y\n')).toBeUndefined();
    expect(cgroupPathOf('')).toBeUndefined();
  });
});

describe('nested cgroups', () => {
  it('are all below, without the folder itself', async () => {
    const root = mkdtempSync(join(tmpdir(), 'bulkhead-tree-'));
    try {
      const folders = ['a', 'a/b', 'a/b/c', 'd'].map((name) => join(root, name));
      for (const folder of folders) mkdirSync(folder);
      const ids = folders.map((folder) => statSync(folder, { bigint: true }).ino);
      expect((await nestedCgroupIds(root)).sort()).toEqual(ids.sort());
      expect(await nestedCgroupIds(join(root, 'gone'))).toEqual([]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
