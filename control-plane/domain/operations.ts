import { OPERATIONS, type Operation } from '../../proto/ts/policy/model.js';

export type FileEventType = 'creation' | 'change' | 'deletion' | 'access' | 'info';

/**
 * An act on a file can be several operations; the first of these names it. A rename also creates and
 * deletes names, and what is done to an executable is done to a file too.
 */
const MAIN_FIRST = [
  'renameFile',
  'deleteFile',
  'createExecutable',
  'modifyExecutable',
  'createFile',
  'modifyFile',
  'openFile',
] as const satisfies readonly Operation[];

/** Words of the policy language for the bits of Event.operations; operation_N for those of a later version. */
export function operationNames(bits: number): string[] {
  return Array.from({ length: 32 }, (_, index) => index)
    .filter((index) => (bits >>> index) & 1)
    .map((index) => {
      const known = Object.entries(OPERATIONS).find(([, number]) => number === index + 1);
      return known?.[0] ?? `operation_${index + 1}`;
    });
}

/** What an act on a file is called; undefined: nothing is told of it. */
export function mainOperation(operations: readonly string[]): string | undefined {
  return MAIN_FIRST.find((name) => operations.includes(name)) ?? operations[0];
}

/** ECS' types of an act on a file: of all that it is. */
export function fileEventTypes(operations: readonly string[]): FileEventType[] {
  const isAny = (...names: Operation[]) => names.some((name) => operations.includes(name));
  const types: FileEventType[] = [];
  if (isAny('createFile')) types.push('creation');
  if (isAny('modifyFile', 'modifyExecutable', 'renameFile') || isMadeExecutable(operations)) {
    types.push('change');
  }
  if (isAny('deleteFile')) types.push('deletion');
  if (isAny('openFile')) types.push('access');
  return types.length > 0 ? types : ['info'];
}

/** A file that existed got its first execute bit: one that comes to exist with it is created as a file too. */
export function isMadeExecutable(operations: readonly string[]): boolean {
  return operations.includes('createExecutable') && !operations.includes('createFile');
}
