import type { TargetVolume } from '../../../proto/ts/policy/event.js';
import type { ExecutableOrigin } from '../../../proto/ts/policy/model.js';
import type { Random } from '../../fuzz/random.js';
import { bytesOf, PLACES, type Place, type Subject } from './world.js';

/** A file that is there before an act, or that it makes. */
export interface File {
  readonly path: string;
  readonly place: Place;
  readonly volume: TargetVolume;
  readonly mode: number;
  readonly origin: ExecutableOrigin;
}

const NAMES = [
  ...['tool', 'sh', 'curl', 'libx.so', 'data', 'config.yaml', 'with space', '.hidden'],
  ...['a-name-of-fifteen', 'fifteen-letters', '[x]*?', '{b,c}', 'back\\slash', 'a\nb'],
  ...['naïve', '\u65e5\u672c'].map(bytesOf),
  'bytes\xff\xfe',
];
const FOLDERS = ['lib', 'bin', 'x', '.d', bytesOf('ö'), 'lib/deep/er'];
export const PLAIN_MODES = [0o644, 0o600, 0o666];
export const EXECUTABLE_MODES = [0o755, 0o700, 0o711, 0o744];

/** Draws files, each under a path of its own; what of them must be there gathers in `subjects`. */
export class SubjectMaker {
  readonly subjects: Subject[] = [];
  /** Whose the next ones are. */
  owner = 0;
  readonly #random: Random;
  readonly #folder: string;
  readonly #taken = new Set<string>();

  /** `folder`: its name in every place. */
  constructor(random: Random, folder: string) {
    this.#random = random;
    this.#folder = folder;
  }

  place(fits: (place: Place) => boolean = () => true): Place {
    return weighted(this.#random, PLACES.filter(fits));
  }

  /** One where a file of the other can be renamed to. */
  neighbour({ mount }: Place): Place {
    return this.place((place) => place.mount === mount);
  }

  /** One that is not there, in a folder that is. */
  absent(place: Place = this.place(), mode = 0): File {
    const { origin, volume } = place;
    return { path: this.#fresh(place), place, volume, mode, origin };
  }

  text(place?: Place): File {
    return this.#present('text', this.#random.pick(PLAIN_MODES), place);
  }

  tool(place?: Place): File {
    return this.#present('tool', this.#random.pick(EXECUTABLE_MODES), place);
  }

  textOrTool(place?: Place): File {
    return this.#random.chance(0.6) ? this.text(place) : this.tool(place);
  }

  script(interpreter: string): File {
    return this.#present('script', this.#random.pick([0o755, 0o555]), undefined, interpreter);
  }

  folder(place?: Place): File {
    return this.#present('directory', 0o777, place);
  }

  /** To nowhere. Its mode bits say nothing: it is no executable. */
  symlink(): File {
    return { ...this.#present('symlink', 0o777, undefined, 'nowhere'), mode: 0 };
  }

  /** The second name of a tool. */
  hardLink(): File {
    const place = this.place(({ origin }) => origin !== 'image');
    const file = this.tool(place);
    return this.#present('link', file.mode, place, file.path);
  }

  /** A path to a file: its own, or that of a symlink to it. */
  pathTo({ path }: { readonly path: string }): string {
    if (this.#random.chance(0.8)) return path;
    const link = `${path}.lnk`;
    this.#push(link, 'symlink', 0o777, path.slice(path.lastIndexOf('/') + 1));
    return link;
  }

  #present(content: Subject['content'], mode: number, place = this.place(), to = ''): File {
    const file = this.absent(place, mode);
    const isOfImage = place.origin === 'image' && ['text', 'tool', 'script'].includes(content);
    const isTouched = isOfImage && this.#random.chance(0.3);
    this.#push(file.path, content, mode, to, isTouched);
    return isTouched ? { ...file, origin: 'writable' } : file;
  }

  #push(path: string, content: Subject['content'], mode: number, to = '', isTouched = false): void {
    this.subjects.push({ path, content, mode, owner: this.owner, to, isTouched });
  }

  #fresh({ folder }: Place): string {
    const random = this.#random;
    for (;;) {
      const name = random.pick(NAMES) + random.pick(['', '', '', '.so', '.txt']);
      const parent = `${folder}/${this.#folder}/${random.pick(FOLDERS)}`;
      const path = `${parent}/${name}`;
      if (this.#taken.has(path)) continue;
      this.#taken.add(path);
      if (!this.#taken.has(parent)) this.#push(parent, 'folder', 0o777);
      this.#taken.add(parent);
      return path;
    }
  }
}

export function weighted<T extends { readonly weight: number }>(
  random: Random,
  list: readonly T[],
): T {
  let left = random.next() * list.reduce((sum, { weight }) => sum + weight, 0);
  for (const one of list) {
    left -= one.weight;
    if (left < 0) return one;
  }
  return random.pick(list);
}
