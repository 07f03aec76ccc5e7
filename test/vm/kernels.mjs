// The kernels that the agent is tested on besides this machine's: Debian's packages, unpacked into
// .bulkhead/cache/kernels, never installed. Plain JavaScript: the set-up calls it.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../.bulkhead/cache/kernels/', import.meta.url));

/**
 * Name, the metapackage that depends on the newest build, and the modules that the guest loads, in
 * this order; what a kernel has built in is not in its list.
 */
export const KERNELS = [
  {
    name: '6.1',
    metapackage: 'linux-image-amd64',
    modules: [
      ...['virtio_ring', 'virtio', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci'],
      ...['netfs', 'fscache', '9pnet', '9pnet_virtio', '9p', 'overlay'],
    ],
  },
  {
    name: '6.12',
    metapackage: 'linux-image-6.12-amd64',
    // The last one for the techniques of attack: before 6.7 it is no container's own.
    modules: ['netfs', '9pnet', '9pnet_virtio', '9p', 'overlay', 'binfmt_misc'],
  },
];

/** vmlinuz and modules/ of a kernel. */
export function kernelFolder(name) {
  return join(FOLDER, name);
}

export function kernelsPresent() {
  return KERNELS.every(isPresent);
}

/** Not where an earlier version fetched it without a module that is wanted now. */
function isPresent({ name, modules }) {
  const files = ['vmlinuz', ...modules.map((module) => `modules/${module}.ko`)];
  return files.every((file) => existsSync(join(kernelFolder(name), file)));
}

/** Fetches what is not there. Package lists must be up to date. */
export async function fetchKernels({ log }) {
  for (const kernel of KERNELS) {
    if (isPresent(kernel)) continue;
    const work = mkdtempSync(join(tmpdir(), 'bulkhead-kernel-'));
    try {
      fetchKernel(kernel, work, log);
    } finally {
      rmSync(work, { recursive: true });
    }
  }
}

function fetchKernel({ name, metapackage, modules }, work, log) {
  const depends = execFileSync('apt-cache', ['depends', metapackage], { encoding: 'utf8' });
  const found = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (!found) throw new Error(`${metapackage} depends on no kernel`);
  log(`${found}`);
  execFileSync('apt-get', ['download', '-qq', found], {
    cwd: work,
    // apt fetches as a user of its own, which may not write here; it says so and goes on as root.
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
  if (!archive) throw new Error(`${found} was not downloaded`);
  execFileSync('dpkg-deb', ['-x', archive, 'tree'], { cwd: work });
  const tree = join(work, 'tree');
  const image = readdirSync(join(tree, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  if (!image) throw new Error(`${found} has no kernel image`);
  const library = existsSync(join(tree, 'usr/lib/modules')) ? 'usr/lib/modules' : 'lib/modules';
  const target = `${kernelFolder(name)}.part`;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, 'modules'), { recursive: true });
  copyFileSync(join(tree, 'boot', image), join(target, 'vmlinuz'));
  const files = readdirSync(join(tree, library), { recursive: true }).map(String);
  for (const module of modules) {
    const wanted = new RegExp(`^${module.replaceAll('_', '[-_]')}\\.ko(\\.xz)?$`);
    const file = files.find((path) => wanted.test(basename(path)));
    if (!file) throw new Error(`${found} has no module ${module}`);
    const bytes = readFileSync(join(tree, library, file));
    const plain = file.endsWith('.xz') ? execFileSync('xz', ['-dc'], { input: bytes }) : bytes;
    writeFileSync(join(target, 'modules', `${module}.ko`), plain);
  }
  rmSync(kernelFolder(name), { recursive: true, force: true });
  renameSync(target, kernelFolder(name));
}
