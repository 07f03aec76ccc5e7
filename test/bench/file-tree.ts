import type { Random } from '../fuzz/random.js';

const TOPS = [
  ...['usr', 'etc', 'var', 'opt', 'home', 'srv', 'lib', 'app', 'data', 'run', 'root', 'mnt'],
];
const WORDS = [
  ...['bin', 'sbin', 'lib', 'share', 'local', 'log', 'cache', 'spool', 'conf', 'ssl', 'certs'],
  ...['keys', 'nginx', 'postgres', 'redis', 'kafka', 'python3', 'node_modules', 'ruby', 'java'],
  ...['tomcat', 'systemd', 'cron', 'apt', 'dpkg', 'docker', 'containerd', 'kubelet', 'secrets'],
  ...['tokens', 'www', 'static', 'public', 'plugins', 'themes', 'uploads', 'backup', 'archive'],
  ...['current', 'releases', 'worker', 'server', 'client', 'agent', 'proxy', 'metrics'],
  ...['queue', 'index', 'search', 'auth'],
];
const EXTENSIONS = [
  ...['conf', 'log', 'sh', 'py', 'so', 'pem', 'json', 'yaml', 'tmp', 'jar', 'php', 'db'],
];
/** A path of the kernel in the benchmark. */
export const PATH_BYTES = 100;

/** Folders and names as they stand in images: few parents, many children. */
export class FileTree {
  readonly #random: Random;
  readonly #folders: readonly string[];

  constructor(random: Random, folders: number) {
    this.#random = random;
    const all = new Set<string>();
    while (all.size < folders) {
      const parent = all.size > 5 && random.chance(0.6) ? random.pick([...all]) : undefined;
      const folder = `${parent ?? `/${random.pick(TOPS)}`}/${this.#word()}`;
      if (folder.length < 60) all.add(folder);
    }
    this.#folders = [...all];
  }

  folder(): string {
    return this.#random.pick(this.#folders);
  }

  /** Of a file, without a `/`. */
  name(): string {
    return `${this.#random.pick(WORDS)}-${this.#word()}${this.#random.below(1000)}`;
  }

  extension(): string {
    if (this.#random.chance(0.2)) return this.#random.pick(EXTENSIONS);
    return this.letters(this.#random.between(2, 4));
  }

  letters(count: number): string {
    const letter = () => String.fromCharCode(0x61 + this.#random.below(26));
    return this.#random.times(count, letter).join('');
  }

  /** What stands between two ends of a path, so that all of it has PATH_BYTES. undefined: no room. */
  filled(before: string, after: string, slashes: boolean): string | undefined {
    const size = PATH_BYTES - before.length - after.length;
    if (size < 1) return undefined;
    let between = this.letters(1);
    while (between.length < size) {
      const slash = slashes && !between.endsWith('/') && this.#random.chance(0.3);
      between += slash ? '/' : this.#word();
    }
    return `${before}${between.slice(0, size - 1).replace(/\/$/, 'x')}x${after}`;
  }

  #word(): string {
    const word = this.#random.pick(WORDS);
    return this.#random.chance(0.3) ? `${word}${this.#random.below(100)}` : word;
  }
}
