import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ContainerFacts } from '../../proto/ts/policy/model.js';
import { isErrno } from '../files.js';

/** A policy set as it was told to the kernel. */
export interface StoredSet {
  readonly id: number;
  readonly table: Buffer;
  /** Encoded ResponseRefs. */
  readonly responses: readonly Buffer[];
  /** Names its path patterns, '' where it has none; the automaton itself is in the kernel alone. */
  readonly patterns: string;
  /** When nothing referred to it any more; its events may still be in a ring. */
  readonly retiredUnixMs?: number;
}

/** A container as it was told to the kernel. */
export interface StoredContainer {
  readonly cgroupId: bigint;
  readonly cgroupPath: string;
  readonly rootDevice: bigint;
  readonly setId: number;
  readonly facts: ContainerFacts;
  readonly retiredUnixMs?: number;
}

export interface KernelState {
  /** Of the rings that belong to the maps: 0n: none. */
  readonly instance: bigint;
  /** Set of containers that nobody has claimed. */
  readonly unknownSet: number;
  readonly sets: readonly StoredSet[];
  readonly containers: readonly StoredContainer[];
}

/** Only the form of the file; bigint and bytes as text. */
interface StoredJson {
  readonly instance: string;
  readonly unknownSet: number;
  readonly sets: readonly {
    id: number;
    table: string;
    responses: string[];
    patterns: string;
    retired?: number;
  }[];
  readonly containers: readonly {
    cgroup: string;
    path: string;
    root: string;
    set: number;
    facts: ContainerFacts;
    retired?: number;
  }[];
}

/**
 * Remembers what the ids in the kernel's maps stand for, because the maps and unread records that
 * name these ids outlive the agent. Written before the kernel is told, without a sync: after a
 * power failure the maps are gone too.
 */
export class KernelStateFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** undefined: there is none, or not one of ours. */
  load(): KernelState | undefined {
    try {
      // The file is ours alone (0600), so its form is trusted; a torn one does not parse.
      return stateFromJson(JSON.parse(readFileSync(this.#path, 'utf8')) as StoredJson);
    } catch (error) {
      if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  save(state: KernelState): void {
    const temporary = `${this.#path}.tmp`;
    writeFileSync(temporary, JSON.stringify(jsonFromState(state)), { mode: 0o600 });
    renameSync(temporary, this.#path);
  }
}

function jsonFromState(state: KernelState): StoredJson {
  return {
    instance: `${state.instance}`,
    unknownSet: state.unknownSet,
    sets: state.sets.map((set) => ({
      id: set.id,
      table: set.table.toString('base64'),
      responses: set.responses.map((response) => response.toString('base64')),
      patterns: set.patterns,
      ...(set.retiredUnixMs !== undefined && { retired: set.retiredUnixMs }),
    })),
    containers: state.containers.map((container) => ({
      cgroup: `${container.cgroupId}`,
      path: container.cgroupPath,
      root: `${container.rootDevice}`,
      set: container.setId,
      facts: container.facts,
      ...(container.retiredUnixMs !== undefined && { retired: container.retiredUnixMs }),
    })),
  };
}

function stateFromJson(json: StoredJson): KernelState {
  return {
    instance: BigInt(json.instance),
    unknownSet: json.unknownSet,
    sets: json.sets.map((set) => ({
      id: set.id,
      table: Buffer.from(set.table, 'base64'),
      responses: set.responses.map((response) => Buffer.from(response, 'base64')),
      patterns: set.patterns,
      ...(set.retired !== undefined && { retiredUnixMs: set.retired }),
    })),
    containers: json.containers.map((container) => ({
      cgroupId: BigInt(container.cgroup),
      cgroupPath: container.path,
      rootDevice: BigInt(container.root),
      setId: container.set,
      facts: container.facts,
      ...(container.retired !== undefined && { retiredUnixMs: container.retired }),
    })),
  };
}
