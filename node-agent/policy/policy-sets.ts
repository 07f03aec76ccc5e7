import { createHash } from 'node:crypto';
import type { BoundSet } from '../../proto/ts/policy/bind.js';
import {
  encodeResponseRef,
  kernelAutomaton,
  kernelTable,
} from '../../proto/ts/policy/kernel-table.js';
import type { StoredSet } from './kernel-state.js';

/** A bound set in the form that the kernel takes. */
export interface CompiledSet {
  /** Names the content: equal keys are equal verdicts, told under equal names. */
  readonly key: string;
  readonly table: Buffer;
  readonly responses: readonly Buffer[];
  /** Names its path patterns, '' where it has none. */
  readonly patterns: string;
  /** Of its path patterns, empty where it has none. Some seconds for the most. @throws AutomatonTooLarge */
  readonly buildAutomaton: () => Uint8Array;
}

/** The id that stands for "no policy". */
export const NO_SET = 0;

/** undefined: nothing in it can ever fire. */
export function compileSet(bound: BoundSet): CompiledSet | undefined {
  if (bound.responses.length === 0) return undefined;
  const table = Buffer.from(kernelTable(bound));
  const responses = bound.responses.map(({ ref }) => Buffer.from(encodeResponseRef(ref)));
  const patterns = hashOf(bound.pathLists);
  const key = keyOf(table, responses, patterns);
  return { key, table, responses, patterns, buildAutomaton: () => kernelAutomaton(bound) };
}

export function keyOfStored(set: StoredSet): string {
  return keyOf(set.table, set.responses, set.patterns);
}

function hashOf(pathLists: readonly (readonly string[])[]): string {
  if (pathLists.length === 0) return '';
  return createHash('sha256').update(JSON.stringify(pathLists)).digest('base64');
}

function keyOf(table: Buffer, responses: readonly Buffer[], patterns: string): string {
  const hash = createHash('sha256').update(table).update(patterns);
  for (const response of responses) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(response.length);
    hash.update(length).update(response);
  }
  return hash.digest('base64');
}
