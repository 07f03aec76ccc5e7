import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const APPLETS = [
  ...[
    'awk',
    'cat',
    'chmod',
    'cp',
    'date',
    'echo',
    'env',
    'false',
    'find',
    'grep',
    'hostname',
    'id',
  ],
  ...[
    'ln',
    'ls',
    'mkdir',
    'mv',
    'pwd',
    'rm',
    'sed',
    'seq',
    'sh',
    'sha256sum',
    'sort',
    'tail',
    'tar',
  ],
  ...['true', 'uname', 'uniq', 'wc', 'xargs', 'gzip'],
];
const FOLDERS = [
  ...['attack', 'bin', 'cgroup', 'dev', 'empty', 'etc/protected', 'mnt', 'opt', 'proc', 'proof'],
  ...['sys', 'tmp', 'volume'],
];
const WARNINGS = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE'];
/** Folder of programs/, options of its compiler, end of the name of what comes out. */
const KINDS = [
  { folder: 'static', options: ['-static', '-pthread', '-s'], end: '' },
  { folder: 'dynamic', options: ['-s'], end: '' },
  { folder: 'library', options: ['-fPIC', '-shared', '-s'], end: '.so' },
] as const;

/** What the image needs of this machine, and is not there. */
export function missingTools(): string[] {
  return ['cc', 'ldd', 'busybox', 'tar', 'runc'].filter((tool) => {
    try {
      execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' });
      return false;
    } catch {
      return true;
    }
  });
}

/** Makes the root of every container in a folder that does not exist yet: busybox, the programs, libc. */
export async function buildImage(programs: string, image: string): Promise<void> {
  for (const folder of FOLDERS) mkdirSync(join(image, folder), { recursive: true });
  for (const folder of ['tmp', 'proof']) chmodSync(join(image, folder), 0o1777);
  copyFileSync(realpathSync(whereIs('busybox')), join(image, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(image, 'bin', applet));
  cpSync(join(programs, 'image'), join(image, 'attack'), { recursive: true });
  for (const file of readdirSync(join(programs, 'image'))) {
    chmodSync(join(image, 'attack', file), 0o755);
  }
  await compileAll(programs, join(image, 'attack'));
  copyLibraries(join(image, 'attack/plugins'), image);
  symlinkSync('victim', join(image, 'attack/victim-link'));
  writeFileSync(join(image, 'etc/protected/secret'), 'secret\n');
  writeFileSync(join(image, 'etc/service.conf'), 'workers 1\n');
  makeArchive(image);
}

function whereIs(tool: string): string {
  return execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
}

async function compileAll(programs: string, target: string): Promise<void> {
  const waiting = KINDS.flatMap(({ folder, options, end }) =>
    readdirSync(join(programs, folder)).map((file) => [
      ...[...WARNINGS, ...options, '-I', programs, '-o'],
      join(target, `${basename(file, '.c')}${end}`),
      join(programs, folder, file),
    ]),
  );
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop())
      await promisify(execFile)('cc', next);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/** libc and its loader, where a program looks for them; the loader as /attack/loader too. */
function copyLibraries(program: string, image: string): void {
  const text = execFileSync('ldd', [program], { encoding: 'utf8' });
  for (const [, path = ''] of text.matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)) {
    const target = join(image, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(realpathSync(path), target);
    if (/^ld[-.]/.test(basename(path))) copyFileSync(target, join(image, 'attack/loader'));
  }
}

function makeArchive(image: string): void {
  const data = join(image, 'data');
  mkdirSync(data);
  for (let i = 0; i < 100; i += 1) writeFileSync(join(data, `${i}.txt`), `number ${i}\n`);
  execFileSync('tar', ['-cf', join(image, 'attack/data.tar'), '-C', image, 'data']);
}
