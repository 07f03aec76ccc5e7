import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/**
 * The first root of a guest: busybox, the modules, and an init that puts a tmpfs over the host's own
 * root (9p, read-only) and runs a command there. Nothing that the guest writes reaches the host.
 */
export function makeInitramfs({ busybox, modules, command }) {
  const init = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /lower /upper /new
/bin/busybox mount -t devtmpfs dev /dev
exec < /dev/console > /dev/console 2>&1
set -e
export PATH=/bin
for name in sh mount mkdir insmod switch_root poweroff; do /bin/busybox ln -s busybox /bin/$name; done
mount -t proc proc /proc
mount -t sysfs sys /sys
${modules.map(({ name }) => `insmod /modules/${name}.ko`).join('\n')}
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=1048576,cache=loose host /lower
mount -t tmpfs -o size=512m tmpfs /upper
mkdir /upper/changes /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/changes,workdir=/upper/work root /new
mount -t tmpfs tmpfs /new/run
mount -t proc proc /new/proc
mount -t sysfs sys /new/sys
mount -t securityfs security /new/sys/kernel/security
mount -t cgroup2 cgroup /new/sys/fs/cgroup
mount --move /dev /new/dev
exec switch_root /new /bin/sh -c 'exec < /dev/console > /dev/console 2>&1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run
${command}
echo "guest: ended with $?"
# Waits until the line has gone out: the kernel writes into the middle of one.
stty -echo
echo o > /proc/sysrq-trigger
exec sleep 60'
`;
  const files = [
    { name: 'bin', mode: 0o040755 },
    { name: 'bin/busybox', mode: 0o100755, bytes: readFileSync(busybox) },
    { name: 'modules', mode: 0o040755 },
    ...modules.map(({ name, path }) => ({
      name: `modules/${name}.ko`,
      mode: 0o100644,
      bytes: readFileSync(path),
    })),
    { name: 'init', mode: 0o100755, bytes: Buffer.from(init) },
    { name: 'TRAILER!!!', mode: 0 },
  ];
  return gzipSync(Buffer.concat(files.map(cpioEntry)), { level: 1 });
}

/** cpio "newc" (Documentation/driver-api/early-userspace/buffer-format.rst). */
function cpioEntry({ name, mode, bytes = Buffer.alloc(0) }, index) {
  const hex = (value) => value.toString(16).padStart(8, '0');
  const fields = [index + 1, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
  const head = Buffer.from(`070701${fields.map(hex).join('')}${name}\0`);
  return Buffer.concat([padded(head), padded(bytes)]);
}

function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
