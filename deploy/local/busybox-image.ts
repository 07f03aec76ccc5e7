import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface BusyboxImageOptions {
  /** A statically linked busybox. */
  readonly busyboxPath: string;
  /** registry/path:tag that the archive names its image. */
  readonly reference: string;
  /** Made for the work and removed again. */
  readonly workDirectory: string;
  /** Where the archive is written. */
  readonly archivePath: string;
}

/** The image's own command: keeps a pod's sandbox alive, reaps nothing, ends by SIGKILL. */
const IDLE_COMMAND = ['/bin/tail', '-f', '/dev/null'];

/**
 * Writes a container image (a docker archive of one layer) that holds busybox, a link for each of
 * its applets and the folders that a runtime mounts over. Needs `tar`.
 */
export async function buildBusyboxImage(options: BusyboxImageOptions): Promise<void> {
  const { workDirectory } = options;
  await rm(workDirectory, { recursive: true, force: true });
  try {
    const root = join(workDirectory, 'root');
    await fillRoot(root, options.busyboxPath);
    const archive = join(workDirectory, 'archive');
    await mkdir(archive, { recursive: true });
    await pack(root, join(archive, 'layer.tar'));
    const layer = await readFile(join(archive, 'layer.tar'));
    const config = JSON.stringify(imageConfig(layer));
    const configName = `${sha256(Buffer.from(config))}.json`;
    await writeFile(join(archive, configName), config);
    const manifest = [{ Config: configName, RepoTags: [options.reference], Layers: ['layer.tar'] }];
    await writeFile(join(archive, 'manifest.json'), JSON.stringify(manifest));
    await pack(archive, options.archivePath);
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

async function fillRoot(root: string, busyboxPath: string): Promise<void> {
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'var']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  const busybox = join(root, 'bin/busybox');
  await copyFile(busyboxPath, busybox);
  await chmod(busybox, 0o755);
  const { stdout } = await run(busyboxPath, ['--list']);
  for (const applet of stdout.split('\n')) {
    if (applet && applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
  }
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
}

function imageConfig(layer: Uint8Array): object {
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: { Entrypoint: IDLE_COMMAND, Env: ['PATH=/bin'], WorkingDir: '/' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'busybox' }],
  };
}

/** Fixed order, times and owners: the same busybox gives the same image digest. */
async function pack(directory: string, target: string): Promise<void> {
  await run('tar', [
    '--create',
    `--file=${target}`,
    `--directory=${directory}`,
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '.',
  ]);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
