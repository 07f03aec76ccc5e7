import type { BoundResponse, BoundSelector, BoundSet } from '../../proto/ts/policy/bind.js';

export type PathUse = 'target' | 'executable';

/** A selector and a response for each list of patterns; `uses`: which path a selector asks for, in turns. */
export function boundSetOf(
  lists: readonly (readonly string[])[],
  uses: readonly PathUse[],
): BoundSet {
  const selectors = lists.map((_, at): BoundSelector => {
    const use = uses[at % uses.length];
    return {
      operations: ['openFile', 'modifyFile'],
      origins: [],
      executable: use === 'executable' ? at : undefined,
      parentExecutable: undefined,
      target: use === 'target' ? at : undefined,
      args: undefined,
      userIds: [],
      capabilities: [],
      interactive: undefined,
      ignoreVolumes: undefined,
      byName: false,
    };
  });
  const responses = lists.map((_, at): BoundResponse => {
    const exclude = at % 2 === 0 ? [] : [(at + 1) % lists.length];
    return {
      match: [at],
      exclude,
      actions: at % 3 === 0 ? ['alert', 'block'] : ['log'],
      observe: false,
      ref: {
        policyId: 'p',
        policyVersion: 1,
        policyName: 'bench',
        section: 'file',
        response: at,
        selectors: [`s${at}`],
        actions: [],
      },
    };
  });
  return { selectors, responses, pathLists: lists, argLists: [] };
}
