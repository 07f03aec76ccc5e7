import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TargetVolume } from '../../../proto/ts/policy/event.js';
import type { ExecutableOrigin } from '../../../proto/ts/policy/model.js';

/*
 * A container of folders in which acts are carried out, and who acts in it. Paths are bytes: a
 * character of a string stands for one.
 */

/** Who acts: a process that lives as long as the container, and whose children act. */
export interface Worker {
  /** Where its program lies; '' is only in memory. */
  readonly source: string;
  readonly executable: string;
  readonly origin: ExecutableOrigin;
  readonly userId: number;
  readonly capabilities: bigint;
  readonly interactive: boolean;
  /** A root of its own below the container's: no path says so. */
  readonly isJailed: boolean;
}

export interface Place {
  readonly folder: string;
  /** Between two of them nothing can be renamed or linked. */
  readonly mount: string;
  readonly origin: ExecutableOrigin;
  readonly volume: TargetVolume;
  readonly weight: number;
}

/** What must be there before an act. */
export interface Subject {
  readonly path: string;
  readonly content: 'text' | 'tool' | 'script' | 'directory' | 'folder' | 'symlink' | 'link';
  readonly mode: number;
  readonly owner: number;
  /** symlink: what it says; link: the file; script: the interpreter. */
  readonly to: string;
  /** Opened for writing: no longer the image's. */
  readonly isTouched: boolean;
}

/** The one that starts the workers, and adopts some of those who act. */
export const MAIN = '/bin/main';
export const PAYLOAD = '/memfd:payload';
export const SPARE = '/memfd:spare';
/** Each mounted alone; the second is executable. */
export const BOUND_TEXT = '/etc/bound.conf';
export const BOUND_TOOL = '/etc/bound.so';
export const INTERPRETERS = [
  { path: '/bin/tool', origin: 'image' },
  { path: '/tmp/interpreter', origin: 'writable' },
] as const;

const onRoot = { mount: 'root', origin: 'writable', volume: 'none' } as const;
const onVolume = { origin: 'volume', volume: 'directory' } as const;
export const PLACES: readonly Place[] = [
  { ...onRoot, folder: '/opt/app', origin: 'image', weight: 5 },
  { ...onRoot, folder: '/tmp/work', weight: 5 },
  { ...onRoot, folder: `/srv${'/d'.repeat(50)}`, weight: 1 },
  // More components and more bytes than the kernel's walk resolves.
  { ...onRoot, folder: `/srv${'/e'.repeat(90)}`, weight: 0.4 },
  { ...onRoot, folder: `/srv${`/${'long'.repeat(50)}`.repeat(5)}/end/of/it`, weight: 0.4 },
  { ...onVolume, folder: '/data/lib', mount: 'data', weight: 3 },
  { ...onVolume, folder: '/data/nested/inner', mount: 'inner', weight: 1 },
];

const CAP_CHOWN = 1n << 0n;
const CAP_DAC_OVERRIDE = 1n << 1n;
const CAP_KILL = 1n << 5n;
const CAP_NET_RAW = 1n << 13n;

/** What root may: the bounding set of whoever starts the container. */
function allCapabilities(): bigint {
  const status = readFileSync('/proc/self/status', 'utf8');
  return BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(status)?.[1]}`);
}

export function workersOf(): Worker[] {
  const root = { userId: 0, capabilities: allCapabilities(), interactive: false, isJailed: false };
  const user = { ...root, capabilities: 0n };
  const worker = (executable: string, origin: ExecutableOrigin, who: typeof root): Worker => ({
    ...who,
    source: executable,
    executable,
    origin,
  });
  return [
    worker('/bin/worker', 'image', root),
    worker('/opt/tools/worker.so', 'image', { ...root, interactive: true }),
    worker('/tmp/worker', 'writable', { ...user, userId: 1000 }),
    worker('/data/bin/worker', 'volume', {
      ...user,
      userId: 1001,
      interactive: true,
      capabilities: CAP_CHOWN | CAP_NET_RAW,
    }),
    {
      ...worker('/memfd:worker', 'memory', { ...root, capabilities: CAP_DAC_OVERRIDE | CAP_KILL }),
      source: '/bin/worker',
    },
    worker(bytesOf('/srv/naïve folder/a-worker-of-a-long-name'), 'writable', {
      ...user,
      userId: 70_000,
      isJailed: true,
    }),
  ];
}

/** Text as the bytes that stand for it. */
export function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** undefined: it is longer than the kernel's walk resolves. No path here comes near the limits. */
export function tellable(path: string): string | undefined {
  return path.length > 1024 || path.split('/').length > 80 ? undefined : path;
}

/** The container's tree: an overlay with volumes in it. Whoever opens it closes it. */
export class World {
  readonly root: string;
  readonly #image: string;
  readonly #volume: string;
  readonly #mounts: string[] = [];
  readonly #folders = new Set<string>();

  /** `directory`: an empty one, with the acts differential and tool below `acts`. */
  constructor(directory: string, acts: string, subjects: readonly Subject[]) {
    this.root = join(directory, 'root');
    this.#image = join(directory, 'image');
    this.#volume = join(directory, 'volume');
    for (const name of ['root', 'image', 'volume', 'upper', 'work']) {
      mkdirSync(join(directory, name), { recursive: true });
    }
    try {
      this.#build(directory, acts, subjects);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const target of this.#mounts.reverse()) execFileSync('umount', [target]);
  }

  #build(directory: string, acts: string, subjects: readonly Subject[]): void {
    const image = this.#image;
    const isOfImage = ({ path }: Subject): boolean => path.startsWith('/opt/');
    for (const folder of ['/etc', '/pts', '/jail', '/data']) this.#folder(image, folder);
    for (const path of [BOUND_TEXT, BOUND_TOOL]) writeFileSync(join(image, path), '');
    this.#addPrograms(image, acts, (origin) => origin === 'image');
    for (const subject of subjects.filter(isOfImage)) this.#make(image, subject);
    const at = (name: string): string => join(directory, name);
    const layers = `lowerdir=${image},upperdir=${at('upper')},workdir=${at('work')}`;
    this.#mount(['-t', 'overlay', '-o', layers, 'overlay'], this.root);
    this.#addVolumes(acts);
    this.#addPrograms(this.root, acts, (origin) => origin !== 'image');
    for (const { folder } of PLACES) this.#folder(this.root, folder);
    for (const subject of subjects) {
      const file = fileAt(this.root, subject.path);
      if (!isOfImage(subject)) this.#make(this.root, subject);
      // So that an open with O_CREAT finds it in the cache: known limits of bpf/README.md.
      else lstatSync(file);
      if (subject.isTouched) closeSync(openSync(file, 'r+'));
    }
  }

  #addPrograms(base: string, acts: string, fits: (origin: ExecutableOrigin) => boolean): void {
    const workers = workersOf().filter(({ source, executable }) => source === executable);
    const programs = [
      { name: 'differential', path: MAIN, origin: 'image' as const },
      ...workers.map(({ source, origin }) => ({ name: 'differential', path: source, origin })),
      ...INTERPRETERS.map((interpreter) => ({ name: 'tool', ...interpreter })),
    ];
    for (const { name, path } of programs.filter(({ origin }) => fits(origin))) {
      this.#folder(base, path.slice(0, path.lastIndexOf('/')));
      copyFileSync(join(acts, name), fileAt(base, path));
    }
  }

  #addVolumes(acts: string): void {
    const data = join(this.root, 'data');
    const tmpfs = ['-t', 'tmpfs', 'tmpfs'];
    this.#mount(tmpfs, data);
    this.#folder(this.root, '/data/nested/inner');
    this.#mount(tmpfs, join(data, 'nested/inner'));
    this.#mount(tmpfs, this.#volume);
    for (const [path, name, mode] of [
      [BOUND_TEXT, 'text', 0o666],
      [BOUND_TOOL, 'tool', 0o777],
    ] as const) {
      const source = join(this.#volume, name);
      copyFileSync(join(acts, 'tool'), source);
      chmodSync(source, mode);
      this.#mount(['--bind', source], join(this.root, path));
    }
  }

  #mount(words: readonly string[], target: string): void {
    execFileSync('mount', [...words, target]);
    this.#mounts.push(target);
  }

  /** One in which everybody may do everything. */
  #folder(base: string, path: string): void {
    if (path === '' || this.#folders.has(base + path)) return;
    this.#folder(base, path.slice(0, path.lastIndexOf('/')));
    const folder = fileAt(base, path);
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    this.#folders.add(base + path);
  }

  #make(base: string, { path, content, mode, owner, to }: Subject): void {
    this.#folder(base, content === 'folder' ? path : path.slice(0, path.lastIndexOf('/')));
    if (content === 'folder') return;
    const file = fileAt(base, path);
    switch (content) {
      case 'text':
        writeFileSync(file, 'text');
        break;
      case 'tool':
        copyFileSync(join(this.#image, 'bin/tool'), file);
        break;
      case 'script':
        writeFileSync(file, `#!${to}\n`);
        break;
      case 'directory':
        mkdirSync(file);
        break;
      case 'symlink':
        symlinkSync(Buffer.from(to, 'latin1'), file);
        break;
      case 'link':
        linkSync(fileAt(base, to), file);
        break;
    }
    if (content !== 'symlink') chmodSync(file, mode);
    lchownSync(file, owner, owner);
  }
}

function fileAt(base: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(base), Buffer.from(path, 'latin1')]);
}
