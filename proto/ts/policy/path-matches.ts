import { buildAutomaton } from './automaton/build.js';
import { AutomatonWalk } from './automaton/walk.js';
import type { PathBytes, PolicyEvent } from './event.js';

/** Which lists of path patterns match a path. */
export interface PathMatch {
  /** false: the path could not be read. */
  known: boolean;
  /** A bit for each list. */
  readonly lists: Uint32Array;
}

/** The paths of one event. */
export interface PathMatches {
  readonly executable: PathMatch;
  readonly parentExecutable: PathMatch;
  readonly target: PathMatch;
}

/** Longer paths are undecided; what the kernel resolves is shorter. */
const MAX_PATH_BYTES = 4096;

/** Walks the paths of events; one event at a time, since its buffers are kept between them. */
export class PathReader {
  readonly #walk: AutomatonWalk;
  readonly #encoder = new TextEncoder();
  readonly #buffer = new Uint8Array(MAX_PATH_BYTES + 1);
  readonly #matches: PathMatches;

  /** @throws AutomatonTooLarge */
  constructor(pathLists: readonly (readonly string[])[]) {
    this.#walk = new AutomatonWalk(buildAutomaton(pathLists, 'path'));
    const newMatch = (): PathMatch => ({
      known: false,
      lists: new Uint32Array(this.#walk.matched.length),
    });
    this.#matches = { executable: newMatch(), parentExecutable: newMatch(), target: newMatch() };
  }

  /** Of the event, until the next call; only those paths that `uses` names. */
  read(event: PolicyEvent, uses: { readonly [Path in keyof PathMatches]: boolean }): PathMatches {
    const matches = this.#matches;
    if (uses.executable) this.#match(event.executable, matches.executable);
    if (uses.parentExecutable) this.#match(event.parentExecutable, matches.parentExecutable);
    if (uses.target) this.#match(event.targetPath, matches.target);
    return matches;
  }

  #match(path: PathBytes | undefined, match: PathMatch): void {
    match.known = false;
    if (path === undefined) return;
    let bytes: Uint8Array = this.#buffer;
    let length: number;
    if (typeof path === 'string') {
      const { read, written } = this.#encoder.encodeInto(path, this.#buffer);
      if (read < path.length) return;
      length = written;
    } else {
      bytes = path;
      length = path.length;
    }
    if (length > MAX_PATH_BYTES) return;
    this.#walk.run(bytes, length);
    match.lists.set(this.#walk.matched);
    match.known = true;
  }
}
