import { type BoundSet, bindPolicies } from '../../../proto/ts/policy/bind.js';
import {
  encodeResponseRef,
  kernelAutomaton,
  kernelTable,
} from '../../../proto/ts/policy/kernel-table.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import { FACTS } from '../../kernel/stage.js';
import { boundSetOf } from '../bound-set.js';

/** As the engine takes it. */
export interface KernelSet {
  readonly id: number;
  readonly table: Uint8Array;
  readonly responses: readonly Uint8Array[];
  readonly automaton: Uint8Array;
}

/** The default policy, but for the files that it logs for detection rules. */
const DEFAULT_POLICY = `
process:
  selectors:
    - name: processes
      operation: [fork, exec]
    - name: drifted
      operation: [exec, load]
      executableOrigin: [writable, memory]
  responses:
    - match: [processes]
      actions: [log]
    - match: [drifted]
      actions: [alert]
file:
  selectors:
    - name: executableChanges
      operation: [createExecutable, modifyExecutable]
  responses:
    - match: [executableChanges]
      actions: [alert]
`;

export function defaultSet(id: number): KernelSet {
  const { policy } = parsePolicy(DEFAULT_POLICY);
  if (!policy) throw new Error('the default policy is refused');
  const bundled = { policyId: 'p', version: 1, name: 'default', mode: 'enforce', policy } as const;
  return kernelSet(id, bindPolicies([bundled], FACTS));
}

/**
 * 10 selectors of opens and 10 of execs, and a response that logs for each; over lists of patterns, or,
 * without any, over operations that the benchmark does not do.
 */
export function patternSet(id: number, lists: readonly (readonly string[])[]): KernelSet {
  const { selectors, responses } = boundSetOf(lists.length > 0 ? lists : Array(10).fill([]), [
    'target',
  ]);
  const count = selectors.length;
  const of = (list: number | undefined) => (lists.length > 0 ? list : undefined);
  const set: BoundSet = {
    selectors: [
      ...selectors.map((selector) => ({
        ...selector,
        operations: lists.length > 0 ? selector.operations : (['renameFile'] as const),
        target: of(selector.target),
      })),
      ...selectors.map((selector) => ({
        ...selector,
        operations: [lists.length > 0 ? ('exec' as const) : ('load' as const)],
        target: undefined,
        executable: of(selector.target),
      })),
    ],
    responses: [0, count].flatMap((by) =>
      responses.map((response) => ({
        ...response,
        match: response.match.map((at) => at + by),
        exclude: response.exclude.map((at) => at + by),
        actions: ['log'] as const,
      })),
    ),
    pathLists: lists,
    argLists: [],
  };
  return kernelSet(id, set);
}

function kernelSet(id: number, set: BoundSet): KernelSet {
  return {
    id,
    table: kernelTable(set),
    responses: set.responses.map(({ ref }) => encodeResponseRef(ref)),
    automaton: kernelAutomaton(set),
  };
}
